"""The same gradients at full speed: buffers made once, results written in place.

The plain models read like the page; every operation makes a new tensor, and small
tensors cost more to make than to fill. Here every tensor of a step is made once for a
shape of minibatch and filled again and again, and gradients are written straight into
the flat vector. Each fast step is held by a test against the plain one, which the book
derives and every witness has checked.
"""

from typing import Any

from torch import Tensor

from ...models import GPT, MLP, Tree
from ..flat import Flat
from .gpt import FastGPT
from .mlp import FastMLP
from .parts import Pool
from .tree import FastTree

__all__ = ["Fast", "FastGPT", "FastMLP", "FastTree"]

KINDS: dict[type, Any] = {MLP: FastMLP, Tree: FastTree, GPT: FastGPT}


def has_fast_form(model: Any) -> bool:
    """There is a fast step for this model."""
    drop = getattr(model, "drop", None)
    plain = getattr(model, "correction", 0) == 0
    plain = plain and getattr(model, "attention", "plain") == "plain"
    return type(model) in KINDS and plain and (drop is None or drop.p == 0)


class Fast:
    """The gradient of a model's loss, by buffers that are kept for each shape.

    Args:
        model: an MLP, a Tree or a GPT without dropout, with plain attention.
        flat: its flat vectors, on the CPU.

    Raises:
        ValueError: there is no fast form of this model.
    """

    def __init__(self, model: Any, flat: Flat) -> None:
        if not has_fast_form(model):
            raise ValueError(
                f"Fast: no fast form of this {type(model).__name__}; train it plainly"
            )
        kind = KINDS[type(model)]
        self.model, self.flat, self.kind = model, flat, kind
        self.steps: dict[tuple[int, ...], Any] = {}
        self.pool, self.largest = Pool(model.named()[0][1]), 0

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write the gradient of the mean loss into ``flat.g``; returns the loss.

        X (B, T) and Y as the model wants them; negative targets do not count.
        """
        shape = tuple(X.shape)
        if shape not in self.steps:
            if X.numel() > self.largest:  # its storages will be larger than the others'
                self.steps, self.largest = {}, X.numel()
            self.pool.next = 0
            self.steps[shape] = self.kind(self.model, shape, self.pool)
        return float(self.steps[shape].gradient(X, Y))

"""The same gradients at full speed: buffers made once, results written in place.

The plain models read like the page; every operation makes a new tensor, and small
tensors cost more to make than to fill. Here every tensor of a step is made once for a
shape of minibatch and filled again and again, and gradients are written straight into
the flat vector. Each fast step is held by a test against the plain one, which the book
derives and every witness has checked.
"""

from typing import Any

from torch import Tensor

from ..flat import Flat
from ..models import GPT, MLP, Tree
from .gpt import FastGPT
from .mlp import FastMLP
from .tree import FastTree

__all__ = ["Fast", "FastGPT", "FastMLP", "FastTree"]

KINDS: dict[type, Any] = {MLP: FastMLP, Tree: FastTree, GPT: FastGPT}


class Fast:
    """The gradient of a model's loss, by buffers that are kept for each shape.

    Args:
        model: an MLP, a Tree or a GPT without dropout.
        flat: its flat vectors.

    Raises:
        ValueError: there is no fast form of this model.
    """

    def __init__(self, model: Any, flat: Flat) -> None:
        kind = KINDS.get(type(model))
        drop = getattr(model, "drop", None)
        if kind is None or (drop is not None and drop.p > 0):
            raise ValueError(
                f"Fast: no fast form of {type(model).__name__}"
                + (" with dropout" if kind else "")
                + "; train it plainly"
            )
        self.model, self.flat, self.kind = model, flat, kind
        self.steps: dict[tuple[int, ...], Any] = {}

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write the gradient of the mean loss into ``flat.g``; returns the loss.

        X (B, T) and Y as the model wants them; negative targets do not count.
        """
        shape = tuple(X.shape)
        if shape not in self.steps:
            self.steps[shape] = self.kind(self.model, shape)
        return float(self.steps[shape].gradient(X, Y))

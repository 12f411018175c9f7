"""The plainest training: minibatches, gradients by hand, a step against them."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from ..data import minibatch
from ..ops import cross_entropy, cross_entropy_backward
from .flat import Named


class Model(Named, Protocol):
    """What :func:`sgd` asks of a model."""

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T)  ->  logits (B, V), cache."""

    def backward(self, dlogits: Tensor, cache: Any) -> None:
        """Add the gradients."""

    def zero_grad(self) -> None:
        """Set every gradient to zero."""


def step(model: Model, X: Tensor, Y: Tensor, rate: float) -> float:
    """One step of gradient descent on one batch; returns its loss before the step.

    X (B, T) and Y (B) are symbols, ``rate`` is the learning rate.

    Raises:
        ValueError: the loss is not a finite number.
    """
    logits, cache = model.forward(X)
    loss, c_loss = cross_entropy(logits, Y)
    value = loss.item()
    if not math.isfinite(value):
        raise ValueError(
            f"step: the loss is {value}; the parameters have grown out of range: "
            f"start again with a learning rate below {rate:g}"
        )
    model.zero_grad()
    model.backward(cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
    for _, p, grad in model.named():
        p -= rate * grad
    return value


def sgd(
    model: Model,
    X: Tensor,
    Y: Tensor,
    steps: int,
    rate: Callable[[int], float],
    size: int,
    generator: Generator,
) -> list[float]:
    """Stochastic gradient descent; returns the loss of every minibatch, in nats.

    The whole run is in inference mode, where PyTorch records nothing: the gradients
    can come from nowhere but ``model.backward``.

    Args:
        model: changed in place.
        X: (N, T) windows.
        Y: (N) targets.
        steps: how many minibatches.
        rate: learning rate of step 0, 1, 2 ...
        size: rows of a minibatch, drawn with replacement.
        generator: draws the minibatches.
    """
    losses = []
    with torch.inference_mode():
        for i in range(steps):
            Xb, Yb = minibatch(X, Y, size, generator)
            losses.append(step(model, Xb, Yb, rate(i)))
    return losses

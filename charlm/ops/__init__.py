"""The gradients of the book, each one a pair of plain functions.

A *pair* is a function ``f`` and its sibling ``f_backward``::

    y, cache = f(*inputs)
    dx, dW, db = f_backward(dy, cache)

``dy`` is the gradient of the loss with respect to ``y`` and has its shape.
``f_backward`` returns one gradient per floating-point tensor among the inputs, in the
order of the arguments; a single one is returned bare. Pairs write to no input, hold no
state and draw no random numbers.

The name is the registry: :func:`pairs` finds every pair by its name, nothing is listed
by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .activation import tanh, tanh_backward
from .loss import cross_entropy, cross_entropy_backward
from .matrix import embedding, embedding_backward, linear, linear_backward
from .norm import (
    batchnorm,
    batchnorm_backward,
    batchnorm_eval,
    batchnorm_eval_backward,
)

__all__ = [
    "Pair",
    "batchnorm",
    "batchnorm_backward",
    "batchnorm_eval",
    "batchnorm_eval_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "embedding",
    "embedding_backward",
    "linear",
    "linear_backward",
    "pairs",
    "tanh",
    "tanh_backward",
]


@dataclass(frozen=True)
class Pair:
    """A function and the function that computes its gradients."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]


def pairs() -> dict[str, Pair]:
    """Find every pair of the package: name -> :class:`Pair`, sorted by name."""
    found = {}
    for info in iter_modules(__path__):
        names = vars(import_module(f"{__name__}.{info.name}"))
        for name, forward in names.items():
            backward = names.get(f"{name}_backward")
            if callable(forward) and callable(backward):
                found[name] = Pair(name, forward, backward)
    return dict(sorted(found.items()))

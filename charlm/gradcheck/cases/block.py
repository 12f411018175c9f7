"""Residual sums and dropout."""

from torch import Generator

from .draw import Inputs, rand_bool, randn


def residual(g: Generator) -> Inputs:
    """Any shape."""
    yield "matrix", (randn(g, 4, 3), randn(g, 4, 3)), {}
    yield "sequence", (randn(g, 2, 3, 2), randn(g, 2, 3, 2)), {}
    yield "empty", (randn(g, 0, 3), randn(g, 0, 3)), {}


def dropout(g: Generator) -> Inputs:
    """Some kept, all, none; nothing to drop."""
    yield "half", (randn(g, 4, 3), rand_bool(g, 4, 3)), {"p": 0.5}
    yield "a few", (randn(g, 2, 3, 4), rand_bool(g, 2, 3, 4)), {"p": 0.1}
    yield "all kept", (randn(g, 3, 2), rand_bool(g, 3, 2) | True), {"p": 0.3}
    yield "none kept", (randn(g, 3, 2), rand_bool(g, 3, 2) & False), {"p": 0.9}
    yield "p is 0", (randn(g, 3), rand_bool(g, 3) | True), {"p": 0.0}

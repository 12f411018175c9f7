"""Positions."""

from torch import Generator

from .draw import Inputs, randn


def add_positions(g: Generator) -> Inputs:
    """A table that fits and one that is longer; no batch, two batch axes."""
    yield "fits", (randn(g, 2, 4, 3), randn(g, 4, 3)), {}
    yield "longer table", (randn(g, 3, 2, 3), randn(g, 5, 3)), {}
    yield "no batch", (randn(g, 4, 2), randn(g, 4, 2)), {}
    yield "two batch axes", (randn(g, 2, 2, 3, 2), randn(g, 3, 2)), {}


def rope(g: Generator) -> Inputs:
    """One position, one pair, heads, another base."""
    yield "sequence", (randn(g, 2, 5, 4),), {}
    yield "heads", (randn(g, 2, 2, 3, 4),), {}
    yield "one position", (randn(g, 2, 1, 4),), {}
    yield "one pair", (randn(g, 6, 2),), {}
    yield "another base", (randn(g, 1, 4, 6),), {"base": 100.0}
    yield "later", (randn(g, 2, 3, 4),), {"start": 5}

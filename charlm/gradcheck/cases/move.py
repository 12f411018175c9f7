"""Rearrangements."""

from torch import Generator

from .draw import Inputs, randint, randn


def transpose(g: Generator) -> Inputs:
    """First, last, inner axes, by positive and negative number."""
    yield "matrix", (randn(g, 4, 3),), {"first": 0, "second": 1}
    yield "last two", (randn(g, 2, 3, 4),), {"first": -2, "second": -1}
    yield "outer two", (randn(g, 2, 3, 4),), {"first": 0, "second": 2}
    yield "an axis and itself", (randn(g, 2, 3),), {"first": 1, "second": -1}


def permute(g: Generator) -> Inputs:
    """Orders that are not their own inverse."""
    yield "cycle", (randn(g, 2, 3, 4),), {"order": (1, 2, 0)}
    yield "four axes", (randn(g, 2, 3, 4, 2),), {"order": (3, 0, 2, 1)}
    yield "exchange", (randn(g, 2, 3),), {"order": (1, 0)}


def view(g: Generator) -> Inputs:
    """Splitting, flattening, an axis left to be found."""
    yield "flatten", (randn(g, 2, 3, 4),), {"shape": (6, 4)}
    yield "split", (randn(g, 6, 2),), {"shape": (2, 3, 2)}
    yield "across rows", (randn(g, 4, 3),), {"shape": (3, 4)}
    yield "the rest", (randn(g, 4, 3),), {"shape": (2, -1)}
    yield "empty", (randn(g, 0, 3),), {"shape": (3, 0)}


def gather(g: Generator) -> Inputs:
    """Repeated indices, more reads than places, one index, none."""
    yield "one per row", (randn(g, 4, 5), randint(g, 5, 4, 1)), {}
    yield "repeated", (randn(g, 3, 2), randint(g, 2, 3, 6)), {}
    yield "three axes", (randn(g, 2, 3, 4), randint(g, 4, 2, 3, 2)), {}
    yield "vector", (randn(g, 5), randint(g, 5, 3)), {}
    yield "no index", (randn(g, 2, 3), randint(g, 3, 2, 0)), {}


def scatter_add(g: Generator) -> Inputs:
    """Collisions, places that get nothing."""
    yield "collisions", (randn(g, 3, 6), randint(g, 2, 3, 6)), {"size": 2}
    yield "places left empty", (randn(g, 2, 3), randint(g, 4, 2, 3)), {"size": 9}
    yield "three axes", (randn(g, 2, 3, 4), randint(g, 3, 2, 3, 4)), {"size": 3}
    yield "vector", (randn(g, 4), randint(g, 5, 4)), {"size": 5}


def split_heads(g: Generator) -> Inputs:
    """One head, several, width one; one position."""
    yield "two heads", (randn(g, 2, 3, 4),), {"heads": 2}
    yield "one head", (randn(g, 2, 3, 4),), {"heads": 1}
    yield "heads of width one", (randn(g, 1, 2, 3),), {"heads": 3}
    yield "one position", (randn(g, 2, 1, 6),), {"heads": 3}


def merge_heads(g: Generator) -> Inputs:
    """As for the splitting."""
    yield "two heads", (randn(g, 2, 2, 3, 4),), {}
    yield "one head", (randn(g, 2, 1, 3, 4),), {}
    yield "heads of width one", (randn(g, 1, 3, 2, 1),), {}


def flatten_consecutive(g: Generator) -> Inputs:
    """Pairs, threes, all at once, each by itself."""
    yield "pairs", (randn(g, 2, 6, 3),), {"n": 2}
    yield "threes", (randn(g, 2, 6, 2),), {"n": 3}
    yield "all", (randn(g, 3, 4, 2),), {"n": 4}
    yield "each", (randn(g, 1, 3, 2),), {"n": 1}

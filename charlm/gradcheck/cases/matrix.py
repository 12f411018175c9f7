"""Products and lookups."""

import torch
from torch import Generator

from .draw import Inputs, randint, randn


def linear(g: Generator) -> Inputs:
    """Shapes that are not square, one row, extra leading axes."""
    for label, shape in (
        ("matrix", (5,)),
        ("one row", (1,)),
        ("one vector", ()),
        ("sequence", (2, 3)),
        ("no rows", (0,)),
    ):
        yield label, (randn(g, *shape, 4), randn(g, 4, 3), randn(g, 3)), {}
    yield "square", (randn(g, 5, 4), randn(g, 4, 4), randn(g, 4)), {}
    yield "width one", (randn(g, 3, 1), randn(g, 1, 1), randn(g, 1)), {}


def embedding(g: Generator) -> Inputs:
    """Repeated indices, rows that are never looked up."""
    yield "windows", (randint(g, 7, 5, 3), randn(g, 7, 2)), {}
    yield "all the same row", (torch.full((6,), 2), randn(g, 4, 3)), {}
    yield "rows never used", (randint(g, 2, 4), randn(g, 9, 3)), {}
    yield "one index", (torch.tensor(3), randn(g, 5, 2)), {}
    yield "no indices", (randint(g, 5, 0), randn(g, 5, 2)), {}


def unembedding(g: Generator) -> Inputs:
    """Fewer and more symbols than features, one row, extra leading axes."""
    yield "matrix", (randn(g, 5, 3), randn(g, 7, 3)), {}
    yield "one row, few symbols", (randn(g, 1, 5), randn(g, 2, 5)), {}
    yield "sequence", (randn(g, 2, 3, 4), randn(g, 5, 4)), {}
    yield "no rows", (randn(g, 0, 4), randn(g, 5, 4)), {}


def matmul(g: Generator) -> Inputs:
    """No batch, one and two batch axes, inner length one."""
    yield "matrices", (randn(g, 3, 4), randn(g, 4, 2)), {}
    yield "batch", (randn(g, 2, 3, 4), randn(g, 2, 4, 5)), {}
    yield "two batch axes", (randn(g, 2, 2, 1, 3), randn(g, 2, 2, 3, 4)), {}
    yield "outer product", (randn(g, 4, 1), randn(g, 1, 3)), {}
    yield "inner product", (randn(g, 1, 4), randn(g, 4, 1)), {}
    yield "empty batch", (randn(g, 0, 2, 3), randn(g, 0, 3, 2)), {}

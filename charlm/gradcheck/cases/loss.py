"""Scores, probabilities and losses."""

import torch
from torch import Generator

from .draw import Inputs, randint, randn


def softmax(g: Generator) -> Inputs:
    """Scores of every size, ties, one class, a masked entry."""
    yield "matrix", (randn(g, 4, 5),), {}
    yield "three axes", (randn(g, 2, 3, 4),), {}
    yield "one row", (randn(g, 5),), {}
    yield "one class", (randn(g, 3, 1),), {}
    yield "spread", (8 * randn(g, 3, 4),), {}
    yield "near 1e4", (randn(g, 2, 5) + torch.tensor([[1e4], [-1e4]]),), {}
    yield "ties", (torch.zeros(2, 3),), {}
    yield "no rows", (randn(g, 0, 3),), {}


def log_softmax(g: Generator) -> Inputs:
    """As for softmax."""
    yield from softmax(g)


def cross_entropy(g: Generator) -> Inputs:
    """Logits of every size, ties for the maximum, one class."""
    yield "batch", (randn(g, 6, 5), randint(g, 5, 6)), {}
    yield "one row", (randn(g, 1, 5), randint(g, 5, 1)), {}
    yield "sequence", (randn(g, 2, 3, 4), randint(g, 4, 2, 3)), {}
    yield "spread logits", (10 * randn(g, 4, 5), randint(g, 5, 4)), {}
    shifted = randn(g, 3, 5) + torch.tensor([[1e4], [-1e4], [0.0]])
    yield "logits near 1e4", (shifted, randint(g, 5, 3)), {}
    yield "ties", (torch.zeros(3, 4), randint(g, 4, 3)), {}
    yield "one class", (randn(g, 3, 1), torch.zeros(3, dtype=torch.long)), {}
    ignored = torch.tensor([1, -1, 3, -1, 0])
    yield "ignored targets", (randn(g, 5, 4), ignored), {}
    yield "one target counts", (randn(g, 3, 4), torch.tensor([-1, 2, -1])), {}
    yield "label smoothing", (randn(g, 5, 4), randint(g, 4, 5)), {"smoothing": 0.1}
    for temperature in (0.5, 3.0):
        options = {"temperature": temperature}
        yield f"temperature {temperature}", (randn(g, 4, 5), randint(g, 5, 4)), options
    options = {"smoothing": 0.3, "temperature": 2.0}
    padded = torch.tensor([[1, 0, -1], [2, -1, -1]])
    yield "all options", (randn(g, 2, 3, 4), padded), options


def l2(g: Generator) -> Inputs:
    """Any shape; no strength."""
    yield "matrix", (randn(g, 4, 3),), {"strength": 0.1}
    yield "vector", (randn(g, 5),), {"strength": 2.0}
    yield "no strength", (randn(g, 3),), {"strength": 0.0}

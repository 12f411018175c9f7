"""Copies and sums."""

import torch
from torch import Generator

from .draw import Inputs, randn


def broadcast_to(g: Generator) -> Inputs:
    """New axes in front, axes of length one, both, none, a single number."""
    for label, small, large in (
        ("new axis", (3,), (4, 3)),
        ("axis of one to two", (3, 1), (3, 2)),
        ("axis of one", (4, 1), (4, 3)),
        ("both", (3, 1, 2), (5, 3, 4, 2)),
        ("two new axes", (2,), (3, 4, 2)),
        ("one stays one", (1, 3), (2, 1, 3)),
        ("a number", (), (2, 3)),
        ("nothing to do", (2, 3), (2, 3)),
        ("no rows", (1, 3), (0, 3)),
    ):
        yield label, (randn(g, *small),), {"shape": large}


def sum_over(g: Generator) -> Inputs:
    """Every axis, from both ends, kept and not; one number, length one."""
    yield "columns", (randn(g, 4, 3),), {"axis": 0}
    yield "rows", (randn(g, 4, 3),), {"axis": -1}
    yield "rows, kept", (randn(g, 4, 3),), {"axis": 1, "keepdim": True}
    yield "middle", (randn(g, 2, 3, 4),), {"axis": 1}
    yield "middle, kept", (randn(g, 2, 3, 4),), {"axis": -2, "keepdim": True}
    yield "to one number", (randn(g, 5),), {"axis": 0}
    yield "length one", (randn(g, 1, 3),), {"axis": 0}


def mean_over(g: Generator) -> Inputs:
    """As for the sum."""
    yield from sum_over(g)


def max_over(g: Generator) -> Inputs:
    """As for the sum; ties of two, of three, of all."""
    yield from sum_over(g)
    tied = torch.tensor([[2.0, 1.0, 2.0], [3.0, 3.0, 3.0], [0.0, 5.0, 4.0]])
    yield "kink: ties", (tied,), {"axis": 1}
    yield "kink: ties, kept", (tied,), {"axis": 1, "keepdim": True}

"""What stands where: rotations, and means of what came before."""

import torch
from torch import Generator, Tensor

from ... import ops
from ..cases.draw import randn
from .task import Draws, task


def _rows(g: Generator) -> Draws:
    for label, T, D in (("eight features", 9, 8), ("one pair", 4, 2)):
        yield label, (randn(g, T, D),)


def _turned(x: Tensor, way: float = 1.0, step: int = 2, start: int = 0) -> Tensor:
    """Feature i with i + D/2, by an angle of ``way`` times the usual one."""
    T, D = x.shape
    fall = 10_000.0 ** (-step * torch.arange(D // 2, dtype=x.dtype) / D)
    angle = way * (start + torch.arange(T, dtype=x.dtype))[:, None] * fall
    a, b = x.chunk(2, -1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


@task(
    _rows,
    "y",
    slips={
        "neighbours are paired, as ops.rope does": lambda x: ops.rope(x)[0],
        "it turns backwards: the sines have the wrong sign": lambda x: _turned(x, -1),
        "the angles fall too slowly: i / D in the exponent is due to be 2i / D": (
            lambda x: _turned(x, step=1)
        ),
        "the first position is 1; it should be 0, which turns nothing": (
            lambda x: _turned(x, start=1)
        ),
    },
)
def rope_halves(x: Tensor) -> Tensor:
    """x (T, D)  ->  y (T, D): features i and i + D/2 turned as a pair."""
    return _turned(x)


def _values(g: Generator) -> Draws:
    yield "five rows", (randn(g, 5, 2),)
    yield "one row", (randn(g, 1, 3),)


@task(
    _values,
    "y",
    slips={
        "the sum is not divided by the number of rows so far": lambda v: v.cumsum(0),
        "the sum is divided by the number of all rows": (
            lambda v: v.cumsum(0) / len(v)
        ),
        "row t is left out of its own mean": (
            lambda v: (v.cumsum(0) - v) / torch.arange(1, len(v) + 1)[:, None]
        ),
        "it is the mean of all rows, those that come later among them": (
            lambda v: v.mean(0).expand_as(v)
        ),
    },
)
def running_mean(v: Tensor) -> Tensor:
    """v (T, E)  ->  y (T, E): the mean of rows up to t."""
    return v.cumsum(0) / torch.arange(1, len(v) + 1)[:, None]

"""Inputs to check every pair on, awkward ones among them.

For the pair ``f`` of :mod:`charlm.ops` the function ``f`` of this module yields
``label, inputs, options``: a few words, the tensor arguments and the keyword arguments.
The name is the registry here too: a pair without cases fails the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from . import ops

Inputs = Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """One set of inputs for a pair."""

    pair: str
    label: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]

    def forward(self, *inputs: Any) -> Any:
        """The pair's forward with the options of this case."""
        return getattr(ops, self.pair)(*inputs, **self.options)


def cases(pair: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Case]:
    """All cases of a pair, by default in float64.

    Raises:
        ValueError: this module has no function of that name.
    """
    make = globals().get(pair) if pair in ops.pairs() else None
    if make is None:
        raise ValueError(
            f"cases: no inputs for {pair!r}: add a function of that name to "
            "charlm/cases.py"
        )
    g = Generator().manual_seed(seed)
    return [
        Case(pair, label, tuple(_cast(value, dtype) for value in inputs), options)
        for label, inputs, options in make(g)
    ]


def _cast(value: Any, dtype: torch.dtype) -> Any:
    is_float = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(dtype) if is_float else value


def _randn(g: Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=g, dtype=torch.float64)


def _randint(g: Generator, high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape, generator=g)


def linear(g: Generator) -> Inputs:
    """Shapes that are not square, one row, extra leading axes."""
    for label, shape in (
        ("matrix", (5,)),
        ("one row", (1,)),
        ("one vector", ()),
        ("sequence", (2, 3)),
        ("no rows", (0,)),
    ):
        yield label, (_randn(g, *shape, 4), _randn(g, 4, 3), _randn(g, 3)), {}
    yield "width one", (_randn(g, 3, 1), _randn(g, 1, 1), _randn(g, 1)), {}


def embedding(g: Generator) -> Inputs:
    """Repeated indices, rows that are never looked up."""
    yield "windows", (_randint(g, 7, 5, 3), _randn(g, 7, 2)), {}
    yield "all the same row", (torch.full((6,), 2), _randn(g, 4, 3)), {}
    yield "rows never used", (_randint(g, 2, 4), _randn(g, 9, 3)), {}
    yield "one index", (torch.tensor(3), _randn(g, 5, 2)), {}
    yield "no indices", (_randint(g, 5, 0), _randn(g, 5, 2)), {}


def tanh(g: Generator) -> Inputs:
    """Any shape, and saturated units."""
    yield "matrix", (_randn(g, 4, 3),), {}
    yield "three axes", (_randn(g, 2, 3, 2),), {}
    yield "saturated", (torch.tensor([-300.0, -9.0, -1e-9, 0.0, 1e-9, 9.0, 300.0]),), {}
    yield "empty", (_randn(g, 0, 3),), {}


def cross_entropy(g: Generator) -> Inputs:
    """Logits of every size, ties for the maximum, one class."""
    yield "batch", (_randn(g, 6, 5), _randint(g, 5, 6)), {}
    yield "one row", (_randn(g, 1, 5), _randint(g, 5, 1)), {}
    yield "sequence", (_randn(g, 2, 3, 4), _randint(g, 4, 2, 3)), {}
    yield "spread logits", (10 * _randn(g, 4, 5), _randint(g, 5, 4)), {}
    shifted = _randn(g, 3, 5) + torch.tensor([[1e4], [-1e4], [0.0]])
    yield "logits near 1e4", (shifted, _randint(g, 5, 3)), {}
    yield "ties", (torch.zeros(3, 4), _randint(g, 4, 3)), {}
    yield "one class", (_randn(g, 3, 1), torch.zeros(3, dtype=torch.long)), {}


def batchnorm(g: Generator) -> Inputs:
    """Both variances, few rows, three axes, tiny and shifted features."""
    for label, shape, options in (
        ("matrix", (6, 4), {}),
        ("Bessel's correction", (6, 4), {"correction": 1}),
        ("two rows", (2, 3), {}),
        ("two rows, Bessel", (2, 3), {"correction": 1}),
        ("one row", (1, 3), {}),
        ("three axes", (3, 4, 2), {}),
        ("three axes, Bessel", (3, 4, 2), {"correction": 1}),
        ("large eps", (5, 3), {"eps": 0.7}),
    ):
        x, gamma, beta = _randn(g, *shape), _randn(g, shape[-1]), _randn(g, shape[-1])
        yield label, (x, gamma, beta), options
    far = 3 * _randn(g, 5, 2) + 50
    yield "far from zero", (far, _randn(g, 2), _randn(g, 2)), {}


def batchnorm_eval(g: Generator) -> Inputs:
    """Statistics that are not those of the rows; one row, three axes."""
    for label, shape in (
        ("matrix", (6, 4)),
        ("one row", (1, 3)),
        ("three axes", (2, 3, 4)),
        ("no rows", (0, 3)),
    ):
        C = shape[-1]
        mean, var = _randn(g, C), torch.rand(C, generator=g, dtype=torch.float64) + 0.1
        yield label, (_randn(g, *shape), _randn(g, C), _randn(g, C), mean, var), {}

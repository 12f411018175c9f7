"""Random inputs."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

Inputs = Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]


def randn(g: Generator, *shape: int) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(shape, generator=g, dtype=torch.float64)


def randint(g: Generator, high: int, *shape: int) -> Tensor:
    """Integers from 0 to high - 1."""
    return torch.randint(high, shape, generator=g)


def rand_bool(g: Generator, *shape: int) -> Tensor:
    """Coins."""
    return torch.rand(shape, generator=g) < 0.5

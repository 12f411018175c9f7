"""Activations: functions of one number, applied to every element."""

from torch import Tensor

Cache = tuple[Tensor, ...]


def tanh(x: Tensor) -> tuple[Tensor, Cache]:
    """y = tanh(x), element by element:  x (...)  ->  y (...)."""
    y = x.tanh()  # (...)
    return y, (y,)


def tanh_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-tanh-dx. The derivative needs only the output.
    """
    (y,) = cache
    return (1 - y * y) * dy  # (...)

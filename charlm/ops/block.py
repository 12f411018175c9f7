"""What stands around the maps of a deep network: the residual sum and dropout."""

from typing import Any

from torch import Tensor

Cache = tuple[Any, ...]


def residual(x: Tensor, branch: Tensor) -> tuple[Tensor, Cache]:
    """y = x + branch:  x (...), branch (...)  ->  y (...).

    The branch only has to learn a correction.

    Source: He et al. (2016).
    """
    return x + branch, ()


def residual_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (...)  ->  dx (...), dbranch (...): both get all of it.

    Derived in eq-residual-dx, eq-residual-dbranch.
    """
    () = cache
    return dy.clone(), dy.clone()


def residual_jvp(x_dot: Tensor, branch_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...), branch_dot (...)  ->  y_dot (...). Derived in eq-jvp-linear-map."""
    () = cache
    return x_dot + branch_dot


def dropout(x: Tensor, keep: Tensor, p: float) -> tuple[Tensor, Cache]:
    """Zero the elements that are not kept, scale the others by 1 / (1 - p).

    x (...), keep (...) true where an element stays, p in [0, 1)  ->  y (...).

    ``keep`` is drawn with probability 1 - p. The scale keeps the expectation of y at x,
    so that nothing has to be done at evaluation.

    Source: Srivastava et al. (2014).
    """
    mask = keep.to(x.dtype) / (1 - p)  # (...)
    return x * mask, (mask,)


def dropout_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...): through the same mask, with the same scale.

    Derived in eq-dropout-dx.
    """
    (mask,) = cache
    return mask * dy


def dropout_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-linear-map."""
    (mask,) = cache
    return x_dot * mask

"""What stands around the maps of a deep network: the residual sum and dropout."""

from typing import Any

from torch import Tensor

Cache = tuple[Any, ...]


def residual(x: Tensor, branch: Tensor) -> tuple[Tensor, Cache]:
    """y = x + branch, both of one shape: the branch only has to learn a correction.

    Raises:
        ValueError: the shapes differ.

    Source: He et al. (2016).
    """
    if x.shape != branch.shape:
        raise ValueError(
            f"residual: x is {tuple(x.shape)} and its branch {tuple(branch.shape)}; a "
            "residual sum adds tensors of one shape"
        )
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

    x (...), keep (...) true where an element stays, drawn with probability 1 - p
    -> y (...). The scale keeps the expectation of y at x, so that nothing has to be
    done at evaluation.

    Raises:
        ValueError: p is not in [0, 1).

    Source: Srivastava et al. (2014).
    """
    if not 0 <= p < 1:
        raise ValueError(
            f"dropout: p is {p}; give a probability of at least 0, below 1"
        )
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

"""Copying and adding up: each is the backward of the other."""

from typing import Any

from torch import Tensor

Cache = tuple[Any, ...]


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Cache]:
    """Copy x along axes of length one and along new leading axes.

    x (...)  ->  y of the ``shape``. This is what torch does silently in ``x + y`` when
    the shapes differ.

    Raises:
        ValueError: x cannot be copied to that shape.
    """
    try:
        y = x.expand(shape).clone()
    except (RuntimeError, TypeError):
        raise ValueError(
            f"broadcast_to: {tuple(x.shape)} cannot become {shape!r}; from the "
            "right, each axis must have the same length or length one"
        ) from None
    return y, (x.shape, y.shape)


def broadcast_to_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy, of the large shape  ->  dx, of the small one: sums over all copies.

    Derived in eq-broadcast-to-dx.
    """
    shape, _ = cache
    new = dy.dim() - len(shape)
    dx = dy.sum(tuple(range(new))) if new else dy
    copied = [i for i, n in enumerate(shape) if n == 1 and dx.shape[i] != 1]
    return dx.sum(copied, keepdim=True) if copied else dx.clone()


def broadcast_to_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot, of the small shape  ->  y_dot, of the large one.

    Derived in eq-jvp-linear-map.
    """
    _, shape = cache
    return x_dot.expand(shape).clone()


def sum_over(x: Tensor, axis: int, keepdim: bool = False) -> tuple[Tensor, Cache]:
    """Sum over one axis, which stays with length one if ``keepdim``.

    x (...), axis an axis of x  ->  y, without it.
    """
    return x.sum(axis, keepdim=keepdim), (x.shape, axis, keepdim)


def sum_over_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy without the axis (or with length one)  ->  dx with the axis: dy copied.

    Derived in eq-sum-over-dx.
    """
    shape, axis, keepdim = cache
    kept = dy if keepdim else dy.unsqueeze(axis)
    return kept.expand(shape).clone()


def sum_over_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot with the axis  ->  y_dot without it (or with length one).

    Derived in eq-jvp-linear-map.
    """
    _, axis, keepdim = cache
    return x_dot.sum(axis, keepdim=keepdim)


def mean_over(x: Tensor, axis: int, keepdim: bool = False) -> tuple[Tensor, Cache]:
    """Mean over one axis, which stays with length one if ``keepdim``.

    x (...), axis a non-empty axis of x  ->  y, without it.
    """
    return x.mean(axis, keepdim=keepdim), (x.shape, axis, keepdim)


def mean_over_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy without the axis (or with length one)  ->  dx with the axis.

    Derived in eq-mean-over-dx.
    """
    shape, axis, keepdim = cache
    kept = dy if keepdim else dy.unsqueeze(axis)
    return kept.expand(shape) / shape[axis]


def mean_over_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot with the axis  ->  y_dot without it (or with length one).

    Derived in eq-jvp-linear-map.
    """
    _, axis, keepdim = cache
    return x_dot.mean(axis, keepdim=keepdim)


def max_over(x: Tensor, axis: int, keepdim: bool = False) -> tuple[Tensor, Cache]:
    """Largest value along one axis; entries that tie for it share its gradient.

    x (...), axis a non-empty axis of x  ->  y, without it.
    """
    y = x.amax(axis, keepdim=True)
    top = (x == y).to(x.dtype)
    share = top / top.sum(axis, keepdim=True)
    return y if keepdim else y.squeeze(axis), (share, axis, keepdim)


def max_over_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy without the axis (or with length one)  ->  dx with the axis.

    Derived in eq-max-over-dx. Where entries tie there is no gradient; equal shares are
    one of the subgradients, the one that torch's ``amax`` takes.
    """
    share, axis, keepdim = cache
    kept = dy if keepdim else dy.unsqueeze(axis)
    return share * kept


def max_over_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot with the axis  ->  y_dot without it (or with length one).

    Derived in eq-jvp-linear-map: the place of the maximum stays where it is.
    """
    share, axis, keepdim = cache
    return (share * x_dot).sum(axis, keepdim=keepdim)

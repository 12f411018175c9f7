"""Moving numbers to other places; nothing is computed, so nothing is lost.

The backward of a rearrangement is the rearrangement that puts everything back.
"""

from typing import Any

from torch import Tensor

Cache = tuple[Any, ...]


def transpose(x: Tensor, first: int, second: int) -> tuple[Tensor, Cache]:
    """Exchange two axes.

    x (...), first an axis of x, second an axis of x  ->  y, where they are exchanged.
    """
    return x.transpose(first, second), (first, second)


def transpose_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy with the axes exchanged  ->  dx, exchanged back.

    Derived in eq-transpose-dx.
    """
    first, second = cache
    return dy.transpose(first, second)


def transpose_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot  ->  y_dot, its axes exchanged. Derived in eq-jvp-linear-map."""
    first, second = cache
    return x_dot.transpose(first, second)


def permute(x: Tensor, order: tuple[int, ...]) -> tuple[Tensor, Cache]:
    """Axis i of the result is axis ``order[i]`` of x:  x (...)  ->  y.

    Raises:
        ValueError: the order does not name every axis once.
    """
    try:
        y = x.permute(order)
    except (RuntimeError, IndexError, TypeError):
        raise ValueError(
            f"permute: {order!r} is no order of the {x.dim()} axes of "
            f"x {tuple(x.shape)}; name each of them once"
        ) from None
    return y, (order,)


def permute_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy with the axes in the new order  ->  dx in the old one.

    Derived in eq-permute-dx.
    """
    (order,) = cache
    inverse = [0] * len(order)
    for new, old in enumerate(order):
        inverse[old] = new
    return dy.permute(inverse)


def permute_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot  ->  y_dot, its axes in the new order. Derived in eq-jvp-linear-map."""
    (order,) = cache
    return x_dot.permute(order)


def view(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Cache]:
    """The same numbers, counted off into another shape:  x (...)  ->  y of that shape.

    Raises:
        ValueError: the shape holds another number of elements.
    """
    try:
        y = x.reshape(shape)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"view: the {x.numel()} numbers of x {tuple(x.shape)} cannot take the "
            f"shape {shape!r}; choose lengths with that product, one of them may be -1"
        ) from None
    return y, (x.shape, y.shape)


def view_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy in the new shape  ->  dx in the old one.

    Derived in eq-view-dx.
    """
    shape, _ = cache
    return dy.reshape(shape)


def view_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot in the old shape  ->  y_dot in the new one.

    Derived in eq-jvp-linear-map.
    """
    _, shape = cache
    return x_dot.reshape(shape)


def gather(x: Tensor, ix: Tensor) -> tuple[Tensor, Cache]:
    """y[..., k] = x[..., ix[..., k]].

    x (..., V), ix (..., K) integers in [0, V), K in [0, inf)  ->  y (..., K).
    """
    y = x.gather(-1, ix)  # (..., K)
    return y, (ix, x.shape)


def gather_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (..., K)  ->  dx (..., V): each place adds up all that was read from it.

    Derived in eq-gather-dx.
    """
    ix, shape = cache
    return dy.new_zeros(shape).scatter_add_(-1, ix, dy)


def gather_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., V)  ->  y_dot (..., K). Derived in eq-jvp-linear-map."""
    ix, _ = cache
    return x_dot.gather(-1, ix)  # (..., K)


def scatter_add(x: Tensor, ix: Tensor, size: int) -> tuple[Tensor, Cache]:
    """Add x[..., k] to place ix[..., k] of ``size`` places that begin as zero.

    x (..., K), ix (..., K) integers in [0, size), K in [0, inf), size in [0, inf)  ->
    y (..., size).
    """
    y = x.new_zeros((*x.shape[:-1], size)).scatter_add(-1, ix, x)  # (..., size)
    return y, (ix, size)


def scatter_add_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (..., V)  ->  dx (..., K): each number reads from where it went.

    Derived in eq-scatter-add-dx.
    """
    ix, _ = cache
    return dy.gather(-1, ix)


def scatter_add_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., K)  ->  y_dot (..., V). Derived in eq-jvp-linear-map."""
    ix, size = cache
    return scatter_add(x_dot, ix, size)[0]  # (..., V)


def split_heads(x: Tensor, heads: int) -> tuple[Tensor, Cache]:
    """Cut the features into N = ``heads`` groups of one width.

    x (B, T, E), E a multiple of heads  ->  y (B, N, T, E/N).
    """
    B, T, E = x.shape
    N = heads
    y = x.reshape(B, T, N, E // N).transpose(1, 2)  # (B, N, T, E/N)
    return y, (N,)


def split_heads_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (B, N, T, D)  ->  dx (B, T, N*D).

    Derived in eq-split-heads-dx. The number of heads stands in the shape.
    """
    return dy.transpose(1, 2).flatten(2)  # (B, T, N*D)


def split_heads_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (B, T, E)  ->  y_dot (B, N, T, E/N). Derived in eq-jvp-linear-map."""
    (heads,) = cache
    return split_heads(x_dot, heads)[0]


def merge_heads(x: Tensor) -> tuple[Tensor, Cache]:
    """Put the heads side by side again:  x (B, N, T, D)  ->  y (B, T, N*D)."""
    y = x.transpose(1, 2).flatten(2)  # (B, T, N*D)
    return y, (x.shape[1],)


def merge_heads_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (B, T, E)  ->  dx (B, N, T, E/N).

    Derived in eq-merge-heads-dx.
    """
    (N,) = cache
    B, T, E = dy.shape
    return dy.reshape(B, T, N, E // N).transpose(1, 2)  # (B, N, T, E/N)


def merge_heads_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (B, N, T, D)  ->  y_dot (B, T, N*D). Derived in eq-jvp-linear-map."""
    _ = cache
    return x_dot.transpose(1, 2).flatten(2)  # (B, T, N*D)


def flatten_consecutive(x: Tensor, n: int) -> tuple[Tensor, Cache]:
    """Put n neighbours in time side by side.

    x (B, T, C), T a multiple of n  ->  y (B, T/n, n*C).
    """
    B, T, C = x.shape
    y = x.reshape(B, T // n, n * C)  # (B, T/n, n*C)
    return y, (n,)


def flatten_consecutive_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (B, T, C)  ->  dx (B, n*T, C/n).

    Derived in eq-flatten-consecutive-dx.
    """
    (n,) = cache
    B, T, C = dy.shape
    return dy.reshape(B, n * T, C // n)  # (B, n*T, C/n)


def flatten_consecutive_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (B, T, C)  ->  y_dot (B, T/n, n*C). Derived in eq-jvp-linear-map."""
    (n,) = cache
    return flatten_consecutive(x_dot, n)[0]

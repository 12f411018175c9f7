"""Telling a model where a symbol stands."""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def add_positions(x: Tensor, P: Tensor) -> tuple[Tensor, Cache]:
    """y = x + P[:T]:  x (..., T, E), P (Tmax, E), Tmax at least T  ->  y (..., T, E).

    P holds learned positions, or the fixed ones of :func:`sinusoid`.
    """
    T = x.shape[-2]
    y = x + P[:T]  # (..., T, E)
    return y, (P.shape,)


def add_positions_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (..., T, E)  ->  dx (..., T, E), dP (Tmax, E).

    Derived in eq-add-positions-dx, eq-add-positions-dp.
    """
    (shape,) = cache
    T, E = dy.shape[-2:]
    dP = dy.new_zeros(shape)  # (Tmax, E)
    dP[:T] = dy.reshape(-1, T, E).sum(0)
    return dy.clone(), dP


def add_positions_jvp(x_dot: Tensor, P_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., T, E), P_dot (Tmax, E)  ->  y_dot (..., T, E).

    Derived in eq-jvp-linear-map.
    """
    _ = cache
    return x_dot + P_dot[: x_dot.shape[-2]]  # (..., T, E)


def angles(T: int, D: int, base: float, like: Tensor) -> Tensor:
    """Angle of position t and frequency i, t * base**(-2i/D):  (T, D/2)."""
    # .real keeps the angles real when the complex-step check passes through; half types
    # have no numbers for positions beyond the first few hundred
    dtype = torch.promote_types(like.real.dtype, torch.float32)
    t = torch.arange(T, device=like.device, dtype=dtype)  # (T)
    i = torch.arange(0, D, 2, device=like.device, dtype=dtype)  # (D/2)
    return t[:, None] * base ** (-i / D)


def sinusoid(T: int, E: int, like: Tensor, base: float = 10_000.0) -> Tensor:
    """Fixed positions (T, E): sines in the even columns, cosines in the odd ones.

    Raises:
        ValueError: E is odd.

    Source: Vaswani et al. (2017), section 3.5.
    """
    if E % 2:
        raise ValueError(
            f"sinusoid: {E} features do not form pairs; choose an even number"
        )
    angle = angles(T, E, base, like)  # (T, E/2)
    table = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)  # (T, E)
    return table.to(like.real.dtype)  # (T, E)


def rope(x: Tensor, base: float = 10_000.0, start: int = 0) -> tuple[Tensor, Cache]:
    """Rotate neighbouring pairs of features by an angle that grows with position.

    x (..., T, D), D even, base in (0, inf), start in [0, inf)  ->  y (..., T, D), the
    first row at position ``start``. The product of a rotated query and a rotated key
    depends on their distance only.

    Source: Su et al. (2021), equation 34.
    """
    T, D = x.shape[-2:]
    angle = angles(start + T, D, base, x)[start:]  # (T, D/2)
    cos, sin = angle.cos(), angle.sin()  # (T, D/2)
    return _rotate(x, cos, sin), (cos, sin)


def rope_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (..., T, D)  ->  dx (..., T, D): rotated back.

    Derived in eq-rope-dx.
    """
    cos, sin = cache
    return _rotate(dy, cos, -sin)


def rope_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., T, D)  ->  y_dot (..., T, D): rotated as x was.

    Derived in eq-jvp-linear-map.
    """
    cos, sin = cache
    return _rotate(x_dot, cos, sin)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1)
    return turned.flatten(-2)

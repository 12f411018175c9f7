"""The JVPs of the cells of ``recurrent.py``: tangents of all inputs, each in its shape.

They follow eq-jvp-product: factor by factor, and activations by their slopes.
"""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def rnn_cell_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U and b  ->  y_dot (B, H) by eq-jvp-product."""
    x, h, W, U, y = cache
    a_dot = x_dot @ W + x @ W_dot + h_dot @ U + h @ U_dot + b_dot  # (B, H)
    return a_dot - y * y * a_dot  # (B, H)


def keep_jvp(new_dot: Tensor, old_dot: Tensor, cache: Cache) -> Tensor:
    """new_dot, old_dot (..., B, H)  ->  y_dot (..., B, H) by eq-jvp-linear-map."""
    (on,) = cache
    return torch.where(on, new_dot, old_dot)  # (..., B, H)


def gru_cell_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U and b  ->  y_dot (B, H) by eq-jvp-product."""
    x, h, W, U, r, z, n = cache
    H = h.shape[1]
    a_dot = x_dot @ W + x @ W_dot + b_dot  # (B, 3*H)
    k_dot = h_dot @ U[:, : 2 * H] + h @ U_dot[:, : 2 * H]  # (B, 2*H)
    r_dot = (r - r * r) * (a_dot[:, :H] + k_dot[:, :H])  # (B, H)
    z_dot = (z - z * z) * (a_dot[:, H : 2 * H] + k_dot[:, H:])  # (B, H)
    rh_dot = r_dot * h + r * h_dot  # (B, H)
    n_dot = a_dot[:, 2 * H :] + rh_dot @ U[:, 2 * H :] + (r * h) @ U_dot[:, 2 * H :]
    n_dot = (1 - n * n) * n_dot  # (B, H)
    return n_dot - z_dot * n - z * n_dot + z_dot * h + z * h_dot  # (B, H)


def gru_cell_after_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    v_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U, b and v  ->  y_dot (B, H) by eq-jvp-product."""
    x, h, W, U, r, z, n, m = cache
    H = h.shape[1]
    a_dot = x_dot @ W + x @ W_dot + b_dot  # (B, 3*H)
    k_dot = h_dot @ U + h @ U_dot  # (B, 3*H)
    r_dot = (r - r * r) * (a_dot[:, :H] + k_dot[:, :H])  # (B, H)
    z_dot = (z - z * z) * (a_dot[:, H : 2 * H] + k_dot[:, H : 2 * H])  # (B, H)
    m_dot = k_dot[:, 2 * H :] + v_dot  # (B, H)
    n_dot = (1 - n * n) * (a_dot[:, 2 * H :] + r_dot * m + r * m_dot)  # (B, H)
    return n_dot - z_dot * n - z * n_dot + z_dot * h + z * h_dot  # (B, H)


def lstm_cell_jvp(
    x_dot: Tensor,
    s_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, s, W, U and b  ->  y_dot (2, B, H) by eq-jvp-product."""
    x, h, c, W, U, i, f, g, o, t = cache
    h_dot, c_dot = s_dot  # (B, H)
    a_dot = x_dot @ W + x @ W_dot + h_dot @ U + h @ U_dot + b_dot  # (B, 4*H)
    i_dot, f_dot, g_dot, o_dot = a_dot.unflatten(1, (4, -1)).unbind(1)  # (B, H)
    kept_dot = (f - f * f) * f_dot * c + f * c_dot  # (B, H)
    written_dot = (i - i * i) * i_dot * g + i * (1 - g * g) * g_dot  # (B, H)
    new_dot = kept_dot + written_dot  # (B, H)
    read_dot = (o - o * o) * o_dot * t + o * (1 - t * t) * new_dot  # (B, H)
    return torch.stack([read_dot, new_dot])  # (2, B, H)

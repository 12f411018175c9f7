"""Cells with gates: GRU in both of its forms, and LSTM.

The state of the LSTM is one tensor that holds two, h and c, one on the other:
(2, B, H).
"""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def gru_cell(
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor
) -> tuple[Tensor, Cache]:
    """y = (1 - z) n + z h, with the reset *before* the product: n reads (r h) U.

    x (B, I), h (B, H), W (I, 3*H), U (H, 3*H), b (3*H)  ->  y (B, H). The columns are
    those of r (reset), z (update) and n (candidate), in this order.

    Source: Cho et al. (2014), equations 5 to 8.
    """
    H = h.shape[1]
    a = x @ W + b  # (B, 3*H)
    gates = (a[:, : 2 * H] + h @ U[:, : 2 * H]).sigmoid()  # (B, 2*H)
    r, z = gates[:, :H], gates[:, H:]  # (B, H)
    n = (a[:, 2 * H :] + (r * h) @ U[:, 2 * H :]).tanh()  # (B, H)
    y = (1 - z) * n + z * h  # (B, H)
    return y, (x, h, W, U, r, z, n)


def gru_cell_backward(
    dy: Tensor, cache: Cache
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """dy (B, H)  ->  dx (B, I), dh (B, H), dW (I, 3*H), dU (H, 3*H), db (3*H).

    Derived in eq-gru-cell-dx, eq-gru-cell-dh, eq-gru-cell-dw, eq-gru-cell-du,
    eq-gru-cell-db.
    """
    x, h, W, U, r, z, n = cache
    H = h.shape[1]
    dn = (1 - n * n) * (1 - z) * dy  # (B, H)  before the tanh, as all from here on
    dproduct = dn @ U[:, 2 * H :].T  # (B, H)  the gradient of r h
    dr = r * (1 - r) * h * dproduct  # (B, H)
    dz = z * (1 - z) * (h - n) * dy  # (B, H)
    da = torch.cat([dr, dz, dn], 1)  # (B, 3*H)
    # h was used three times: as it is, in r h, and by the gates
    dh = z * dy + r * dproduct + da[:, : 2 * H] @ U[:, : 2 * H].T  # (B, H)
    dU = torch.cat([h.T @ da[:, : 2 * H], (r * h).T @ dn], 1)  # (H, 3*H)
    return da @ W.T, dh, x.T @ da, dU, da.sum(0)


def gru_cell_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U, b  ->  y_dot (B, H). Derived in eq-jvp-gru-cell."""
    x, h, W, U, r, z, n = cache
    H = h.shape[1]
    a_dot = x_dot @ W + x @ W_dot + b_dot  # (B, 3*H)
    gates_dot = a_dot[:, : 2 * H] + h_dot @ U[:, : 2 * H] + h @ U_dot[:, : 2 * H]
    r_dot = r * (1 - r) * gates_dot[:, :H]  # (B, H)
    z_dot = z * (1 - z) * gates_dot[:, H:]  # (B, H)
    product_dot = r_dot * h + r * h_dot  # (B, H)
    read_dot = product_dot @ U[:, 2 * H :] + (r * h) @ U_dot[:, 2 * H :]  # (B, H)
    n_dot = (1 - n * n) * (a_dot[:, 2 * H :] + read_dot)  # (B, H)
    return (1 - z) * n_dot + z * h_dot + (h - n) * z_dot  # (B, H)


def gru_cell_after(
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, v: Tensor
) -> tuple[Tensor, Cache]:
    """y = (1 - z) n + z h, with the reset *after* the product: n reads r (h U + v).

    x (B, I), h (B, H), W (I, 3*H), U (H, 3*H), b (3*H), v (H)  ->  y (B, H), columns
    as in :func:`gru_cell`. One product serves all three; PyTorch and cuDNN compute
    this form, with two further biases that add nothing.

    Source: Cho et al. (2014), the first version of their paper (arXiv 1406.1078v1).
    """
    H = h.shape[1]
    a, k = x @ W + b, h @ U  # (B, 3*H), (B, 3*H)
    gates = (a[:, : 2 * H] + k[:, : 2 * H]).sigmoid()  # (B, 2*H)
    r, z = gates[:, :H], gates[:, H:]  # (B, H)
    m = k[:, 2 * H :] + v  # (B, H)
    n = (a[:, 2 * H :] + r * m).tanh()  # (B, H)
    y = (1 - z) * n + z * h  # (B, H)
    return y, (x, h, W, U, r, z, n, m)


def gru_cell_after_backward(
    dy: Tensor, cache: Cache
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """dy (B, H)  ->  dx (B, I), dh (B, H), dW (I, 3*H), dU (H, 3*H), db (3*H), dv (H).

    Derived in eq-gru-cell-after-dx, eq-gru-cell-after-dh, eq-gru-cell-after-dw,
    eq-gru-cell-after-du, eq-gru-cell-after-db, eq-gru-cell-after-dv.
    """
    x, h, W, U, r, z, n, m = cache
    dn = (1 - n * n) * (1 - z) * dy  # (B, H)  before the tanh, as all from here on
    dm = r * dn  # (B, H)
    dr = r * (1 - r) * m * dn  # (B, H)
    dz = z * (1 - z) * (h - n) * dy  # (B, H)
    da = torch.cat([dr, dz, dn], 1)  # (B, 3*H)
    dk = torch.cat([dr, dz, dm], 1)  # (B, 3*H)  the candidate hears k through r
    dh = z * dy + dk @ U.T  # (B, H)  h was used twice
    return da @ W.T, dh, x.T @ da, h.T @ dk, da.sum(0), dm.sum(0)


def gru_cell_after_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    v_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U, b, v  ->  y_dot (B, H).

    Derived in eq-jvp-gru-cell-after.
    """
    x, h, W, U, r, z, n, m = cache
    H = h.shape[1]
    a_dot = x_dot @ W + x @ W_dot + b_dot  # (B, 3*H)
    k_dot = h_dot @ U + h @ U_dot  # (B, 3*H)
    r_dot = r * (1 - r) * (a_dot + k_dot)[:, :H]  # (B, H)
    z_dot = z * (1 - z) * (a_dot + k_dot)[:, H : 2 * H]  # (B, H)
    m_dot = k_dot[:, 2 * H :] + v_dot  # (B, H)
    n_dot = (1 - n * n) * (a_dot[:, 2 * H :] + r_dot * m + r * m_dot)  # (B, H)
    return (1 - z) * n_dot + z * h_dot + (h - n) * z_dot  # (B, H)


def lstm_cell(
    x: Tensor, s: Tensor, W: Tensor, U: Tensor, b: Tensor
) -> tuple[Tensor, Cache]:
    """The state s = (h, c) goes on: c is kept by f and written by i, h is read by o.

    x (B, I), s (2, B, H), W (I, 4*H), U (H, 4*H), b (4*H)  ->  y (2, B, H) with
    c' = f c + i g and h' = o tanh(c'). The columns are those of i (input), f (forget),
    g (candidate) and o (output), in this order.

    Source: Hochreiter and Schmidhuber (1997); Gers et al. (2000) for f.
    """
    h, c = s  # (B, H)
    a = x @ W + h @ U + b  # (B, 4*H)
    i, f, g, o = a.chunk(4, 1)  # (B, H)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()  # (B, H)
    new = f * c + i * g  # (B, H)
    t = new.tanh()  # (B, H)
    y = torch.stack([o * t, new])  # (2, B, H)
    return y, (x, h, c, W, U, i, f, g, o, t)


def lstm_cell_backward(
    dy: Tensor, cache: Cache
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """dy (2, B, H)  ->  dx (B, I), ds (2, B, H), dW (I, 4*H), dU (H, 4*H), db (4*H).

    Derived in eq-lstm-cell-dx, eq-lstm-cell-dh, eq-lstm-cell-dc, eq-lstm-cell-dw,
    eq-lstm-cell-du, eq-lstm-cell-db.
    """
    x, h, c, W, U, i, f, g, o, t = cache
    dh, dnew = dy  # (B, H)
    # c' was used twice: by the next step and by h' = o tanh(c')
    dnew = dnew + o * (1 - t * t) * dh  # (B, H)
    parts = (
        i * (1 - i) * g * dnew,
        f * (1 - f) * c * dnew,
        (1 - g * g) * i * dnew,
        o * (1 - o) * t * dh,
    )
    da = torch.cat(parts, 1)  # (B, 4*H)
    ds = torch.stack([da @ U.T, f * dnew])  # (2, B, H)
    return da @ W.T, ds, x.T @ da, h.T @ da, da.sum(0)


def lstm_cell_jvp(
    x_dot: Tensor,
    s_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, s, W, U, b  ->  y_dot (2, B, H). Derived in eq-jvp-lstm-cell."""
    x, h, c, W, U, i, f, g, o, t = cache
    h_dot, c_dot = s_dot  # (B, H)
    a_dot = x_dot @ W + x @ W_dot + h_dot @ U + h @ U_dot + b_dot  # (B, 4*H)
    i_dot, f_dot, g_dot, o_dot = a_dot.unflatten(1, (4, -1)).unbind(1)  # (B, H)
    i_dot, f_dot = i * (1 - i) * i_dot, f * (1 - f) * f_dot  # (B, H)
    g_dot, o_dot = (1 - g * g) * g_dot, o * (1 - o) * o_dot  # (B, H)
    new_dot = f_dot * c + f * c_dot + i_dot * g + i * g_dot  # (B, H)
    shown_dot = o_dot * t + o * (1 - t * t) * new_dot  # (B, H)
    return torch.stack([shown_dot, new_dot])  # (2, B, H)

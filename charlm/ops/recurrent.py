"""Cells: one step of a recurrent net, from a state and an input to the next state.

A state is one tensor. That of the LSTM holds two, h and c, one on the other: (2, B, H).
"""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def rnn_cell(
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor
) -> tuple[Tensor, Cache]:
    """y = tanh(x W + h U + b), the next state.

    x (B, I), h (B, H), W (I, H), U (H, H), b (H)  ->  y (B, H).

    Source: Elman (1990).
    """
    y = (x @ W + h @ U + b).tanh()  # (B, H)
    return y, (x, h, W, U, y)


def rnn_cell_backward(
    dy: Tensor, cache: Cache
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """dy (B, H)  ->  dx (B, I), dh (B, H), dW (I, H), dU (H, H), db (H).

    Derived in eq-rnn-cell-dx, eq-rnn-cell-dh, eq-rnn-cell-dw, eq-rnn-cell-du,
    eq-rnn-cell-db. dU takes the state that came in, not the one that went out.
    """
    x, h, W, U, y = cache
    da = (1 - y * y) * dy  # (B, H)  a = x W + h U + b
    dx = da @ W.T  # (B, I)
    dh = da @ U.T  # (B, H)
    dW = x.T @ da  # (I, H)
    dU = h.T @ da  # (H, H)
    db = da.sum(0)  # (H)
    return dx, dh, dW, dU, db


def keep(mask: Tensor, new: Tensor, old: Tensor) -> tuple[Tensor, Cache]:
    """The new state where a text goes on, the old one where it has ended.

    mask (B) true where it goes on, new (..., B, H), old (..., B, H)  ->  y (..., B, H).
    """
    on = mask.unsqueeze(-1)  # (B, 1)
    y = torch.where(on, new, old)  # (..., B, H)
    return y, (on,)


def keep_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (..., B, H)  ->  dnew (..., B, H), dold (..., B, H): each row goes one way.

    Derived in eq-keep-dnew, eq-keep-dold.
    """
    (on,) = cache
    dnew = on * dy  # (..., B, H)
    dold = ~on * dy  # (..., B, H)
    return dnew, dold


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

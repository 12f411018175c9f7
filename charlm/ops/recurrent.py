"""One step of a recurrent net, from a state and an input to the next state."""

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


def rnn_cell_jvp(
    x_dot: Tensor,
    h_dot: Tensor,
    W_dot: Tensor,
    U_dot: Tensor,
    b_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """Tangents of x, h, W, U, b  ->  y_dot (B, H). Derived in eq-jvp-rnn-cell."""
    x, h, W, U, y = cache
    a_dot = x_dot @ W + x @ W_dot + h_dot @ U + h @ U_dot + b_dot  # (B, H)
    return (1 - y * y) * a_dot  # (B, H)


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


def keep_jvp(new_dot: Tensor, old_dot: Tensor, cache: Cache) -> Tensor:
    """new_dot (..., B, H), old_dot (..., B, H)  ->  y_dot (..., B, H).

    The map is linear: eq-keep-forward, for tangents.
    """
    (on,) = cache
    return torch.where(on, new_dot, old_dot)  # (..., B, H)

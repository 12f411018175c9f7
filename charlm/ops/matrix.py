"""Rows and matrices: the linear map and the embedding lookup."""

import torch
from torch import Tensor

Cache = tuple[Tensor, ...]


def linear(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Cache]:
    """y = x W + b:  x (..., I), W (I, O), b (O)  ->  y (..., O)."""
    y = x @ W + b  # (..., O)
    return y, (x, W)


def linear_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., O)  ->  dx (..., I), dW (I, O), db (O).

    Derived in eq-linear-dx, eq-linear-dw, eq-linear-db.
    """
    x, W = cache
    dx = dy @ W.T  # (..., I)
    rows = dy.reshape(-1, dy.shape[-1])  # (N, O): every leading axis is a batch axis
    dW = x.reshape(-1, x.shape[-1]).T @ rows  # (I, O)
    db = rows.sum(0)  # (O)
    return dx, dW, db


def embedding(ix: Tensor, C: Tensor) -> tuple[Tensor, tuple[Tensor, torch.Size]]:
    """y = C[ix]:  ix (...) integers in [0, V), C (V, E)  ->  y (..., E)."""
    y = C[ix]  # (..., E)
    return y, (ix, C.shape)


def embedding_backward(dy: Tensor, cache: tuple[Tensor, torch.Size]) -> Tensor:
    """dy (..., E)  ->  dC (V, E).

    Derived in eq-embedding-dc.
    """
    ix, shape = cache
    dC = dy.new_zeros(shape)  # (V, E)
    # index_add_ adds once per occurrence; dC[ix] += dy would keep only the last one
    dC.index_add_(0, ix.reshape(-1), dy.reshape(-1, shape[1]))
    return dC

"""Matrix products and table lookups."""

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


def linear_jvp(x_dot: Tensor, W_dot: Tensor, b_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., I), W_dot (I, O), b_dot (O)  ->  y_dot (..., O).

    Derived in eq-jvp-product.
    """
    x, W = cache
    return x_dot @ W + x @ W_dot + b_dot  # (..., O)


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
    # index_add_ adds once per occurrence; dC[ix] += dy would keep only one
    dC.index_add_(0, ix.reshape(-1), dy.reshape(-1, shape[1]))
    return dC


def embedding_jvp(C_dot: Tensor, cache: tuple[Tensor, torch.Size]) -> Tensor:
    """C_dot (V, E)  ->  y_dot (..., E). Derived in eq-jvp-linear-map."""
    ix, _ = cache
    return C_dot[ix]  # (..., E)


def unembedding(x: Tensor, C: Tensor) -> tuple[Tensor, Cache]:
    """y = x C^T, a score for every symbol:  x (..., E), C (V, E)  ->  y (..., V).

    With the C of :func:`embedding` the weights are tied, and the two gradients add.
    Source: Press and Wolf (2017).
    """
    y = x @ C.T  # (..., V)
    return y, (x, C)


def unembedding_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (..., V)  ->  dx (..., E), dC (V, E).

    Derived in eq-unembedding-dx, eq-unembedding-dc.
    """
    x, C = cache
    dx = dy @ C  # (..., E)
    dC = dy.reshape(-1, dy.shape[-1]).T @ x.reshape(-1, x.shape[-1])  # (V, E)
    return dx, dC


def unembedding_jvp(x_dot: Tensor, C_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., E), C_dot (V, E)  ->  y_dot (..., V). Derived in eq-jvp-product."""
    x, C = cache
    return x_dot @ C.T + x @ C_dot.T  # (..., V)


def matmul(a: Tensor, b: Tensor) -> tuple[Tensor, Cache]:
    """y = a b, a product of matrices per batch entry.

    a (..., I, K), b (..., K, O)  ->  y (..., I, O).
    """
    y = a @ b  # (..., I, O)
    return y, (a, b)


def matmul_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (..., I, O)  ->  da (..., I, K), db (..., K, O).

    Derived in eq-matmul-da, eq-matmul-db.
    """
    a, b = cache
    da = dy @ b.mT  # (..., I, K)
    db = a.mT @ dy  # (..., K, O)
    return da, db


def matmul_jvp(a_dot: Tensor, b_dot: Tensor, cache: Cache) -> Tensor:
    """a_dot (..., I, K), b_dot (..., K, O)  ->  y_dot (..., I, O).

    Derived in eq-jvp-product.
    """
    a, b = cache
    return a_dot @ b + a @ b_dot  # (..., I, O)

"""Scaled dot-product attention."""

from typing import Any

import torch
from torch import Tensor

from .loss import softmax, softmax_backward, softmax_jvp

Cache = tuple[Any, ...]


def offset(name: str, T: int, M: int) -> int:
    """The position of the first of T causal queries among M keys.

    Raises:
        ValueError: there are more queries than keys.
    """
    if T > M:
        raise ValueError(
            f"{name}: {T} queries and {M} keys; with a causal mask the queries are the "
            "last of the keys' positions: give as many keys, or pass causal=False"
        )
    return M - T


def attention(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True
) -> tuple[Tensor, Cache]:
    """Every query takes a weighted mean of the values, weighted by its fit to the keys.

    q (..., T, D), k (..., M, D), v (..., M, E)  ->  y (..., T, E). With ``causal`` the
    queries are those of the last T of the M positions, and position t sees positions 0
    to t. The weights A (..., T, M) are the last entry of the cache.

    Raises:
        ValueError: ``causal`` with more queries than keys.

    Source: Vaswani et al. (2017), equation 1.
    """
    T, M = q.shape[-2], k.shape[-2]
    scale = q.shape[-1] ** -0.5
    scores = q @ k.mT * scale  # (..., T, M)
    if causal:
        ahead = offset("attention", T, M)
        future = torch.ones(T, M, dtype=torch.bool, device=q.device).triu(1 + ahead)
        scores = scores.masked_fill(future, float("-inf"))  # (..., T, M)
    A, _ = softmax(scores)  # (..., T, M)
    y = A @ v  # (..., T, E)
    return y, (q, k, v, scale, A)


def attention_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., T, E)  ->  dq (..., T, D), dk (..., M, D), dv (..., M, E).

    Derived in eq-attention-dq, eq-attention-dk, eq-attention-dv. The mask needs no
    line of its own: where it hides a key the weight is zero, and so is its gradient.
    """
    q, k, v, scale, A = cache
    dv = A.mT @ dy  # (..., M, E)
    dA = dy @ v.mT  # (..., T, M)
    dscores = softmax_backward(dA, (A,)) * scale  # (..., T, M)
    dq = dscores @ k  # (..., T, D)
    dk = dscores.mT @ q  # (..., M, D)
    return dq, dk, dv


def attention_jvp(q_dot: Tensor, k_dot: Tensor, v_dot: Tensor, cache: Cache) -> Tensor:
    """q_dot (..., T, D), k_dot (..., M, D), v_dot (..., M, E)  ->  y_dot (..., T, E).

    Derived in eq-jvp-attention. A hidden key has weight zero, and its tangent too.
    """
    q, k, v, scale, A = cache
    scores_dot = (q_dot @ k.mT + q @ k_dot.mT) * scale  # (..., T, M)
    A_dot = softmax_jvp(scores_dot, (A,))  # (..., T, M)
    return A_dot @ v + A @ v_dot  # (..., T, E)

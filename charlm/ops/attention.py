"""Scaled dot-product attention."""

from typing import Any

import torch
from torch import Tensor

from .loss import softmax, softmax_backward

Cache = tuple[Any, ...]


def attention(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True
) -> tuple[Tensor, Cache]:
    """Every query takes a weighted mean of the values, weighted by its fit to the keys.

    q (..., T, D), k (..., M, D), v (..., M, E)  ->  y (..., T, E). With ``causal``
    (and M = T) position t sees positions 0 to t. The weights A (..., T, M) are the
    last entry of the cache.

    Raises:
        ValueError: ``causal`` with a different number of queries and keys.

    Source: Vaswani et al. (2017), equation 1.
    """
    T, M = q.shape[-2], k.shape[-2]
    scale = q.shape[-1] ** -0.5
    scores = q @ k.mT * scale  # (..., T, M)
    if causal:
        if T != M:
            raise ValueError(
                f"attention: {T} queries and {M} keys; a causal mask needs as many "
                "keys as queries: pass causal=False"
            )
        future = torch.ones(T, M, dtype=torch.bool, device=q.device).triu(1)  # (T, M)
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

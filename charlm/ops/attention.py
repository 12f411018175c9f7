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

    q (..., T, D), k (..., S, D), v (..., S, E)  ->  y (..., T, E). With ``causal``
    (and S = T) position t sees positions 0 to t. The weights (..., T, S) are the last
    entry of the cache.

    Raises:
        ValueError: ``causal`` with a different number of queries and keys.

    Source: Vaswani et al. (2017), equation 1.
    """
    T, S = q.shape[-2], k.shape[-2]
    scale = q.shape[-1] ** -0.5
    scores = q @ k.mT * scale  # (..., T, S)
    if causal:
        if T != S:
            raise ValueError(
                f"attention: {T} queries and {S} keys; a causal mask needs as many "
                "keys as queries: pass causal=False"
            )
        future = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(1)  # (T, S)
        scores = scores.masked_fill(future, float("-inf"))  # (..., T, S)
    p, _ = softmax(scores)  # (..., T, S)
    y = p @ v  # (..., T, E)
    return y, (q, k, v, scale, p)


def attention_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., T, E)  ->  dq (..., T, D), dk (..., S, D), dv (..., S, E).

    Derived in eq-attention-dq, eq-attention-dk, eq-attention-dv. The mask needs no
    line of its own: where it hides a key the weight is zero, and so is its gradient.
    """
    q, k, v, scale, p = cache
    dv = p.mT @ dy  # (..., S, E)
    dp = dy @ v.mT  # (..., T, S)
    dscores = softmax_backward(dp, (p,)) * scale  # (..., T, S)
    dq = dscores @ k  # (..., T, D)
    dk = dscores.mT @ q  # (..., S, D)
    return dq, dk, dv

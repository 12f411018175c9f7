"""Attention in tiles: of all scores, only one tile of them is in memory at a time."""

from typing import Any

import torch
from torch import Tensor

from .attention import offset

Cache = tuple[Any, ...]


def tiled_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    causal: bool = True,
    rows: int = 64,
    columns: int = 64,
) -> tuple[Tensor, Cache]:
    """The function of :func:`.attention`, without its matrix of weights.

    q (..., T, D), k (..., M, D), v (..., M, E), rows in [1, inf), columns in [1, inf)
    ->  y (..., T, E). The scores of ``rows`` queries with ``columns`` keys are made,
    used and forgotten. Kept for the backward are, besides inputs and output,
    lse (..., T, 1): the logarithm of each row's sum of exponentials.

    Raises:
        ValueError: ``causal`` with more queries than keys.

    Source: Milakov and Gimelshein (2018); Dao et al. (2022), algorithm 1; Dao (2024).
    """
    T, M = q.shape[-2], k.shape[-2]
    scale = q.shape[-1] ** -0.5
    # key s is hidden from query t if s > t + ahead
    ahead = offset("tiled_attention", T, M) if causal else M
    ys, lses, bands = [], [], []
    for t in _cut(T, rows):
        seen = [s for s in _cut(M, columns) if s.start < t.stop + ahead]
        total, best = q.new_zeros(()), q.real.new_full((), float("-inf"))
        read = q.new_zeros(())
        for s in seen:
            S = _scores(q, k, scale, ahead, t, s)
            larger = torch.maximum(best, S.real.amax(-1, keepdim=True))
            old, counts = (best - larger).exp(), (S - larger).exp()
            total = old * total + counts.sum(-1, keepdim=True)
            read = old * read + counts @ v[..., s, :]
            best = larger
        ys.append(read / total)
        lses.append(best + total.log())
        bands.append((t, seen))
    y = torch.cat(ys, -2)  # (..., T, E)
    lse = torch.cat(lses, -2)  # (..., T, 1)
    return y, (q, k, v, scale, ahead, bands, y, lse)


def tiled_attention_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., T, E)  ->  dq (..., T, D), dk (..., M, D), dv (..., M, E).

    Derived in eq-tiled-attention-dq, eq-tiled-attention-dk, eq-tiled-attention-dv. The
    weights of a tile are computed again from its scores and lse.
    """
    q, k, v, scale, ahead, bands, y, lse = cache
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    delta = (dy * y).sum(-1, keepdim=True)  # (..., T, 1)
    for t, seen in bands:
        for s in seen:
            A = (_scores(q, k, scale, ahead, t, s) - lse[..., t, :]).exp()
            dA = dy[..., t, :] @ v[..., s, :].mT
            dS = A * (dA - delta[..., t, :]) * scale
            # += because a row meets every tile of keys, a key every tile of rows
            dq[..., t, :] += dS @ k[..., s, :]
            dk[..., s, :] += dS.mT @ q[..., t, :]
            dv[..., s, :] += A.mT @ dy[..., t, :]
    return dq, dk, dv


def tiled_attention_jvp(
    q_dot: Tensor, k_dot: Tensor, v_dot: Tensor, cache: Cache
) -> Tensor:
    """q_dot (..., T, D), k_dot (..., M, D), v_dot (..., M, E)  ->  y_dot (..., T, E).

    Derived in eq-tiled-attention-jvp.
    """
    q, k, v, scale, ahead, bands, y, lse = cache
    y_dot, mean = torch.zeros_like(y), torch.zeros_like(lse)  # (..., T, E), (..., T, 1)
    for t, seen in bands:
        for s in seen:
            A = (_scores(q, k, scale, ahead, t, s) - lse[..., t, :]).exp()
            S_dot = q_dot[..., t, :] @ k[..., s, :].mT
            S_dot += q[..., t, :] @ k_dot[..., s, :].mT
            part = A * S_dot * scale
            mean[..., t, :] += part.sum(-1, keepdim=True)
            y_dot[..., t, :] += part @ v[..., s, :] + A @ v_dot[..., s, :]
    return y_dot - mean * y  # (..., T, E)


def _cut(length: int, size: int) -> list[slice]:
    return [slice(i, min(i + size, length)) for i in range(0, length, size)]


def _scores(
    q: Tensor, k: Tensor, scale: float, ahead: int, t: slice, s: slice
) -> Tensor:
    """One tile of the masked scores, queries t with keys s."""
    S = q[..., t, :] @ k[..., s, :].mT * scale
    if s.stop > t.start + ahead + 1:  # else nothing is hidden in this tile
        last = torch.arange(t.start, t.stop, device=q.device) + ahead
        keys = torch.arange(s.start, s.stop, device=q.device)
        S = S.masked_fill(keys > last[:, None], float("-inf"))
    return S

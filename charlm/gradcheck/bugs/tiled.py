"""Slips in attention by tiles: each is right where a row is a single tile."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .bug import bug

Grads = tuple[Tensor, Tensor, Tensor]


def walk(
    dy: Tensor,
    cache: Any,
    *,
    weights: Callable[..., Tensor] = lambda S, lse: (S - lse).exp(),
    row_dot: Callable[..., Tensor] = lambda delta, A, dA, t: delta[..., t, :],
    sees: int = 0,
    local: bool = False,
    key_scale: bool = True,
    adds: bool = True,
) -> Grads:
    """The backward with its parts open to be got wrong."""
    q, k, v, scale, ahead, bands, y, lse = cache
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    delta = (dy * y).sum(-1, keepdim=True)
    for t, seen in bands:
        for s in seen:
            S = q[..., t, :] @ k[..., s, :].mT * scale
            last = torch.arange(t.start, t.stop)[:, None] + ahead + sees
            keys = torch.arange(s.start, s.stop)
            if local and s.stop > t.start + ahead + 1:
                last, keys = last - ahead - t.start, keys - s.start
            A = weights(S.masked_fill(keys > last, float("-inf")), lse[..., t, :])
            dA = dy[..., t, :] @ v[..., s, :].mT
            dS = A * (dA - row_dot(delta, A, dA, t)) * scale
            new = dS @ k[..., s, :]
            dq[..., t, :] = dq[..., t, :] + new if adds else new
            dk[..., s, :] += dS.mT @ q[..., t, :] / (1 if key_scale else scale)
            dv[..., s, :] += A.mT @ dy[..., t, :]
    return dq, dk, dv


@bug("tiled_attention", "right for short texts, which fit into one tile")
def sum_of_the_tile(dy: Tensor, cache: Any) -> Grads:
    """The weights are made again with the sum of the tile, not with that of the row."""
    return walk(dy, cache, weights=lambda S, lse: S.softmax(-1).nan_to_num(0.0))


@bug("tiled_attention", "right for short texts, which fit into one tile")
def row_dot_of_the_tile(dy: Tensor, cache: Any) -> Grads:
    """What is subtracted from dA is summed over the tile, not over the whole row."""
    inside = lambda delta, A, dA, t: (A * dA).sum(-1, keepdim=True)  # noqa: E731
    return walk(dy, cache, row_dot=inside)


@bug("tiled_attention", "right in the first tile of rows only")
def row_dot_of_other_rows(dy: Tensor, cache: Any) -> Grads:
    """delta is read from the first tile of rows, whichever tile is at work."""

    def first(delta: Tensor, A: Tensor, dA: Tensor, t: slice) -> Tensor:
        return delta[..., : t.stop - t.start, :]

    return walk(dy, cache, row_dot=first)


@bug("tiled_attention", "the loss falls, and stops too high")
def mask_one_off(dy: Tensor, cache: Any) -> Grads:
    """Each row sees one key too many on the way back."""
    return walk(dy, cache, sees=1)


@bug("tiled_attention", "right where tiles are square")
def mask_by_the_tile(dy: Tensor, cache: Any) -> Grads:
    """The mask counts rows and keys from the corner of the tile, not of the matrix."""
    return walk(dy, cache, local=True)


@bug("tiled_attention", "keys learn too fast, by the root of the head width")
def key_scale_forgotten(dy: Tensor, cache: Any) -> Grads:
    """The factor 1 / sqrt(D) reaches the queries and not the keys."""
    return walk(dy, cache, key_scale=False)


@bug("tiled_attention", "queries learn from the last keys they see only")
def tiles_overwritten(dy: Tensor, cache: Any) -> Grads:
    """The gradient of the queries is assigned by every tile of keys, not added to."""
    return walk(dy, cache, adds=False)

"""The blocks of a transformer: attention and a two-layer net, each on a branch."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from ..layers import Apply, Dropout, Layer, LayerNorm, Linear, Sequential

PAIRS = {"plain": "attention", "tiled": "tiled_attention", "fused": "fused_attention"}
"""Pairs of :mod:`charlm.ops` that compute the same attention, by what to call it."""


class Attention(Layer):
    """Causal self-attention with several heads:  x (B, T, E)  ->  y (B, T, E).

    One linear map makes queries, keys and values of all heads, another mixes what the
    heads found. With ``rotate`` queries and keys are rotated by their positions. What
    they find is computed by the pair that ``attention`` names in ``PAIRS``.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        generator: Generator,
        rotate: bool = False,
        gain: float = 1.0,
        dtype: torch.dtype = torch.float32,
        attention: str = "plain",
    ) -> None:
        if attention not in PAIRS:
            raise ValueError(
                f"Attention: attention={attention!r}; choose 'plain', 'tiled' or "
                "'fused'"
            )
        if n_embd % n_head:
            raise ValueError(
                f"Attention: {n_embd} features cannot be cut into {n_head} heads of "
                "the same width; choose n_head so that it divides n_embd"
            )
        if rotate and n_embd // n_head % 2:
            raise ValueError(
                f"Attention: heads of {n_embd // n_head} features cannot be rotated, "
                "which turns pairs; choose n_embd and n_head so that it is even, or "
                "other positions"
            )
        self.n_head, self.rotate, self.pair = n_head, rotate, PAIRS[attention]
        self.qkv = Linear(n_embd, 3 * n_embd, generator, dtype=dtype)
        self.proj = Linear(n_embd, n_embd, generator, gain=gain, dtype=dtype)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        E, N = x.shape[-1], self.n_head
        both, c_qkv = self.qkv.forward(x)  # (B, T, 3*E)
        parts = [both[..., i * E : (i + 1) * E] for i in range(3)]  # (B, T, E)
        q, k, v = (ops.split_heads(part, N)[0] for part in parts)  # (B, N, T, E/N)
        c_rope = None
        if self.rotate:
            (q, c_rope), (k, _) = ops.rope(q), ops.rope(k)  # (B, N, T, E/N)
        heads, c_att = getattr(ops, self.pair)(q, k, v)  # (B, N, T, E/N)
        merged, c_merge = ops.merge_heads(heads)  # (B, T, E)
        y, c_proj = self.proj.forward(merged)  # (B, T, E)
        return y, (c_qkv, c_rope, c_att, c_merge, c_proj)

    def extend(self, x: Tensor, past: Any = None) -> tuple[Tensor, Any]:
        """The same for positions that follow those whose keys and values are kept."""
        E, N = x.shape[-1], self.n_head
        start = past[0].shape[2] if past else 0
        both, _ = self.qkv.forward(x)  # (B, T, 3*E)
        parts = [both[..., i * E : (i + 1) * E] for i in range(3)]  # (B, T, E)
        q, k, v = (ops.split_heads(part, N)[0] for part in parts)  # (B, N, T, E/N)
        if self.rotate:
            q, k = (ops.rope(u, start=start)[0] for u in (q, k))  # (B, N, T, E/N)
        if past:
            k, v = (torch.cat(both, 2) for both in zip(past, (k, v), strict=True))
        heads, _ = ops.attention(q, k, v)  # (B, N, T, E/N)
        y, _ = self.proj.forward(ops.merge_heads(heads)[0])  # (B, T, E)
        return y, (k, v)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        c_qkv, c_rope, c_att, c_merge, c_proj = cache
        dmerged = self.proj.backward(dy, c_proj)
        dheads = ops.merge_heads_backward(dmerged, c_merge)
        dq, dk, dv = getattr(ops, f"{self.pair}_backward")(dheads, c_att)
        if self.rotate:  # both were turned by the same angles
            dq, dk = ops.rope_backward(dq, c_rope), ops.rope_backward(dk, c_rope)
        parts = [ops.split_heads_backward(d, ()) for d in (dq, dk, dv)]
        return self.qkv.backward(torch.cat(parts, -1), c_qkv)


class Block(Layer):
    """x + attention(norm(x)), then y + net(norm(y)):  x (B, T, E)  ->  (B, T, E).

    The norms stand on the branches ("pre-norm"), so the residual path is free.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        generator: Generator,
        dropout: float,
        rotate: bool,
        gain: float,
        dtype: torch.dtype,
        attention: str = "plain",
    ) -> None:
        g = generator
        self.attend = Sequential(
            [
                LayerNorm(n_embd, dtype),
                Attention(n_embd, n_head, g, rotate, gain, dtype, attention),
                Dropout(dropout, g),
            ]
        )
        self.think = Sequential(
            [
                LayerNorm(n_embd, dtype),
                Linear(n_embd, 4 * n_embd, g, dtype=dtype),
                Apply("gelu_tanh"),
                Linear(4 * n_embd, n_embd, g, gain=gain, dtype=dtype),
                Dropout(dropout, g),
            ]
        )
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        a, c_a = self.attend.forward(x, training)  # (B, T, E)
        y, _ = ops.residual(x, a)  # (B, T, E)
        b, c_b = self.think.forward(y, training)  # (B, T, E)
        z, _ = ops.residual(y, b)  # (B, T, E)
        return z, (c_a, c_b)

    def extend(self, x: Tensor, past: Any = None) -> tuple[Tensor, Any]:
        """As :meth:`Attention.extend`; all but attention looks at one position."""
        norm, attention = self.attend.layers[:2]
        a, past = attention.extend(norm.forward(x)[0], past)  # type: ignore[attr-defined]
        y = x + a  # (B, T, E)
        return y + self.think.forward(y, training=False)[0], past

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        c_a, c_b = cache
        dpath, db = ops.residual_backward(dy, ())
        dpath += self.think.backward(db, c_b)  # y was used twice
        dx, da = ops.residual_backward(dpath, ())
        dx += self.attend.backward(da, c_a)  # x was used twice
        return dx

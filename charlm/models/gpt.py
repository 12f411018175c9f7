"""A small GPT: attention and a two-layer net in turn, on a path of residual sums."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from ..layers import Apply, Dropout, Embedding, Layer, LayerNorm, Linear, Sequential


class Attention(Layer):
    """Causal self-attention with several heads:  x (B, T, E)  ->  y (B, T, E).

    One linear map makes queries, keys and values of all heads, another mixes what the
    heads found. With ``rotate`` queries and keys are rotated by their positions.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        generator: Generator,
        rotate: bool = False,
        gain: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
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
        self.n_head, self.rotate = n_head, rotate
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
        heads, c_att = ops.attention(q, k, v)  # (B, N, T, E/N)
        merged, c_merge = ops.merge_heads(heads)  # (B, T, E)
        y, c_proj = self.proj.forward(merged)  # (B, T, E)
        return y, (c_qkv, c_rope, c_att, c_merge, c_proj)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        c_qkv, c_rope, c_att, c_merge, c_proj = cache
        dmerged = self.proj.backward(dy, c_proj)
        dheads = ops.merge_heads_backward(dmerged, c_merge)
        dq, dk, dv = ops.attention_backward(dheads, c_att)
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
        dropout: float = 0.0,
        rotate: bool = False,
        gain: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        g = generator
        self.attend = Sequential(
            [
                LayerNorm(n_embd, dtype),
                Attention(n_embd, n_head, g, rotate, gain, dtype),
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

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        c_a, c_b = cache
        dpath, db = ops.residual_backward(dy, ())
        dpath += self.think.backward(db, c_b)  # y was used twice
        dx, da = ops.residual_backward(dpath, ())
        dx += self.attend.backward(da, c_a)  # x was used twice
        return dx


class GPT(Layer):
    """A decoder-only transformer on characters.

    Args:
        vocab_size: V.
        generator: draws the initial weights and the dropout masks.
        block: the longest text, in symbols.
        n_embd: features E.
        n_head: heads of every attention.
        n_layer: blocks.
        dropout: probability of dropping, in training.
        positions: "learned", "sinusoid" or "rope".
        tied: the embedding table also makes the scores.
        dtype: of all parameters.

    Raises:
        ValueError: unknown ``positions``, or heads that do not divide the features.

    Source: Radford et al. (2019); Vaswani et al. (2017).
    """

    causal = True

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        block: int = 16,
        n_embd: int = 64,
        n_head: int = 4,
        n_layer: int = 4,
        dropout: float = 0.0,
        positions: str = "learned",
        tied: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if positions not in ("learned", "sinusoid", "rope"):
            raise ValueError(
                f"GPT: positions={positions!r}; choose 'learned', 'sinusoid' or 'rope'"
            )
        g, E = generator, n_embd
        self.block, self.positions, self.tied = block, positions, tied
        self.generator = g  # of the dropout masks; training seeds it step by step
        # scores are products with rows of E numbers; small rows keep the first loss
        # near log V
        self.wte = Embedding(vocab_size, E, g, deviation=0.02, dtype=dtype)
        if positions == "learned":
            self.wpe = Embedding(block, E, g, deviation=0.02, dtype=dtype)
        self.drop = Dropout(dropout, g)
        # 2 n_layer branches add up on the residual path; this keeps their sum in range
        gain = (2 * n_layer) ** -0.5
        rotate = positions == "rope"
        self.blocks = Sequential(
            [Block(E, n_head, g, dropout, rotate, gain, dtype) for _ in range(n_layer)]
        )
        self.norm = LayerNorm(E, dtype)
        if not tied:
            self.head = Linear(E, vocab_size, g, gain=0.1, bias=False, dtype=dtype)
        super().__init__()

    def check_length(self, T: int) -> None:
        """Refuse texts longer than the block."""
        if self.block < T:
            raise ValueError(
                f"GPT: {T} symbols, and this model reads at most {self.block}; keep "
                f"the last {self.block}, or make the model with a larger block"
            )

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, T) symbols, T at most ``block``  ->  logits (B, T, V)."""
        T = x.shape[1]
        self.check_length(T)
        h, c_embed = self.wte.forward(x)  # (B, T, E)
        c_pos = None
        if self.positions == "learned":
            h, c_pos = ops.add_positions(h, self.wpe.C)  # (B, T, E)
        elif self.positions == "sinusoid":
            h, _ = ops.add_positions(h, ops.sinusoid(T, h.shape[-1], h))  # (B, T, E)
        h, c_drop = self.drop.forward(h, training)  # (B, T, E)
        h, c_blocks = self.blocks.forward(h, training)  # (B, T, E)
        h, c_norm = self.norm.forward(h)  # (B, T, E)
        if self.tied:
            logits, c_head = ops.unembedding(h, self.wte.C)  # (B, T, V)
        else:
            logits, c_head = self.head.forward(h)  # (B, T, V)
        return logits, (c_embed, c_pos, c_drop, c_blocks, c_norm, c_head)

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, T, V): adds the gradient of every parameter."""
        c_embed, c_pos, c_drop, c_blocks, c_norm, c_head = cache
        if self.tied:
            dh, dC = ops.unembedding_backward(dy, c_head)
            self.wte.dC += dC  # the first of the table's two uses
        else:
            dh = self.head.backward(dy, c_head)
        dh = self.norm.backward(dh, c_norm)
        dh = self.blocks.backward(dh, c_blocks)
        dh = self.drop.backward(dh, c_drop)
        if self.positions == "learned":
            dh, dP = ops.add_positions_backward(dh, c_pos)
            self.wpe.dC += dP
        self.wte.backward(dh, c_embed)  # the second

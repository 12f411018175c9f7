"""A small GPT: attention and a two-layer net in turn, on a path of residual sums."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from ..layers import Dropout, Embedding, Layer, LayerNorm, Linear, Sequential
from .transformer import Block

Past = list[tuple[Tensor, Tensor]]
"""Keys and values (B, N, M, E/N) of M positions that were read, for every block."""


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
        attention: "plain", "tiled" for less memory, or "fused", by the kernels that
            PyTorch has for the device; the same function.

    Raises:
        ValueError: unknown ``positions`` or ``attention``, or heads that do not divide
            the features.

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
        attention: str = "plain",
    ) -> None:
        if positions not in ("learned", "sinusoid", "rope"):
            raise ValueError(
                f"GPT: positions={positions!r}; choose 'learned', 'sinusoid' or 'rope'"
            )
        g, E = generator, n_embd
        self.block, self.positions, self.tied = block, positions, tied
        self.attention = attention
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
        shape = E, n_head, g, dropout, rotate, gain, dtype, attention
        self.blocks = Sequential([Block(*shape) for _ in range(n_layer)])
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

    def extend(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """x (B, T) symbols after those of ``past``  ->  logits (B, T, V), past grown.

        What :meth:`forward` gives for the last T positions in evaluation, to rounding,
        at the cost of these positions alone.

        Raises:
            ValueError: past and x together are longer than the block.
        """
        start, T = past[0][0].shape[2] if past else 0, x.shape[1]
        self.check_length(start + T)
        h, _ = self.wte.forward(x)  # (B, T, E)
        if self.positions == "learned":
            h, _ = ops.add_positions(h, self.wpe.C[start:])  # (B, T, E)
        elif self.positions == "sinusoid":
            P = ops.sinusoid(start + T, h.shape[-1], h)
            h, _ = ops.add_positions(h, P[start:])  # (B, T, E)
        blocks, grown = self.blocks.layers, []
        before: list[Any] = past or [None] * len(blocks)
        for block, kept in zip(blocks, before, strict=True):
            h, kept = block.extend(h, kept)  # type: ignore[attr-defined]
            grown.append(kept)
        h, _ = self.norm.forward(h)  # (B, T, E)
        return (h @ self.wte.C.T if self.tied else self.head.forward(h)[0]), grown

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

"""Two ways to read a long context: a tree of pairs, and a stack of gated filters."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from ..layers import (
    Apply,
    BatchNorm,
    CausalConv,
    Embedding,
    Layer,
    Linear,
    Sequential,
)


class Tree(Layer):
    """The lectures' tree: neighbours are joined two by two until one place is left.

    Each level puts two neighbours side by side, then a linear map without bias, batch
    normalisation and tanh. The context is 2**levels characters.

    Args:
        vocab_size: V.
        generator: draws the initial weights.
        n_embd: numbers per symbol.
        n_hidden: features of every level.
        levels: how often neighbours are joined.
        momentum: share of the new batch in the running statistics.
        correction: of the variance, as in :func:`charlm.ops.batchnorm`; the
            lectures have 1.
        dtype: of all parameters.
    """

    causal = False

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        n_embd: int = 24,
        n_hidden: int = 128,
        levels: int = 3,
        momentum: float = 0.1,
        correction: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.block, self.levels = 2**levels, levels
        self.correction = correction
        stack: list[Layer] = [
            Embedding(vocab_size, n_embd, generator, dtype=dtype),
        ]
        width = n_embd
        for _ in range(levels):
            stack += [
                Apply("flatten_consecutive", n=2),
                Linear(2 * width, n_hidden, generator, bias=False, dtype=dtype),
                BatchNorm(n_hidden, momentum, correction, dtype=dtype),
                Apply("tanh"),
            ]
            width = n_hidden
        # the last layer starts almost silent, so that the first loss is near log V
        stack.append(Linear(width, vocab_size, generator, gain=0.1, dtype=dtype))
        self.stack = Sequential(stack)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, block) symbols  ->  logits (B, V)."""
        if x.shape[1] != self.block:
            raise ValueError(
                f"Tree: contexts of {x.shape[1]} symbols; this tree reads "
                f"{self.block}: make windows with block={self.block}"
            )
        y, cache = self.stack.forward(x, training)  # (B, 1, V)
        return y.squeeze(1), cache

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, V): adds the gradient of every parameter."""
        self.stack.backward(dy.unsqueeze(1), cache)


class ConvTree(Tree):
    """The same tree at every position of a text at once, with the same parameters.

    Two neighbours side by side times a matrix are a causal filter of two taps; on
    level i the neighbours are 2**i apart. Neighbouring trees share their branches, so a
    long text costs less than a window for each of its characters; on short names, where
    padding counts, it may cost more. Before the beginning stand boundary symbols, as in
    windows.
    """

    causal = True

    def _levels(self) -> list[tuple[Linear, BatchNorm, Apply]]:
        s = self.stack.layers
        return [tuple(s[4 * i + 2 : 4 * i + 5]) for i in range(self.levels)]  # type: ignore[misc]

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, T) symbols  ->  logits (B, T, V)."""
        embed, out = self.stack.layers[0], self.stack.layers[-1]
        past = x.new_zeros(len(x), self.block - 1)
        h, c_embed = embed.forward(torch.cat([past, x], 1))
        caches = []
        for i, (linear, norm, tanh) in enumerate(self._levels()):
            W = linear.W.reshape(2, -1, linear.W.shape[1])  # one tap for each neighbour
            none = h.new_zeros(W.shape[2])
            h, c_conv = ops.causal_conv(h, W, none, 2**i)
            # the first 2**i places had no left neighbour: no tree begins there
            h, c_norm = norm.forward(h[:, 2**i :], training)
            h, c_tanh = tanh.forward(h)
            caches.append((c_conv, c_norm, c_tanh))
        logits, c_out = out.forward(h)  # (B, T, V)
        return logits, (c_embed, caches, c_out)

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, T, V): adds the gradient of every parameter."""
        embed, out = self.stack.layers[0], self.stack.layers[-1]
        c_embed, caches, c_out = cache
        dh = out.backward(dy, c_out)
        for i in reversed(range(self.levels)):
            linear, norm, tanh = self._levels()[i]
            c_conv, c_norm, c_tanh = caches[i]
            dh = norm.backward(tanh.backward(dh, c_tanh), c_norm)
            cut = dh.new_zeros(len(dh), 2**i, dh.shape[2])
            dh, dW, _ = ops.causal_conv_backward(torch.cat([cut, dh], 1), c_conv)
            linear.add(dW.flatten(0, 1))
        embed.backward(dh, c_embed)


class GatedBlock(Layer):
    """One layer of WaveNet: a dilated filter, a gate, then two ways out.

    x (B, T, R)  ->  the residual sum (B, T, R) and a contribution to the skip sum
    (B, T, S). One filter makes both inputs of the gate, one linear map both outputs.
    """

    def __init__(
        self,
        n_residual: int,
        n_skip: int,
        dilation: int,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        R, S = n_residual, n_skip
        self.R = R
        self.conv = CausalConv(2, R, 2 * R, dilation, generator, dtype=dtype)
        self.out = Linear(R, R + S, generator, dtype=dtype)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Any, Any]:
        """x (B, T, R)  ->  (residual sum (B, T, R), skip (B, T, S)), cache."""
        both, c_conv = self.conv.forward(x)  # (B, T, 2*R)
        a, b = both[..., : self.R], both[..., self.R :]  # (B, T, R)
        h, c_gate = ops.gate(a, b)  # (B, T, R)
        out, c_out = self.out.forward(h)  # (B, T, R+S)
        y, _ = ops.residual(x, out[..., : self.R])  # (B, T, R)
        return (y, out[..., self.R :]), (c_conv, c_gate, c_out)

    def backward(self, dy: Any, cache: Any) -> Tensor:
        """(dy (B, T, R), dskip (B, T, S))  ->  dx (B, T, R)."""
        c_conv, c_gate, c_out = cache
        dx, dbranch = ops.residual_backward(dy[0], ())
        dh = self.out.backward(torch.cat([dbranch, dy[1]], -1), c_out)
        dboth = torch.cat(ops.gate_backward(dh, c_gate), -1)
        return dx + self.conv.backward(dboth, c_conv)  # x was used twice


class WaveNet(Layer):
    """A small WaveNet: gated filters with dilations 1, 2, 4 ... and a sum of skips.

    It predicts at every position at once and reads 2**levels characters for each.

    Args:
        vocab_size: V.
        generator: draws the initial weights.
        n_residual: features that go from level to level.
        n_skip: features of the skip sum.
        levels: how many filters, each with twice the dilation.
        dtype: of all parameters.

    Source: van den Oord et al. (2016).
    """

    causal = True

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        n_residual: int = 32,
        n_skip: int = 64,
        levels: int = 3,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.block = 2**levels
        self.embed = Embedding(vocab_size, n_residual, generator, dtype=dtype)
        self.gated = [
            GatedBlock(n_residual, n_skip, 2**i, generator, dtype)
            for i in range(levels)
        ]
        self.blocks = Sequential(self.gated)
        self.head = Linear(n_skip, vocab_size, generator, gain=0.1, dtype=dtype)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, T) symbols  ->  logits (B, T, V)."""
        h, c_embed = self.embed.forward(x)  # (B, T, R)
        skips, c_blocks = [], []
        for block in self.gated:
            (h, skip), cache = block.forward(h)
            skips.append(skip)
            c_blocks.append(cache)
        total = torch.stack(skips).sum(0)  # (B, T, S)
        on, c_relu = ops.relu(total)  # (B, T, S)
        logits, c_head = self.head.forward(on)  # (B, T, V)
        return logits, (c_embed, c_blocks, c_relu, c_head)

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, T, V): adds the gradient of every parameter."""
        c_embed, c_blocks, c_relu, c_head = cache
        dskip = ops.relu_backward(self.head.backward(dy, c_head), c_relu)
        # a sum sends its gradient to every skip; nothing reads the last residual sum
        dh = dskip.new_zeros(*dskip.shape[:2], self.embed.C.shape[1])
        for block, c in zip(reversed(self.gated), reversed(c_blocks), strict=True):
            dh = block.backward((dh, dskip), c)
        self.embed.backward(dh, c_embed)

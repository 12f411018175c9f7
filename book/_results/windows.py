"""What these studies share: names as windows, and nets that read them."""

from typing import Any

import torch
from torch import Tensor

from charlm import data, ops
from charlm.layers import Layer, Sequential
from charlm.models import MLP

Pair = tuple[Tensor, Tensor]


def bundled() -> tuple[list[str], data.Vocab, list[Pair]]:
    """The bundled names, their vocabulary, and windows of train, dev and test.

    On one thread, so that a run is the same everywhere.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = data.load("names")
    vocab = data.Vocab.of(names)
    parts = data.split(names, seed=42)
    return names, vocab, [data.windows(part, vocab, block=3) for part in parts]


class Open(MLP):
    """A perceptron without normalisation; ``middle`` is what its hidden layer does."""

    def middle(self, pre: Tensor, training: bool) -> tuple[Tensor, Any]:
        """pre (B, H)  ->  h (B, H), cache."""
        raise NotImplementedError

    def middle_backward(self, dh: Tensor, cache: Any) -> Tensor:
        """dh (B, H)  ->  dpre (B, H)."""
        raise NotImplementedError

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T)  ->  logits (B, V)."""
        emb, c_emb = ops.embedding(ix, self.C)  # (B, T, E)
        pre, c_pre = ops.linear(emb.flatten(1), self.W1, self.b1)
        h, c_h = self.middle(pre, training)  # (B, H)
        logits, c_out = ops.linear(h, self.W2, self.b2)
        return logits, (emb.shape, c_emb, c_pre, c_h, c_out)

    def backward(self, dlogits: Tensor, cache: Any) -> None:
        """dlogits (B, V): adds the gradient of every parameter."""
        shape, c_emb, c_pre, c_h, c_out = cache
        dh, dW2, db2 = ops.linear_backward(dlogits, c_out)
        dflat, dW1, db1 = ops.linear_backward(self.middle_backward(dh, c_h), c_pre)
        dC = ops.embedding_backward(dflat.reshape(shape), c_emb)
        totals = self.dC, self.dW1, self.db1, self.dW2, self.db2
        for total, d in zip(totals, (dC, dW1, db1, dW2, db2), strict=True):
            total += d


class Windows(Layer):
    """Layers that make one place of a window of ``block`` symbols, and its scores."""

    causal = False

    def __init__(self, layers: list[Layer], block: int) -> None:
        self.block, self.stack = block, Sequential(layers)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, block) symbols  ->  logits (B, V)."""
        y, cache = self.stack.forward(x, training)  # (B, 1, V)
        return y.squeeze(1), cache

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, V): adds the gradient of every parameter."""
        self.stack.backward(dy.unsqueeze(1), cache)

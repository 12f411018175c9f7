"""A net of one matrix: the scores of the next symbol, a row per symbol."""

from typing import Any

import torch
from torch import Generator, Tensor

from ..ops import embedding, embedding_backward


class Bigram:
    """logits = W[last symbol]; W (V, V). Its gradient is ``dW``.

    Looking up a row is what a one-hot vector times W does, without the product.

    Args:
        vocab_size: V.
        generator: draws the initial weights.
        dtype: of the weights.
    """

    block = 1
    causal = False
    dW: Tensor

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shape = (vocab_size, vocab_size)
        self.W = 0.01 * torch.randn(shape, generator=generator, dtype=dtype)
        self.dW = torch.zeros_like(self.W)

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T) symbols, of which only the last is read  ->  logits (B, V)."""
        return embedding(ix[:, -1], self.W)

    def backward(self, dlogits: Tensor, cache: Any) -> None:
        """dlogits (B, V): adds to ``dW``."""
        self.dW += embedding_backward(dlogits, cache)

    def named(self) -> list[tuple[str, Tensor, Tensor]]:
        """Name, parameter and gradient."""
        return [("W", self.W, self.dW)]

    def statistics(self) -> list[tuple[str, Tensor]]:
        """Nothing is kept that is not learnt."""
        return []

    def zero_grad(self) -> None:
        """Set the gradient to zero."""
        self.dW.zero_()

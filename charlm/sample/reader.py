"""Scores of what comes next, for texts that grow."""

from typing import Any, Protocol

import torch
from torch import Tensor

from ..data import Reading


class TextModel(Reading, Protocol):
    """A model of one of two kinds.

    One that is not ``causal`` reads windows (B, block) and gives scores (B, V) for what
    comes next. A causal one reads texts (B, T), T at most ``block``, and gives scores
    (B, T, V) for what follows each position.
    """

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T)  ->  logits."""


def scores(model: TextModel, text: Tensor) -> Tensor:
    """text (B, T), begun with a boundary  ->  logits (B, V) of the next symbol."""
    size = max(model.block, 1)  # a model that counts symbols alone has block 0
    text = text[:, -size:]
    if model.causal:
        return model.forward(text, training=False)[0][:, -1]
    missing = text.new_zeros(len(text), size - text.shape[1])
    return model.forward(torch.cat([missing, text], 1), training=False)[0]


class Reader:
    """Scores for texts that grow: what a model has read is not read again.

    A model with ``extend`` keeps keys and values of all it has read, and is given the
    new symbols alone; any other model, and texts longer than the block, are read whole.
    """

    def __init__(self, model: TextModel, cached: bool = True) -> None:
        self.model, self.past = model, None  # keys and values, by block
        self.extend = getattr(model, "extend", None) if cached else None

    def scores(self, text: Tensor) -> Tensor:
        """text (B, T), that of the last call and more  ->  logits (B, V)."""
        if self.extend is None or text.shape[1] > self.model.block:
            return scores(self.model, text)
        read = self.past[0][0].shape[2] if self.past else 0
        logits: Tensor
        logits, self.past = self.extend(text[:, read:], self.past)
        return logits[:, -1]

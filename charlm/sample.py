"""Drawing names from a model, and measuring how well it predicts them."""

from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from .data import Vocab
from .ops import cross_entropy


class ContextModel(Protocol):
    """A model that reads a window of ``block`` characters."""

    block: int

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, block)  ->  logits (B, V)."""


def draw(logits: Tensor, generator: Generator) -> Tensor:
    """logits (B, V)  ->  one symbol per row (B), drawn from the softmax.

    By inverting the distribution function at one uniform number per row, so that a row
    gets the same symbol whatever else is in the batch.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)  # (B, V)
    u = torch.rand(len(logits), 1, generator=generator, dtype=torch.float64)  # (B, 1)
    # rounding may leave the last sum a little below u
    return (cumulative < u).sum(-1).clamp_max(logits.shape[-1] - 1)  # (B)


def sample(
    model: ContextModel,
    vocab: Vocab,
    count: int,
    generator: Generator,
    longest: int = 40,
) -> list[str]:
    """Draw names, character by character, until the model ends them.

    Args:
        model: any model that reads windows.
        vocab: the symbols of its outputs; symbol 0 starts and ends a name.
        count: how many names.
        generator: the source of chance.
        longest: a name that reaches this many characters is cut there.
    """
    context = torch.zeros((count, model.block), dtype=torch.long)
    names = torch.zeros((count, longest), dtype=torch.long)
    for t in range(longest):
        logits, _ = model.forward(context, training=False)
        ended = names[:, t - 1] == 0 if t else torch.zeros(count, dtype=torch.bool)
        names[:, t] = draw(logits, generator).masked_fill(ended, 0)
        context = torch.cat([context[:, 1:], names[:, t : t + 1]], 1)
        if not names[:, t].any():
            break
    return [vocab.decode(row[row != 0].tolist()) for row in names]


def nll(model: ContextModel, X: Tensor, Y: Tensor, rows: int = 10_000) -> float:
    """Mean negative log-likelihood per character, in nats, in evaluation mode.

    X (N, block), Y (N). Computed in chunks of ``rows`` to keep memory flat.
    """
    total = 0.0
    for i in range(0, len(Y), rows):
        targets = Y[i : i + rows]
        logits, _ = model.forward(X[i : i + rows], training=False)
        total += cross_entropy(logits, targets)[0].item() * len(targets)
    return total / len(Y)

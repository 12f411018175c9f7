"""How well a model predicts."""

import torch
from torch import Tensor

from ..data import Vocab
from ..ops import cross_entropy
from .drawing import encoded
from .reader import TextModel, scores


def log_likelihood(model: TextModel, vocab: Vocab, text: str, ended: bool) -> float:
    """Log-probability of a text, in nats: of each symbol, after those before it.

    Args:
        model: any model; a text beyond its block is read as in drawing, by its end.
        vocab: the symbols.
        text: one item, or a piece of running text.
        ended: an end follows, as after an item.

    Raises:
        ValueError: as for the prefix of :func:`sample`.
    """
    stream = torch.tensor([[*encoded(vocab, text), *([0] if ended else [])]])
    total = 0.0
    for i in range(1, stream.shape[1]):
        logp = scores(model, stream[:, :i]).double().log_softmax(-1)  # (1, V)
        total += float(logp[0, stream[0, i]])
    return total


def nll(model: TextModel, X: Tensor, Y: Tensor, places: int = 4096) -> float:
    """Mean negative log-likelihood per character, in nats, in evaluation mode.

    X and Y as :func:`charlm.data.encode` makes them; negative targets do not count.
    Computed in chunks of about ``places`` targets, which stay in the processor's cache.
    """
    rows = places
    if Y.dim() == 2:  # whole texts: those of one length together, none is padded
        length = (Y >= 0).sum(1)
        order = length.argsort()
        X, Y, length = X[order], Y[order], length[order]
        rows = max(1, places // Y.shape[1])
    total, count = 0.0, 0
    for i in range(0, len(Y), rows):
        context, targets = X[i : i + rows], Y[i : i + rows]
        if Y.dim() == 2:
            longest = int(length[i : i + rows].max())
            context, targets = context[:, :longest], targets[:, :longest]
        logits, _ = model.forward(context, training=False)
        kept = int((targets >= 0).sum())
        total += cross_entropy(logits, targets)[0].item() * kept
        count += kept
    return total / count

"""Tables of probabilities from counts: smoothed, and backed off."""

import torch
from torch import Generator, Tensor

from ..cases.draw import randint, randn
from .task import Draws, task


def _counts(g: Generator) -> Draws:
    for label, alpha in (("half a count", 0.5), ("three", 3.0)):
        yield label, (randint(g, 6, 5, 4).double(), alpha)
    yield "an unseen context", (torch.tensor([[0, 0, 0], [2, 0, 5]]).double(), 1.0)


@task(
    _counts,
    "P",
    slips={
        "the sum of a row grows by alpha for each symbol: V alpha, not alpha": (
            lambda c, a: (c + a) / (c.sum(1, keepdim=True) + a)
        ),
        "rows do not sum to one: the divisor lacks what was added": (
            lambda c, a: (c + a) / c.sum(1, keepdim=True).clamp_min(1)
        ),
        "columns sum to one; each context is a row": lambda c, a: (
            (c + a) / (c + a).sum(0)
        ),
        "the whole table sums to one; each row should": lambda c, a: (
            (c + a) / (c + a).sum()
        ),
        "alpha is added to the divisor alone": (
            lambda c, a: c / (c.sum(1, keepdim=True) + a * c.shape[1])
        ),
        "the probabilities are of the logarithms": (
            lambda c, a: (c + a).log().softmax(1).log()
        ),
    },
)
def smoothed(counts: Tensor, alpha: float) -> Tensor:
    """counts (S, V), alpha > 0  ->  P (S, V), of which each row sums to one."""
    return (counts + alpha) / (counts + alpha).sum(1, keepdim=True)


def _contexts(g: Generator) -> Draws:
    for label, S, V, d in (("half", 4, 6, 0.5), ("more", 3, 5, 0.8)):
        counts = randint(g, 4, S, V).double()
        counts[:, 0], counts[:, 1] = 2, 0  # each row has both kinds
        yield label, (counts, randn(g, S, V).softmax(1), d)


def _freed(c: Tensor, d: float) -> Tensor:
    return d * (c > 0).double().sum(1, keepdim=True) / c.sum(1, keepdim=True)


def _back(c: Tensor, unseen: Tensor, d: float) -> Tensor:
    kept = (c - d) / c.sum(1, keepdim=True)
    return torch.where(c > 0, kept, unseen)


@task(
    _contexts,
    "P",
    slips={
        "this is mixing: seen symbols get a share of the shorter context as well": (
            lambda c, b, d: (
                (c - d).clamp_min(0) / c.sum(1, keepdim=True) + _freed(c, d) * b
            )
        ),
        "the shorter context's probabilities of the unseen do not sum to one": (
            lambda c, b, d: _back(c, _freed(c, d) * b, d)
        ),
        "nothing is freed: the discount is not taken from the seen": (
            lambda c, b, d: torch.where(
                c > 0, c / c.sum(1, keepdim=True), backed_off(c, b, d)
            )
        ),
        "what is freed is d once; it is d for each kind of symbol that was seen": (
            lambda c, b, d: _back(
                c, backed_off(c, b, d) / (c > 0).double().sum(1, keepdim=True), d
            )
        ),
        "what is freed is spread evenly, not by the shorter context": (
            lambda c, b, d: backed_off(c, torch.ones_like(b), d)
        ),
        "what is freed is left out": lambda c, b, d: _back(c, 0 * b, d),
    },
)
def backed_off(counts: Tensor, below: Tensor, d: float) -> Tensor:
    """counts (S, V), the shorter context's P (S, V), 0 < d < 1  ->  P (S, V)."""
    unseen = below.masked_fill(counts > 0, 0)
    return _back(counts, _freed(counts, d) * unseen / unseen.sum(1, keepdim=True), d)

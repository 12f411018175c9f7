"""Whole texts: how many come up, and which is likeliest."""

import heapq
from collections.abc import Callable, Sequence
from itertools import count

import torch
from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task


def _chances(g: Generator) -> Draws:
    for label, n in (("few draws", 3), ("many", 200)):
        yield label, (0.2 * randn(g, 30).sigmoid(), n)


@task(
    _chances,
    "expected",
    slips={
        "a name that comes up twice counts twice": lambda P, n: (n * P).sum(),
        "these are the names that do not come up": lambda P, n: ((1 - P) ** n).sum(),
        "names that come up every time are counted": (
            lambda P, n: (1 - (1 - P**n)).sum()
        ),
        "this is the share of the names, not their number": (
            lambda P, n: (1 - (1 - P) ** n).mean()
        ),
    },
)
def expected_distinct(P: Tensor, n: int) -> Tensor:
    """Probabilities of names P (M), draws n  ->  how many different ones come up ()."""
    return (1 - (1 - P) ** n).sum()


Steps = Callable[[tuple[int, ...]], Sequence[float]]


def _trees(g: Generator) -> Draws:
    for label, V, strength in (("three symbols", 3, 1.0), ("six", 6, 1.5)):
        table = (strength * randn(g, V, V)).log_softmax(-1)
        yield label, (lambda text, t=table: t[text[-1] if text else 0].tolist(),)


def _ahead(steps: Steps) -> tuple[Tensor, float]:
    """The symbol that is likeliest each time."""
    text: tuple[int, ...] = ()
    total = 0.0
    while len(text) < 50 and (not text or text[-1]):
        logp = steps(text)
        best = max(range(len(logp)), key=lambda j: logp[j])
        text, total = (*text, best), total + logp[best]
    return torch.tensor(text), total


@task(
    _trees,
    "text",
    "logp",
    slips={
        "the likeliest symbol each time, which is no likeliest text": _ahead,
        "the text is right without its end; let it end with 0": (
            lambda steps: (likeliest(steps)[0][:-1], likeliest(steps)[1])
        ),
        "this is the negative of the logarithm": (
            lambda steps: (likeliest(steps)[0], -likeliest(steps)[1])
        ),
    },
)
def likeliest(steps: Steps) -> tuple[Tensor, float]:
    """steps(text) gives the log-probabilities of the next symbol; 0 ends a text."""
    order = count()  # decides between equals
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, next(order), ())]
    while True:
        cost, _, text = heapq.heappop(heap)
        if text and text[-1] == 0:
            return torch.tensor(text), -cost
        for j, logp in enumerate(steps(text)):
            heapq.heappush(heap, (cost - logp, next(order), (*text, j)))

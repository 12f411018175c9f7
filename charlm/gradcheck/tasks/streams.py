"""A stack of dilated filters that takes one row after the other."""

from torch import Generator, Tensor

from ... import ops
from ..cases.draw import randn
from .task import Draws, task

Filters = list[tuple[int, Tensor, Tensor]]


def _stacks(g: Generator) -> Draws:
    for label, deltas, C in (("1, 2 and 4", (1, 2, 4), 3), ("one level", (3,), 2)):
        filters = [(d, randn(g, 2, C, C), randn(g, C)) for d in deltas]
        yield label, (filters, randn(g, 12, C))


def _without_tanh(filters: Filters, x: Tensor) -> Tensor:
    h = x[None]
    for delta, W, b in filters:
        h = ops.causal_conv(h, W, b, delta)[0]
    return h[0]


@task(
    _stacks,
    "y",
    slips={
        "every level looks one row back: its dilation is left out": (
            lambda filters, x: streamed([(1, W, b) for _, W, b in filters], x)
        ),
        "every level looks one row too far back": (
            lambda filters, x: streamed([(d + 1, W, b) for d, W, b in filters], x)
        ),
        "the taps are exchanged: W[1] is for the newest row": (
            lambda filters, x: streamed([(d, W.flip(0), b) for d, W, b in filters], x)
        ),
        "the older row is not heard: the queue gives zeros": (
            lambda filters, x: streamed([(len(x), W, b) for _, W, b in filters], x)
        ),
        "there is no tanh after a level": _without_tanh,
        "the bias is left out": (
            lambda filters, x: streamed([(d, W, 0 * b) for d, W, b in filters], x)
        ),
    },
)
def streamed(filters: Filters, x: Tensor) -> Tensor:
    """Levels of delta, W (2, C, C), b (C), and x (T, C)  ->  y (T, C)."""
    h = x[None]
    for delta, W, b in filters:
        h = ops.causal_conv(h, W, b, delta)[0].tanh()
    return h[0]

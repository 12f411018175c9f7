"""Weights at the start: a uniform law, the gain of a leaky ReLU, a measured scale."""

import math

from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task


def _fans(g: Generator) -> Draws:
    for n in (30, 200):
        yield f"{n} inputs", (n, 0.5 + randn(g).sigmoid().item())


@task(
    _fans,
    "a",
    slips={
        "this is the deviation; the mean square of a uniform law is a**2 / 3": (
            lambda n, gain: gain / math.sqrt(n)
        ),
        "the mean square is a**2 / 3; a**2 / 12 is that of an interval of length a": (
            lambda n, gain: gain * math.sqrt(12 / n)
        ),
        "the root is not taken": lambda n, gain: gain * 3 / n,
        "the gain stands under the root; its square would": (
            lambda n, gain: math.sqrt(3 * gain / n)
        ),
        "the 3 is on the wrong side": lambda n, gain: gain / math.sqrt(3 * n),
    },
)
def uniform_bound(n: int, gain: float) -> float:
    """Number of inputs n, gain  ->  the a of a uniform law on [-a, a]."""
    return gain * math.sqrt(3 / n)


def _slopes(g: Generator) -> Draws:
    for label, low, high in (("small slope", 0.01, 0.1), ("large slope", 0.5, 0.9)):
        yield label, (low + (high - low) * randn(g).sigmoid().item(),)


@task(
    _slopes,
    "gain",
    slips={
        "the slope enters by its square": lambda a: math.sqrt(2 / (1 + a)),
        "the negative half is left out: this is the gain of ReLU": (
            lambda a: math.sqrt(2)
        ),
        "the root is not taken": lambda a: 2 / (1 + a * a),
        "each half carries half of v; the 2 is missing": (
            lambda a: math.sqrt(1 / (1 + a * a))
        ),
        "it is upside down": lambda a: math.sqrt((1 + a * a) / 2),
        "the negative half adds to the mean square": (
            lambda a: math.sqrt(2 / (1 - a * a))
        ),
    },
)
def leaky_gain(a: float) -> float:
    """Slope a in [0, 1) on the negative side  ->  the gain."""
    return math.sqrt(2 / (1 + a * a))


Three = tuple[Tensor, Tensor, Tensor]


def _nets(g: Generator) -> Draws:
    for label, size in (("too small", 0.2), ("too large", 3.0)):
        W = [size * randn(g, i, o) for i, o in ((5, 7), (7, 6), (6, 4))]
        yield label, (W, randn(g, 50, 5))


def _scaled(
    W: list[Tensor],
    x: Tensor,
    power: float = 0.5,
    after: bool = False,
    below: bool = True,
    centred: bool = False,
    bent: bool = True,
) -> Three:
    """The weights scaled from below upwards, with a choice of mistakes."""
    found = []
    for one in W:
        y = x @ one
        seen = y.tanh() if after else y
        seen = seen - seen.mean() if centred else seen
        new = one / seen.square().mean() ** power
        found.append(new)
        x = x @ (new if below else one)
        x = x.tanh() if bent else x
    return found[0], found[1], found[2]


@task(
    _nets,
    "W1",
    "W2",
    "W3",
    slips={
        "the layers below were not scaled yet when this one was measured": (
            lambda W, x: _scaled(W, x, below=False)
        ),
        "it is divided by the mean square, not by its root": (
            lambda W, x: _scaled(W, x, power=1.0)
        ),
        "it is multiplied by the size of its output; divide by it": (
            lambda W, x: _scaled(W, x, power=-0.5)
        ),
        "its output is measured behind tanh, not before it": (
            lambda W, x: _scaled(W, x, after=True)
        ),
        "the mean is subtracted first: std() is not the root of the mean square": (
            lambda W, x: _scaled(W, x, centred=True)
        ),
        "it is not scaled": lambda W, x: (W[0], W[1], W[2]),
        "the next layer was given no tanh": lambda W, x: _scaled(W, x, bent=False),
    },
)
def measured_start(W: list[Tensor], x: Tensor) -> Three:
    """Three weight matrices, tanh between them, and x (N, I)  ->  them, scaled."""
    return _scaled(W, x)

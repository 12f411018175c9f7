"""A step of AdamW, the bias at its start, and a gradient cut to a length."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task

ONE, TWO = 0.9, 0.99
Step = tuple[Tensor, Tensor, Tensor]


def _steps(g: Generator) -> Draws:
    zero = torch.zeros(5).double()
    yield "first step", (randn(g, 5), randn(g, 5), zero, zero, 1, 0.1, 0.3, 1e-3)
    m, s = randn(g, 5), randn(g, 5).square()
    yield "seventh step", (randn(g, 5), randn(g, 5), m, s, 7, 0.02, 0.3, 1e-3)
    yield "no decay", (randn(g, 5), randn(g, 5), m, s, 7, 0.1, 0.0, 1e-3)


def _step(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    s: Tensor,
    t: int,
    lr: float,
    decay: float,
    eps: float,
    *,
    one: bool = True,
    two: bool = True,
    power: bool = True,
    late: bool = False,
    pull: float | None = None,
    below: Callable[[Tensor, float], Tensor] = lambda s, eps: s.sqrt() + eps,
) -> Step:
    """A step, with a choice of mistakes."""
    new = ONE * m + (1 - ONE) * g, TWO * s + (1 - TWO) * g * g
    m, s = (m, s) if late else new
    k = t if power else 1
    m_hat = m / (1 - ONE**k) if one else m
    s_hat = s / (1 - TWO**k) if two else s
    pull = lr * decay if pull is None else pull
    return p - lr * m_hat / below(s_hat, eps) - pull * p, *new


def _coupled(p: Tensor, g: Tensor, m: Tensor, s: Tensor, t: int, *rest: float) -> Step:
    lr, decay, eps = rest
    return _step(p, g + decay * p, m, s, t, lr, 0.0, eps)


@task(
    _steps,
    "p",
    "m",
    "s",
    slips={
        "the means are not corrected for their start": (
            lambda *a: _step(*a, one=False, two=False)
        ),
        "the mean square s is not corrected for its start": (
            lambda *a: _step(*a, two=False)
        ),
        "the mean m is not corrected for its start": lambda *a: _step(*a, one=False),
        "both are divided by 1 - beta; it is 1 - beta**t": (
            lambda *a: _step(*a, power=False)
        ),
        "epsilon stands in the root; it is added to the root": (
            lambda *a: _step(*a, below=lambda s, eps: (s + eps).sqrt())
        ),
        "the root of the mean square is not taken": (
            lambda *a: _step(*a, below=lambda s, eps: s + eps)
        ),
        "the decay went through the gradient: this is L2 in Adam, not AdamW": _coupled,
        "the decay is not multiplied by the learning rate": (
            lambda *a: _step(*a, pull=a[6])
        ),
        "the decay is left out": lambda *a: _step(*a, pull=0.0),
        "it goes uphill": lambda *a: (2 * a[0] - _step(*a)[0], *_step(*a)[1:]),
        "the step is taken by the old means, before g is in them": (
            lambda *a: _step(*a, late=True)
        ),
        "the betas are exchanged, or 1 - beta stands where beta should": (
            lambda p, g, m, s, *rest: (
                p,
                (1 - ONE) * m + ONE * g,
                (1 - TWO) * s + TWO * g * g,
            )
        ),
        "it is the mean of g, not of its square": (
            lambda p, g, m, s, *rest: (p, m, TWO * s + (1 - TWO) * g)
        ),
    },
)
def adamw_step(
    p: Tensor,
    g: Tensor,
    m: Tensor,
    s: Tensor,
    t: int,
    lr: float,
    decay: float,
    eps: float,
) -> Step:
    """Parameter, gradient, both means (P), step t >= 1  ->  p, m, s after step t."""
    return _step(p, g, m, s, t, lr, decay, eps)


def _times(g: Generator) -> Draws:
    for t, two in ((1, 0.99), (10, 0.999)):
        yield f"step {t}, {two}", (t, 0.9, two)


@task(
    _times,
    "factor",
    slips={
        "it is upside down: the corrected step over the uncorrected one": (
            lambda t, one, two: math.sqrt(1 - two**t) / (1 - one**t)
        ),
        "the root is missing: s stands under one": (
            lambda t, one, two: (1 - one**t) / (1 - two**t)
        ),
        "the mean m is not corrected in it": lambda t, one, two: (1 - two**t) ** -0.5,
        "the mean square s is not corrected in it": lambda t, one, two: 1 - one**t,
        "this is the factor of the first step, whatever t is": (
            lambda t, one, two: (1 - one) / math.sqrt(1 - two)
        ),
    },
)
def uncorrected_factor(t: int, one: float, two: float) -> float:
    """Step t >= 1 and both betas  ->  uncorrected step over the corrected one."""
    return (1 - one**t) / math.sqrt(1 - two**t)


def _long(g: Generator) -> Draws:
    one = torch.tensor(1.5).double()
    yield "long", (3 * randn(g, 6), one)
    yield "short", (randn(g, 6) / 9, one)


@task(
    _long,
    "d",
    slips={
        "each element is cut; this is clipping by value": (lambda d, c: d.clamp(-c, c)),
        "it is always made c long, also where it is shorter": (
            lambda d, c: d * c / d.norm()
        ),
        "it is never cut": lambda d, c: d,
        "the square of the length is compared, not the length": (
            lambda d, c: d * (c / d.square().sum()).clamp(max=1.0)
        ),
        "its length is due to be at most c, not 1": (
            lambda d, c: d * (1 / d.norm()).clamp(max=1.0)
        ),
        "the largest element is taken for the length": (
            lambda d, c: d * (c / d.abs().max()).clamp(max=1.0)
        ),
    },
)
def clipped(d: Tensor, c: Tensor) -> Tensor:
    """d (P), c ()  ->  the nearest vector (P) of length c or less."""
    length: Tensor = d.norm()
    return d * (c / length).clamp(max=1.0)

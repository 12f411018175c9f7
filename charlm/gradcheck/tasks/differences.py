"""Derivatives from values: central differences, the step taken, a remainder."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task

Function = Callable[[Tensor], Tensor]


def _curves(g: Generator) -> Draws:
    W = randn(g, 5, 5)
    yield "a curve", (lambda x: ((W @ x).tanh() * x).sum(), randn(g, 5), 2.0**-7)
    yield "one number", (lambda x: x.exp().sum(), randn(g, 1), 2.0**-10)


def _along(f: Function, x: Tensor, h: float, rule: Callable[..., Tensor]) -> Tensor:
    return torch.stack([rule(f, x, h * e) for e in torch.eye(len(x)).to(x)]) / h


@task(
    _curves,
    "slopes",
    slips={
        "this is the forward difference: go h down as well, and divide by 2 h": (
            lambda f, x, h: _along(f, x, h, lambda f, x, e: f(x + e) - f(x))
        ),
        "this is the difference from x - h to x; go h up as well": (
            lambda f, x, h: _along(f, x, h, lambda f, x, e: f(x) - f(x - e))
        ),
        "all coordinates are moved at once; move one at a time": (
            lambda f, x, h: torch.full_like(x, (f(x + h) - f(x - h)).item() / 2 / h)
        ),
        "a coordinate keeps its step while the next ones are moved": (
            lambda f, x, h: (
                torch.stack(
                    [
                        f(x - h * before + h * e) - f(x - h * before - h * e)
                        for e in torch.eye(len(x)).to(x)
                        for before in [(e.flip(0).cumsum(0).flip(0) - e)]
                    ]
                )
                / (2 * h)
            )
        ),
        "it is not divided by the step, 2 h": (
            lambda f, x, h: 2 * h * central_slopes(f, x, h)
        ),
    },
)
def central_slopes(f: Function, x: Tensor, h: float) -> Tensor:
    """f: (P) -> (), x (P), h  ->  central differences (P), one per coordinate."""
    return _along(f, x, h, lambda f, x, e: (f(x + e) - f(x - e)) / 2)


def _far(g: Generator) -> Draws:
    far = 1000 + randn(g, 6).sigmoid()
    yield "near 1000", (lambda x: x - 1000, far, 1e-7)
    yield "near 0", (torch.sin, randn(g, 4), 2.0**-12)


@task(
    _far,
    "slopes",
    slips={
        "it divides by the step asked for, not by the step taken": (
            lambda f, x, h: (f(x + h) - f(x)) / h
        ),
        "the step taken is x + h less x, in this order": (
            lambda f, x, h: (f(x + h) - f(x)) / (x - (x + h))
        ),
        "the central rule was not asked for": (
            lambda f, x, h: (f(x + h) - f(x - h)) / ((x + h) - (x - h))
        ),
    },
)
def careful_difference(f: Function, x: Tensor, h: float) -> Tensor:
    """f elementwise, x (P), h  ->  forward differences (P) over the step taken."""
    there = x + h
    return (f(there) - f(x)) / (there - x)


def _losses(g: Generator) -> Draws:
    for label, P in (("six parameters", 6), ("one", 1)):
        W, theta, u = randn(g, P, P), randn(g, P), randn(g, P)
        L = lambda t, W=W: (W @ t).sin().exp().sum()  # noqa: E731
        yield label, (L, theta, randn(g, P), u, 0.25)


@task(
    _losses,
    "remainder",
    slips={
        "the rise from -h to h is not halved": (
            lambda L, p, claim, u, h: (
                L(p + h * u) - L(p - h * u) - h * claim @ u
            ).abs()
        ),
        "the predicted rise lacks the factor h": (
            lambda L, p, claim, u, h: (
                (L(p + h * u) - L(p - h * u)) / 2 - claim @ u
            ).abs()
        ),
        "this is the remainder of second order, from theta up alone": (
            lambda L, p, claim, u, h: (L(p + h * u) - L(p) - h * claim @ u).abs()
        ),
        "it is divided by h; the remainder is the difference itself": (
            lambda L, p, claim, u, h: third_remainder(L, p, claim, u, h) / h
        ),
        "it has a sign; return its size": (
            lambda L, p, claim, u, h: (L(p + h * u) - L(p - h * u)) / 2 - h * claim @ u
        ),
    },
)
def third_remainder(
    L: Function, theta: Tensor, claim: Tensor, u: Tensor, h: float
) -> Tensor:
    """L: (P) -> (), theta, claimed gradient and u (P), h  ->  |remainder| ()."""
    rise = L(theta + h * u) - L(theta - h * u)
    return (rise / 2 - h * claim @ u).abs()

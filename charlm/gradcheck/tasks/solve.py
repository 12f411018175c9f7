"""Steps that use curvature: Newton's, and conjugate gradients."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task


def _starts(g: Generator) -> Draws:
    for label, damping in (("plain", 0.0), ("damped", 0.25)):
        w, share, extra = randn(g), randn(g).sigmoid(), torch.tensor(damping).double()
        yield label, (w, share, extra)


def _stepped(
    w: Tensor, share: Tensor, damping: Tensor, *, way: Callable[[Tensor], Tensor]
) -> Tensor:
    p = w.sigmoid()
    return w - (p - share) / (way(p) + damping)


@task(
    _starts,
    "w",
    slips={
        "the step goes uphill": lambda w, m, d: 2 * w - newton_step(w, m, d),
        "the gradient is not divided by the second derivative": (
            lambda w, m, d: w - (w.sigmoid() - m)
        ),
        "the gradient is multiplied by the second derivative": (
            lambda w, m, d: (
                w - (w.sigmoid() - m) * (w.sigmoid() * (1 - w.sigmoid()) + d)
            )
        ),
        "the second derivative is p (1 - p), not p": (
            lambda *a: _stepped(*a, way=lambda p: p)
        ),
        "this is the step alone, not the new w": (
            lambda w, m, d: newton_step(w, m, d) - w
        ),
    },
)
def newton_step(w: Tensor, share: Tensor, damping: Tensor) -> Tensor:
    """w, the share m / N of targets, the damping, all ()  ->  w after a step."""
    return _stepped(w, share, damping, way=lambda p: p * (1 - p))


def _systems(g: Generator) -> Draws:
    for label, P, count in (("six, all of them", 6, 6), ("six, three", 6, 3)):
        A = randn(g, P, P)
        A = A @ A.T / P + torch.eye(P).double()
        yield label, (lambda s, A=A: A @ s, randn(g, P), count)
    yield "one product", (lambda s: 3 * s + s.flip(0), randn(g, 4), 1)


Products = Callable[[Tensor], Tensor]


def _descend(
    times: Products,
    goal: Tensor,
    count: int,
    *,
    share: Callable[[Tensor, Tensor], float],
) -> Tensor:
    s, r, d = torch.zeros_like(goal), goal, goal
    for _ in range(count):
        Ad, before = times(d), r @ r
        step = (d @ r) / (d @ Ad)
        s, r = s + step * d, r - step * Ad
        d = r + share(r @ r, before) * d
    return s


@task(
    _systems,
    "s",
    slips={
        "every direction is the residual alone: this is steepest descent": (
            lambda *a: _descend(*a, share=lambda new, old: 0.0)
        ),
        "the share of the last direction is upside down": (
            lambda *a: _descend(*a, share=lambda new, old: (old / new).item())
        ),
        "the last direction is taken away; it has to be added": (
            lambda *a: _descend(*a, share=lambda new, old: -(new / old).item())
        ),
        "there is one product too few": (
            lambda times, goal, count: conjugate_gradients(times, goal, count - 1)
        ),
    },
)
def conjugate_gradients(times: Products, goal: Tensor, count: int) -> Tensor:
    """times (P) -> (P), goal (P)  ->  s (P) after ``count`` products, from zero."""
    return _descend(times, goal, count, share=lambda new, old: (new / old).item())

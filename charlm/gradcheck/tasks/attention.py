"""Attention in parts, with less memory, and its positions."""

import math

import torch
from torch import Generator, Tensor

from ... import ops
from ..cases.draw import randn
from .task import Draws, task


def _halves(g: Generator) -> Draws:
    for label, size in (("plain", 1.0), ("large scores", 40.0)):
        q, k, v = size * randn(g, 4, 3), size * randn(g, 7, 3), randn(g, 7, 2)
        found = []
        for part in (slice(0, 3), slice(3, 7)):
            y, cache = ops.tiled_attention(q, k[part], v[part], causal=False)
            found += [y, cache[-1]]
        yield label, tuple(found)


def _weighted(Y: Tensor, a: Tensor, Z: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both halves with their weights, given as logarithms up to a constant."""
    share = (a - b).sigmoid()
    return share * Y + (1 - share) * Z, torch.logaddexp(a, b)


@task(
    _halves,
    "Y",
    "lse",
    slips={
        "each half has the weight of the other": (
            lambda Y, a, Z, b: _weighted(Y, b, Z, a)
        ),
        "both halves count alike": (lambda Y, a, Z, b: _weighted(Y, 0 * a, Z, 0 * b)),
        "the halves are added, without weights": lambda Y, a, Z, b: (Y + Z, a + b),
        "the larger of the two is taken, and nothing of the smaller": (
            lambda Y, a, Z, b: (torch.where(a > b, Y, Z), torch.maximum(a, b))
        ),
    },
)
def merged(Y: Tensor, lse: Tensor, Z: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Y (T, E), lse (T, 1) of some keys, Z, other of the rest  ->  those of all."""
    return _weighted(Y, lse, Z, other)


def _biased(g: Generator) -> Draws:
    for label, T, D in (("three features", 6, 3), ("one feature", 5, 1)):
        beta = torch.rand((), generator=g, dtype=torch.float64)
        yield label, (randn(g, T, D), randn(g, T, D), randn(g, T, 2), beta)


def _by_bias(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    *,
    scale: float = 1.0,
    far: float = 1.0,
    causal: bool = True,
) -> Tensor:
    """Causal attention with ``scale`` times the usual one, ``far`` times the bias."""
    place = torch.arange(len(q), dtype=q.dtype)
    lag = place[:, None] - place
    S = scale * q @ k.T / math.sqrt(q.shape[1]) - far * beta * lag
    return S.masked_fill((lag < 0) & causal, -math.inf).softmax(-1) @ v


@task(
    _biased,
    "y",
    slips={
        "keys that come after the query are seen, too": (
            lambda *a: _by_bias(*a, causal=False)
        ),
        "the bias has the wrong sign: what is far away is preferred": (
            lambda *a: _by_bias(*a, far=-1)
        ),
        "the scale is that of one feature more, 1 / sqrt(D + 1), for all features": (
            lambda q, *a: _by_bias(q, *a, scale=(q.shape[1] / (q.shape[1] + 1)) ** 0.5)
        ),
        "the bias is multiplied by the scale of the scores, 1 / sqrt(D + 1)": (
            lambda q, *a: _by_bias(q, *a, far=(q.shape[1] + 1) ** -0.5)
        ),
        "the scale is that of one feature more, for all features and the bias": (
            lambda q, *a: _by_bias(
                q,
                *a,
                scale=(q.shape[1] / (q.shape[1] + 1)) ** 0.5,
                far=(q.shape[1] + 1) ** -0.5,
            )
        ),
    },
)
def biased_by_distance(q: Tensor, k: Tensor, v: Tensor, beta: Tensor) -> Tensor:
    """q, k (T, D), v (T, E), beta ()  ->  y (T, E): scores less beta (t - s)."""
    return _by_bias(q, k, v, beta)


def _windows(g: Generator) -> Draws:
    for label, T, w in (("a window of five", 12, 5), ("longer than the text", 4, 6)):
        yield label, (randn(g, T, 4), randn(g, T, 4), randn(g, T, 2), w)


def _seen(
    q: Tensor, k: Tensor, v: Tensor, w: int, *, turn: tuple[bool, bool] = (True, True)
) -> Tensor:
    """Each query sees w keys; ``turn``: whether queries and keys are rotated."""
    q, k = (ops.rope(x)[0] if y else x for x, y in zip((q, k), turn, strict=True))
    lag = torch.arange(len(q))[:, None] - torch.arange(len(q))
    S = (q @ k.T / math.sqrt(q.shape[1])).masked_fill((lag < 0) | (lag >= w), -math.inf)
    return S.softmax(-1) @ v


@task(
    _windows,
    "y",
    slips={
        "each query sees one key too many": (lambda q, k, v, w: _seen(q, k, v, w + 1)),
        "each query sees one key too few": (lambda q, k, v, w: _seen(q, k, v, w - 1)),
        "nothing is forgotten: each query sees all keys before it": (
            lambda q, k, v, w: _seen(q, k, v, len(q))
        ),
        "nothing is rotated: a single row begins at place 0 unless start is given": (
            lambda *a: _seen(*a, turn=(False, False))
        ),
        "the queries are rotated, the keys are not": (
            lambda *a: _seen(*a, turn=(True, False))
        ),
        "the keys are rotated, the queries are not": (
            lambda *a: _seen(*a, turn=(False, True))
        ),
    },
)
def windowed(q: Tensor, k: Tensor, v: Tensor, w: int) -> Tensor:
    """q, k (T, D), v (T, E)  ->  y (T, E): rotated, keys t - w + 1 to t for query t."""
    return _seen(q, k, v, w)


def _nets(g: Generator) -> Draws:
    for label, n, c in (
        ("four stretches", 8, 2),
        ("one stretch", 4, 4),
        ("ones", 3, 1),
    ):
        x, dy, weights = randn(g, 3, 5), randn(g, 3, 5), 0.5 * randn(g, n, 5, 5)
        yield label, (x, dy, weights, c)


def _whole(
    x: Tensor, dy: Tensor, weights: Tensor, c: int, *, slope: bool = True
) -> tuple[Tensor, Tensor]:
    """The gradients with everything kept."""
    xs = [x]
    for W in weights:
        xs.append((xs[-1] @ W).tanh())
    grads: list[Tensor] = []
    for i in reversed(range(len(weights))):
        du = dy * (1 - xs[i + 1] ** 2) if slope else dy
        grads.insert(0, xs[i].T @ du)
        dy = du @ weights[i].T
    return dy, torch.stack(grads)


def _stretches_turned(
    x: Tensor, dy: Tensor, weights: Tensor, c: int
) -> tuple[Tensor, Tensor]:
    dx, dW = _whole(x, dy, weights, c)
    return dx, torch.cat(torch.split(dW, c)[::-1])


def _input_of_the_net(
    x: Tensor, dy: Tensor, weights: Tensor, c: int
) -> tuple[Tensor, Tensor]:
    """Every stretch is run from x."""
    stretches: list[Tensor] = []
    for part in reversed(torch.split(weights, c)):
        dy, dW = _whole(x, dy, part, c)
        stretches.insert(0, dW)
    return dy, torch.cat(stretches)


@task(
    _nets,
    "dx",
    "dW",
    slips={
        "the stretches come in the order in which they are gone through, last first": (
            _stretches_turned
        ),
        "all layers come in the order in which they are gone through, last first": (
            lambda *a: (_whole(*a)[0], _whole(*a)[1].flip(0))
        ),
        "the slope of tanh is left out": lambda *a: _whole(*a, slope=False),
        "every stretch is run again from x, not from its own beginning": (
            _input_of_the_net
        ),
    },
)
def thrifty(x: Tensor, dy: Tensor, weights: Tensor, c: int) -> tuple[Tensor, Tensor]:
    """x, dy (N, E), weights (n, E, E)  ->  dx (N, E), dW (n, E, E), in parts of c."""
    return _whole(x, dy, weights, c)

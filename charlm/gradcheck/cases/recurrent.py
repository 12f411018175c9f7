"""Cells and masks; what the cells with gates share with them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor

from ... import ops
from .draw import Inputs, rand_bool, randn

SHAPES = (
    ("plain", (3, 4, 2), 1.0),
    ("one row", (1, 3, 4), 1.0),
    ("width one", (4, 2, 1), 1.0),
    ("one of everything", (1, 1, 1), 1.0),
    ("large activations", (3, 4, 3), 3.0),
)
START = "from a state of zeros"


def rnn_cell(g: Generator) -> Inputs:
    """One row, width one, large activations, the first step, trained weights."""
    yield from cell(g, "rnn_cell", 1)


def keep(g: Generator) -> Inputs:
    """Some rows end, all, none; a state of two parts; width one."""
    yield "some", (rand_bool(g, 5), randn(g, 5, 3), randn(g, 5, 3)), {}
    yield "two parts", (rand_bool(g, 4), randn(g, 2, 4, 3), randn(g, 2, 4, 3)), {}
    yield "all end", (rand_bool(g, 3) & False, randn(g, 3, 1), randn(g, 3, 1)), {}
    yield "none ends", (rand_bool(g, 3) | True, randn(g, 3, 1), randn(g, 3, 1)), {}


def cell(g: Generator, pair: str, gates: int) -> Inputs:
    """Inputs of any cell; ``gates`` is how many parts its weights have."""
    for label, (B, n_in, H), scale in SHAPES:
        x, weights = randn(g, B, n_in), _weights(g, pair, n_in, H, gates)
        s = _start(pair, B, H)
        s = s + randn(g, *s.shape)
        yield label, (x, s, *(scale * w for w in weights)), {}
    x, weights = randn(g, 3, 2), _weights(g, pair, 2, 3, gates)
    yield START, (x, _start(pair, 3, 3), *weights), {}
    yield "trained", _trained(pair, gates), {}


def _start(pair: str, B: int, H: int) -> Tensor:
    """The state before the first symbol."""
    shape = (2, B, H) if pair == "lstm_cell" else (B, H)
    return torch.zeros(shape, dtype=torch.float64)


def _weights(
    g: Generator, pair: str, n_in: int, H: int, gates: int
) -> tuple[Tensor, ...]:
    W, U, b = (randn(g, *s, gates * H) for s in ((n_in,), (H,), ()))
    return (W, U, b, randn(g, H)) if pair == "gru_cell_after" else (W, U, b)


@cache
def _trained(pair: str, gates: int) -> tuple[Any, ...]:
    """Inputs of a cell that has learnt something, in the middle of a text.

    It adds up signs, 300 steps of gradient descent on the square of what is missing.
    """
    g = Generator().manual_seed(0)
    B, T, H = 16, 6, 3
    weights = tuple(0.5 * w for w in _weights(g, pair, 1, H, gates))
    forward: Callable[..., Any] = getattr(ops, pair)
    backward: Callable[..., Any] = getattr(ops, f"{pair}_backward")
    inputs: tuple[Any, ...] = ()
    for _ in range(300):
        x = randn(g, B, T, 1).sign()
        s, caches = _start(pair, B, H), []
        for t in range(T):
            if t == T // 2:
                inputs = x[:3, t], s[..., :3, :].clone(), *weights
            s, kept = forward(x[:, t], s, *weights)
            caches.append(kept)
        ds = torch.zeros_like(s)
        h, dh = (s[0], ds[0]) if pair == "lstm_cell" else (s, ds)
        dh[:, 0] = (h[:, 0] - x.sum((1, 2)) / T) / B
        steps = [torch.zeros_like(w) for w in weights]
        for kept in reversed(caches):
            _, ds, *found = backward(ds, kept)
            steps = [a + d for a, d in zip(steps, found, strict=True)]
        weights = tuple(w - d for w, d in zip(weights, steps, strict=True))
    return inputs

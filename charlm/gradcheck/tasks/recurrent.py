"""Truncation in time."""

import torch
from torch import Generator, Tensor

from ... import ops
from ..cases.draw import randn
from .task import Draws, task

Grads = tuple[Tensor, Tensor, Tensor]


def _texts(g: Generator) -> Draws:
    for label, T, k in (
        ("pieces", 6, 2),
        ("a shorter last piece", 7, 3),
        ("one", 4, 4),
    ):
        weights = randn(g, 2, 3), 0.7 * randn(g, 3, 3), randn(g, 3)
        yield label, (randn(g, 2, T, 2), *weights, randn(g, 2, T, 3), k)


def _back(
    x: Tensor, W: Tensor, U: Tensor, b: Tensor, de: Tensor, k: int, *, late: int = 0
) -> Grads:
    """The gradient is cut before every k-th step, or ``late`` steps later."""
    h, caches = x.new_zeros(len(x), len(U)), []
    for t in range(x.shape[1]):
        h, cache = ops.rnn_cell(x[:, t], h, W, U, b)
        caches.append(cache)
    dh, total = torch.zeros_like(h), [torch.zeros_like(w) for w in (W, U, b)]
    for t in reversed(range(len(caches))):
        _, dh, *found = ops.rnn_cell_backward(dh + de[:, t], caches[t])
        total = [a + d for a, d in zip(total, found, strict=True)]
        if (t - late) % k == 0:
            dh = torch.zeros_like(dh)
    return total[0], total[1], total[2]


def _state_cut_too(
    x: Tensor, W: Tensor, U: Tensor, b: Tensor, de: Tensor, k: int
) -> Grads:
    pieces = zip(torch.split(x, k, 1), torch.split(de, k, 1), strict=True)
    dW, dU, db = zip(*(_back(part, W, U, b, d, k) for part, d in pieces), strict=True)
    return torch.stack(dW).sum(0), torch.stack(dU).sum(0), torch.stack(db).sum(0)


@task(
    _texts,
    "dW",
    "dU",
    "db",
    slips={
        "nothing is cut, this is the whole gradient": (
            lambda x, W, U, b, de, k: _back(x, W, U, b, de, x.shape[1])
        ),
        "the cut comes one step too early on the way back": (
            lambda *a: _back(*a, late=1)
        ),
        "the cut comes one step too late on the way back": (
            lambda *a: _back(*a, late=-1)
        ),
        "the state is cut with the gradient; it has to go on": _state_cut_too,
        "only the last piece is gone through": (
            lambda x, W, U, b, de, k: _back(
                x,
                W,
                U,
                b,
                de * (torch.arange(x.shape[1]) >= (x.shape[1] - 1) // k * k)[:, None],
                k,
            )
        ),
    },
)
def truncated_gradients(
    x: Tensor, W: Tensor, U: Tensor, b: Tensor, de: Tensor, k: int
) -> Grads:
    """x (B, T, I), de (B, T, H) for the states  ->  dW, dU, db, cut every k steps."""
    return _back(x, W, U, b, de, k)

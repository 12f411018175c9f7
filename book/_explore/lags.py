"""One unit of each recurrent cell: its states, and the gradient that goes back."""

import torch
from torch import Generator

from charlm import ops

STEPS = 24
CELLS = {"simple": ops.rnn_cell, "GRU": ops.gru_cell, "LSTM": ops.lstm_cell}
OPEN = 2.0  # bias of the gates that are not studied: reset, input, output


def inputs() -> torch.Tensor:
    """(T): normal numbers that the units read."""
    g = Generator().manual_seed(3)
    return torch.randn(STEPS, generator=g, dtype=torch.float64).round(decimals=2)


def weights(cell: str, u: float, bias: float) -> list[torch.Tensor]:
    """W (1, n), U (1, n), b (n): what is new reads the input, and the state by u."""
    W, U, b = {
        "simple": ([1], [u], [0]),
        "GRU": ([0, 0, 1], [0, 0, u], [OPEN, bias, 0]),  # r, z, n
        "LSTM": ([0, 0, 1, 0], [0, 0, u, 0], [OPEN, bias, 0, OPEN]),  # i, f, g, o
    }[cell]
    double = [torch.tensor(part, dtype=torch.float64) for part in (W, U, b)]
    return [double[0][None], double[1][None], double[2]]


def run(cell: str, u: float, bias: float, size: float) -> tuple[list, list]:
    """What is kept after each step, and the gradient of the last by each."""
    forward = CELLS[cell]
    backward = getattr(ops, f"{forward.__name__}_backward")
    parts = weights(cell, u, bias)
    state = torch.zeros((2, 1, 1) if cell == "LSTM" else (1, 1), dtype=torch.float64)
    caches, states = [], []
    for x in inputs():
        state, cache = forward(size * x.view(1, 1), state, *parts)
        caches.append(cache)
        states.append(state.flatten()[-1].item())  # of an LSTM the memory c
    d = torch.zeros_like(state)
    d.view(-1)[-1] = 1.0
    back = [1.0]
    for cache in reversed(caches[1:]):
        _, d, *_ = backward(d, cache)
        back.append(d.flatten()[-1].item())
    return states, back


def data() -> dict:
    """What the script needs."""
    return {"x": inputs().tolist(), "open": OPEN, "cells": [*CELLS]}


def probes():
    """Settings, and what charlm computes for them."""
    for u, bias, size in ((0.9, 1, 1), (-2, 4, 0.2), (2.5, -3, 2), (1.3, 0, 0.5)):
        for cell in CELLS:
            both = {name: run(name, u, bias, size) for name in CELLS}
            yield (
                {"u": u, "bias": bias, "size": size, "cell": cell},
                {
                    "states": {name: s for name, (s, _) in both.items()},
                    "back": {name: b for name, (_, b) in both.items()},
                },
            )

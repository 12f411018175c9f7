"""Activation functions and their slopes."""

import torch

from charlm import ops

NAMES = ("tanh", "sigmoid", "relu", "leaky_relu", "softplus", "silu", "gelu")


def data() -> dict:
    """What the script needs."""
    return {"names": NAMES}


def probes():
    """Settings, and what charlm computes for them."""
    for name in NAMES:
        pair = ops.pairs()[name]
        for at in (-3.9, -0.4, 1.3, 4.0):
            y, cache = pair.forward(torch.tensor([at], dtype=torch.float64))
            slope = pair.backward(torch.ones_like(y), cache)
            yield {"name": name, "x": at}, {"y": y.item(), "slope": slope.item()}

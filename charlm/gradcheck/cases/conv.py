"""Convolution and gate."""

import torch
from torch import Generator

from .draw import Inputs, randn


def causal_conv(g: Generator) -> Inputs:
    """One tap and several, dilated, a filter longer than the text, one position."""
    for label, (B, T, n_in, K, n_out), dilation in (
        ("two taps", (2, 5, 3, 2, 4), 1),
        ("dilated", (2, 7, 2, 2, 3), 2),
        ("three taps, dilated", (1, 6, 2, 3, 2), 3),
        ("one tap", (2, 3, 3, 1, 2), 1),
        ("longer than the text", (2, 3, 2, 3, 2), 4),
        ("one position", (2, 1, 2, 2, 3), 2),
    ):
        inputs = randn(g, B, T, n_in), randn(g, K, n_in, n_out), randn(g, n_out)
        yield label, inputs, {"dilation": dilation}


def gate(g: Generator) -> Inputs:
    """Two inputs of one shape; saturated ones."""
    yield "matrix", (randn(g, 4, 3), randn(g, 4, 3)), {}
    yield "sequence", (randn(g, 2, 3, 2), randn(g, 2, 3, 2)), {}
    far = torch.tensor([-30.0, -2.0, 0.0, 2.0, 30.0])
    yield "saturated", (far, far.flip(0)), {}

"""Element by element."""

import torch
from torch import Generator

from .draw import Inputs, randn


def tanh(g: Generator) -> Inputs:
    """Any shape, and saturated units."""
    yield "matrix", (randn(g, 4, 3),), {}
    yield "three axes", (randn(g, 2, 3, 2),), {}
    yield "saturated", (torch.tensor([-300.0, -9.0, -1e-9, 0.0, 1e-9, 9.0, 300.0]),), {}
    yield "empty", (randn(g, 0, 3),), {}


def sigmoid(g: Generator) -> Inputs:
    """As for tanh."""
    yield from tanh(g)


def relu(g: Generator) -> Inputs:
    """Both sides of zero, and zero itself."""
    yield "matrix", (randn(g, 4, 3),), {}
    yield "three axes", (randn(g, 2, 3, 2),), {}
    yield "large", (torch.tensor([-1e4, -3.0, 3.0, 1e4]),), {}
    yield "kink: zeros", (torch.tensor([[0.0, 1.0], [-1.0, 0.0]]),), {}


def leaky_relu(g: Generator) -> Inputs:
    """As for relu; slopes of zero and above one."""
    for label, inputs, _ in relu(g):
        yield label, inputs, {}
    yield "half", (randn(g, 3, 2),), {"slope": 0.5}
    yield "no slope", (randn(g, 3, 2),), {"slope": 0.0}
    yield "steeper below", (randn(g, 3, 2),), {"slope": 1.5}


def softplus(g: Generator) -> Inputs:
    """As for tanh: both ends are straight lines."""
    yield from tanh(g)


def silu(g: Generator) -> Inputs:
    """As for tanh."""
    yield from tanh(g)


def gelu(g: Generator) -> Inputs:
    """As for tanh."""
    yield from tanh(g)


def gelu_tanh(g: Generator) -> Inputs:
    """As for tanh."""
    yield from tanh(g)


def swiglu(g: Generator) -> Inputs:
    """Two halves of one shape."""
    yield "matrix", (randn(g, 4, 3), randn(g, 4, 3)), {}
    yield "sequence", (randn(g, 2, 3, 2), randn(g, 2, 3, 2)), {}
    far = torch.tensor([-40.0, -3.0, 0.0, 3.0, 40.0])
    yield "saturated", (far, randn(g, 5)), {}
    yield "empty", (randn(g, 0, 3), randn(g, 0, 3)), {}

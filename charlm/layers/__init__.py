"""Layers: parameters around the pairs of :mod:`charlm.ops`.

A layer holds parameters and their gradients, never activations::

    y, cache = layer.forward(x)
    dx = layer.backward(dy, cache)  # adds into layer.dW, layer.db ...

What the backward needs is in the cache alone, so a layer may be used several times in
one pass; its gradients add up until ``zero_grad``.
"""

from . import init
from .base import Layer
from .basic import Apply, CausalConv, Dropout, Embedding, Linear
from .combine import Residual, Sequential
from .norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from .recurrent import Recurrent

__all__ = [
    "Apply",
    "BatchNorm",
    "CausalConv",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "Recurrent",
    "Residual",
    "Sequential",
    "init",
]

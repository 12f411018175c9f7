"""Layers made of layers."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .. import ops
from .base import Layer


class Sequential(Layer):
    """One layer after the other."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        super().__init__()

    def inner(self) -> dict[str, Layer]:
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, training)
            caches.append(cache)
        return x, caches

    def backward(self, dy: Tensor, cache: Any) -> Any:
        for layer, c in zip(reversed(self.layers), reversed(cache), strict=True):
            dy = layer.backward(dy, c)
        return dy


class Residual(Layer):
    """y = x + branch(x):  x (...)  ->  y (...)."""

    def __init__(self, branch: Layer) -> None:
        self.branch = branch
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        y, cache = self.branch.forward(x, training)
        return ops.residual(x, y)[0], cache

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, dbranch = ops.residual_backward(dy, ())
        dx += self.branch.backward(dbranch, cache)  # x was used twice
        return dx

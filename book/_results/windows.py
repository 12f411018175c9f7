"""What the nets of these studies share: they read windows, and are plain stacks."""

from typing import Any

from torch import Tensor

from charlm.layers import Layer, Sequential


class Windows(Layer):
    """Layers that make one place of a window of ``block`` symbols, and its scores."""

    causal = False

    def __init__(self, layers: list[Layer], block: int) -> None:
        self.block, self.stack = block, Sequential(layers)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, block) symbols  ->  logits (B, V)."""
        y, cache = self.stack.forward(x, training)  # (B, 1, V)
        return y.squeeze(1), cache

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, V): adds the gradient of every parameter."""
        self.stack.backward(dy.unsqueeze(1), cache)

"""What all layers have in common."""

from typing import Any, TypeVar

import torch
from torch import Tensor

Named = list[tuple[str, Tensor, Tensor]]
Entry = TypeVar("Entry", bound=tuple[Any, ...])


class Layer:
    """What all layers have: parameters with gradients, by name, and inner layers."""

    def __init__(self, **parameters: Tensor) -> None:
        self.parameters = tuple(parameters)
        for name, value in parameters.items():
            setattr(self, name, value)
            setattr(self, f"d{name}", torch.zeros_like(value))

    def forward(self, x: Tensor, training: bool = True) -> tuple[Any, Any]:
        """x  ->  y, cache."""
        raise NotImplementedError

    def backward(self, dy: Any, cache: Any) -> Any:
        """dy  ->  dx; adds the gradients of the parameters to ``d<parameter>``."""
        raise NotImplementedError

    def inner(self) -> dict[str, "Layer"]:
        """The layers within this one, by name."""
        return {n: v for n, v in vars(self).items() if isinstance(v, Layer)}

    def named(self) -> Named:
        """Dotted name, parameter and gradient of all that is learnt, in order.

        A layer that stands in several places is named once, by the first of them.
        """
        own = [(n, getattr(self, n), getattr(self, f"d{n}")) for n in self.parameters]
        inner = [
            (f"{name}.{n}", p, d)
            for name, layer in self.inner().items()
            for n, p, d in layer.named()
        ]
        return once(own + inner)

    def statistics(self) -> list[tuple[str, Tensor]]:
        """Dotted name and tensor of what is kept but not learnt: running statistics.

        Each once, as in :meth:`named`.
        """
        own = [
            (n, getattr(self, n))
            for n in ("running_mean", "running_var")
            if hasattr(self, n)
        ]
        inner = [
            (f"{name}.{n}", t)
            for name, layer in self.inner().items()
            for n, t in layer.statistics()
        ]
        return once(own + inner)

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for n in self.parameters:
            getattr(self, f"d{n}").zero_()
        for layer in self.inner().values():
            layer.zero_grad()

    def add(self, *gradients: Tensor) -> None:
        """Add to the gradients of the parameters, in their order."""
        for n, d in zip(self.parameters, gradients, strict=True):
            total = getattr(self, f"d{n}")
            total += d


def once(entries: list[Entry]) -> list[Entry]:
    """Each tensor with the first of its names: (name, tensor, ...) in, the same out."""
    first: dict[int, Entry] = {}
    for entry in entries:
        first.setdefault(id(entry[1]), entry)
    return list(first.values())

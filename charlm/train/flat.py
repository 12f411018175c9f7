"""All parameters of a model in one vector, all gradients in another.

One vector makes an update one operation instead of one per parameter, and makes the
length of the gradient, a checkpoint and an average over machines as simple.
"""

from typing import Protocol

import torch
from torch import Tensor


class Named(Protocol):
    """Anything with parameters and gradients by name: a model, a layer."""

    def named(self) -> list[tuple[str, Tensor, Tensor]]:
        """Name, parameter and gradient."""


class Flat:
    """The parameters ``p`` and gradients ``g`` of a model, as vectors (P).

    The model's own tensors become windows into the two vectors: same objects, same
    values, new storage. What changes one changes the other.

    Args:
        model: changed in place; its gradients must not be made anew afterwards.
        device: where the vectors lie, "cpu" or "cuda".

    Raises:
        ValueError: the model has nothing to learn, or parameters of several types.
    """

    def __init__(self, model: Named, device: str = "cpu") -> None:
        named = model.named()
        types = {p.dtype for _, p, _ in named}
        if len(types) != 1:
            raise ValueError(
                f"Flat: parameters of types {sorted(map(str, types))}; a vector has "
                "one: give all parameters the same type, and at least one parameter"
            )
        size = sum(p.numel() for _, p, _ in named)
        self.p = torch.zeros(size, dtype=named[0][1].dtype, device=device)  # (P)
        self.g = torch.zeros_like(self.p)  # (P)
        self.names = [name for name, _, _ in named]
        self.shapes = [tuple(p.shape) for _, p, _ in named]
        self.places: list[slice] = []
        begin = 0
        for _, p, d in named:
            place = slice(begin, begin + p.numel())
            for vector, tensor in ((self.p, p), (self.g, d)):
                window = vector[place].view(tensor.shape)
                window.copy_(tensor)
                tensor.data = window  # the same tensor, with new storage
            self.places.append(place)
            begin = place.stop

    def mask(self, chosen: list[bool]) -> Tensor:
        """(P) with 1 where the parameter is chosen, else 0."""
        mask = torch.zeros_like(self.p)
        for place, yes in zip(self.places, chosen, strict=True):
            mask[place] = float(yes)
        return mask

    def windows(self, vector: Tensor) -> list[Tensor]:
        """A vector (P), seen as one tensor per parameter."""
        return [
            vector[place].view(shape)
            for place, shape in zip(self.places, self.shapes, strict=True)
        ]


class Swapped:
    """Within the ``with`` block two vectors have each other's values."""

    def __init__(self, p: Tensor, mean: Tensor | None) -> None:
        self.p, self.mean = p, mean

    def __enter__(self) -> None:
        if self.mean is not None:
            kept = self.p.clone()
            self.p.copy_(self.mean)
            self.mean.copy_(kept)

    def __exit__(self, *_: object) -> None:
        self.__enter__()


def wide(x: Tensor) -> torch.dtype:
    """The type of x, or float32 for half types."""
    return torch.float32 if x.dtype.itemsize == 2 else x.dtype

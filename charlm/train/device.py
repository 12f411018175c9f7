"""Where to compute: the processor, or a graphics processor."""

from typing import Any

import torch
from torch import Tensor

from ..sample import TextModel
from .config import TrainModel


def check_device(device: str) -> str:
    """The device, if this machine has it.

    Raises:
        ValueError: PyTorch does not find it here.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device, False):
        raise ValueError(
            f"--device {device}: PyTorch finds no such graphics processor here; leave "
            "it out"
        )
    return device


class On:
    """A model on a device, for inputs and scores on the processor.

    Args:
        model: moved in place.
        device: "cpu", "cuda" or "mps".
    """

    def __init__(self, model: TrainModel, device: str) -> None:
        self.model, self.device = model, check_device(device)
        self.block, self.causal = model.block, model.causal
        for t in [p for _, p, _ in model.named()] + [t for _, t in model.statistics()]:
            t.data = t.to(device)

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, Any]:
        """ix (B, T)  ->  logits."""
        logits, cache = self.model.forward(ix.to(self.device), training=training)
        return logits.cpu(), cache


def on(model: TrainModel, device: str) -> TextModel:
    """The model itself on the processor, else wrapped to compute elsewhere."""
    return model if device == "cpu" else On(model, device)

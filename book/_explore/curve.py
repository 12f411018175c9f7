"""The loss of three scores along a line: slope and bend by forward mode."""

import math

import torch

from charlm import ops

SCORES = (1.0, 0.0, -0.5)
TARGET = 1


def along(angle: float) -> torch.Tensor:
    """A direction of length one that moves the first two scores."""
    turn = angle * math.pi / 180
    return torch.tensor([[math.cos(turn), math.sin(turn), 0.0]], dtype=torch.float64)


def data() -> dict:
    """What the script needs."""
    return {"scores": SCORES, "target": TARGET}


def probes():
    """Settings, and what charlm computes for them."""
    for angle, step in ((0, 1.0), (45, -2.0), (130, 3.0), (-90, 0.5)):
        z, d = torch.tensor([SCORES], dtype=torch.float64), along(angle)
        target = torch.tensor([TARGET])
        _, cache = ops.cross_entropy(z, target)
        slope = ops.cross_entropy_jvp(d, cache)
        _, c_softmax = ops.softmax(z)
        bend = (d * ops.softmax_jvp(d, c_softmax)).sum()  # d H d, H = diag p - p p^T
        loss, _ = ops.cross_entropy(z + step * d, target)
        yield (
            {"angle": angle, "step": step},
            {"loss": loss.item(), "slope": slope.item(), "bend": bend.item()},
        )

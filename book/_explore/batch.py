"""One unit under batch normalisation, with the gradient that comes back."""

import torch
from torch import Generator

from charlm import ops

EPS = 1e-5


def drawn(seed: int) -> torch.Tensor:
    """(64): normal numbers."""
    g = Generator().manual_seed(seed)
    return torch.randn(64, generator=g, dtype=torch.float64).round(decimals=2)


UNIT = drawn(8)  # what stands for a unit, before its scale
# a gradient with a mean, and with a part along the unit
DY = (0.5 + 0.7 * UNIT + 0.7 * drawn(9)).round(decimals=3)


def data() -> dict:
    """What the script needs."""
    return {"unit": UNIT.tolist(), "dy": DY.tolist(), "eps": EPS}


def probes():
    """Settings, and what charlm computes for them."""
    start = {"scale": 3.0, "offset": 1.0, "gain": 1.0, "bias": 0.0, "size": 32}
    for change in (
        {},
        {"scale": 0.1, "offset": -5.0},
        {"gain": 3.0, "bias": -1.5},
        {"size": 2},
        {"size": 64, "gain": 0.0},
    ):
        s = start | change
        x = s["offset"] + s["scale"] * UNIT[: s["size"], None]
        gain, bias = (torch.tensor([s[key]]).double() for key in ("gain", "bias"))
        one, zero = torch.ones(1).double(), torch.zeros(1).double()
        y, cache = ops.batchnorm(x, gain, bias, eps=EPS)
        dx, _, _ = ops.batchnorm_backward(DY[: s["size"], None], cache)
        found = {
            "x": x,
            "xhat": ops.batchnorm(x, one, zero, eps=EPS)[0],
            "tanh": ops.tanh(y)[0],
            "dx": dx,
        }
        yield s, {key: t.flatten().tolist() for key, t in found.items()}

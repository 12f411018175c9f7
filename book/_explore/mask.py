"""Dropout: masks, their scale, the gradient, and the mean over many masks."""

import torch
from torch import Generator

from charlm import ops

SIZE, DRAWS = 8, 60

g = Generator().manual_seed(4)
x = torch.tensor([1.0, -0.5, 2.0, 0.4, -1.5, 1.2, -0.8, 0.7], dtype=torch.float64)
u = torch.randint(100, (DRAWS, SIZE), generator=g)  # hundredths


def data() -> dict:
    """What the script needs."""
    return {"x": x.tolist(), "u": u.tolist()}


def probes():
    """Settings, and what charlm computes for them."""
    for p, draws in ((0.0, 1), (0.5, 1), (0.2, 17), (0.9, 60)):
        ys = [ops.dropout(x, row >= 100 * p, p) for row in u[:draws]]
        y, cache = ys[-1]
        yield (
            {"p": p, "draws": draws},
            {
                "y": y.tolist(),
                "dx": ops.dropout_backward(torch.ones_like(y), cache).tolist(),
                "mean": torch.stack([y for y, _ in ys]).mean(0).tolist(),
            },
        )

"""A product of two matrices, and the gradients of both."""

import torch

from charlm import ops

X = ((1.0, -2.0, 0.5), (3.0, 1.0, -1.0))
W = ((2.0, 1.0), (-1.0, 0.5), (4.0, -3.0))
DY = ((1.0, -1.0), (0.5, 2.0))


def data() -> dict:
    """What the script needs."""
    return {"X": X, "W": W, "dY": DY, "of": ["X", "W"]}


def probes():
    """Settings, and what charlm computes for them."""
    x, w, dy = (torch.tensor(t, dtype=torch.float64) for t in (X, W, DY))
    y, cache = ops.matmul(x, w)
    dx, dw = ops.matmul_backward(dy, cache)
    found = {"Y": y.tolist(), "dX": dx.tolist(), "dW": dw.tolist()}
    for of, at in (("X", 1), ("X", 6), ("W", 2), ("W", 5)):
        one = (dx if of == "X" else dw).flatten()[at - 1].item()
        yield {"of": of, "at": at}, found | {"one": one}

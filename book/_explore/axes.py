"""Which numbers a normalisation layer looks at: values, and the gradient of one."""

import torch
from torch import Generator

from charlm import ops

ROWS, COLUMNS, GROUPS = 4, 6, 2
LAYERS = ("batch norm", "layer norm", "group norm", "RMS norm")

x = torch.randn(ROWS, COLUMNS, generator=Generator().manual_seed(6)).double()
x = (1 + 2 * x).round(decimals=1)


def run(layer: str, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the layer makes of x with gains of one and no bias, and its gradient."""
    one, zero = torch.ones(COLUMNS).double(), torch.zeros(COLUMNS).double()
    if layer == "batch norm":
        y, cache = ops.batchnorm(x, one, zero)
        return y, ops.batchnorm_backward(dy, cache)[0]
    if layer == "layer norm":
        y, cache = ops.layernorm(x, one, zero)
        return y, ops.layernorm_backward(dy, cache)[0]
    if layer == "group norm":
        y, cache = ops.groupnorm(x, one, zero, GROUPS)
        return y, ops.groupnorm_backward(dy, cache)[0]
    y, cache = ops.rmsnorm(x, one)
    return y, ops.rmsnorm_backward(dy, cache)[0]


def data() -> dict:
    """What the script needs."""
    return {"x": x.tolist(), "layers": LAYERS, "groups": GROUPS}


def probes():
    """Settings, and what charlm computes for them."""
    for layer in LAYERS:
        for row, column in ((1, 1), (4, 6)):
            dy = torch.zeros_like(x)
            dy[row - 1, column - 1] = 1.0
            y, dx = run(layer, dy)
            settings = {"layer": layer, "row": row, "column": column}
            yield settings, {"y": y.tolist(), "dx": dx.tolist()}

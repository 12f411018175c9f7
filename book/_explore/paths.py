"""A chain of layers that each multiply by w, with and without a residual sum."""

import torch

from charlm import ops

MOST = 20


def gradients(w: float, depth: int, summed: bool) -> list[float]:
    """The gradient at every height, from the top down."""
    W, none = torch.tensor([[w]]).double(), torch.zeros(1).double()
    h, caches = torch.ones(1, 1, dtype=torch.float64), []
    for _ in range(depth):
        r, c_linear = ops.linear(h, W, none)
        h, c_sum = ops.residual(h, r) if summed else (r, ())
        caches.append((c_linear, c_sum))
    d = torch.ones_like(h)
    found = [d.item()]
    for c_linear, c_sum in reversed(caches):
        past, through = ops.residual_backward(d, c_sum) if summed else (0, d)
        d = past + ops.linear_backward(through, c_linear)[0]
        found.append(d.item())
    return found


def data() -> dict:
    """What the script needs."""
    return {"most": MOST}


def probes():
    """Settings, and what charlm computes for them."""
    for w, depth in ((0.5, 3), (-0.3, 20), (0.1, 12), (-1.0, 5)):
        yield (
            {"w": w, "depth": depth},
            {
                "chain": gradients(w, depth, False),
                "sum": gradients(w, depth, True),
                "total": gradients(w, depth, True)[-1],
            },
        )

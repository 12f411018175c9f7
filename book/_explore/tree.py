"""Which inputs a stack of causal filters reads, and along how many paths."""

import torch

from charlm import ops

LENGTH = 16


def paths(taps: int, layers: int, dilated: bool) -> list[float]:
    """The gradient of the last output by each input, for filters of ones."""
    W, none = torch.ones(taps, 1, 1).double(), torch.zeros(1).double()
    h, caches = torch.ones(1, LENGTH, 1, dtype=torch.float64), []
    for layer in range(layers):
        h, cache = ops.causal_conv(h, W, none, taps**layer if dilated else 1)
        caches.append(cache)
    d = torch.zeros_like(h)
    d[0, -1, 0] = 1.0
    for cache in reversed(caches):
        d, *_ = ops.causal_conv_backward(d, cache)
    return d.flatten().tolist()


def data() -> dict:
    """What the script needs."""
    return {"length": LENGTH, "kinds": ["dilated", "plain"]}


def probes():
    """Settings, and what charlm computes for them."""
    for taps, layers, kind in (
        (2, 4, "dilated"),
        (2, 4, "plain"),
        (3, 2, "dilated"),
        (3, 3, "plain"),
        (2, 1, "plain"),
    ):
        found = paths(taps, layers, kind == "dilated")
        yield {"taps": taps, "layers": layers, "kind": kind}, {"paths": found}

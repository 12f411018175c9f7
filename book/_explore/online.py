"""A softmax taken tile by tile: running maximum, running sum, running mean."""

import torch

from charlm import ops

SCORES = (1.2, -0.7, 2.4, 0.3, 3.1, -1.5, 2.0, 0.6)
VALUES = (1.0, -1.0, 0.5, 2.0, -0.5, 1.5, 0.0, -2.0)


def data() -> dict:
    """What the script needs."""
    return {"scores": SCORES, "values": VALUES}


def probes():
    """Settings, and what charlm computes for them, of the scores seen so far."""
    one = torch.ones(1, 1, dtype=torch.float64)
    for tile, seen in ((1, 8), (3, 3), (2, 4), (4, 8), (3, 8), (1, 2)):
        k, v = (
            torch.tensor(t[:seen], dtype=torch.float64)[:, None]
            for t in (SCORES, VALUES)
        )
        y, cache = ops.tiled_attention(one, k, v, causal=False, columns=tile)
        yield (
            {"tile": tile, "tiles": -(-seen // tile)},
            {"y": y.item(), "lse": cache[-1].item()},
        )

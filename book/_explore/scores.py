"""Scores, probabilities, loss, and the gradient of the scores."""

import torch

from charlm import ops

SYMBOLS = "abcd"


def data() -> dict:
    """What the script needs."""
    return {"symbols": list(SYMBOLS)}


def probes():
    """Settings, and what charlm computes for them."""
    for scores, temperature, target in (
        ((2.0, 1.0, 0.0, -1.0), 1.0, "b"),
        ((2.0, 1.0, 0.0, -1.0), 0.2, "d"),
        ((-4.0, 4.0, 4.0, 0.5), 5.0, "a"),
        ((4.0, -4.0, 0.3, 1.7), 0.2, "b"),
    ):
        z = torch.tensor([scores], dtype=torch.float64)
        t = torch.tensor([SYMBOLS.index(target)])
        loss, cache = ops.cross_entropy(z, t, temperature=temperature)
        dz = ops.cross_entropy_backward(torch.ones_like(loss), cache)
        settings = {f"z{i}": score for i, score in enumerate(scores)}
        yield (
            settings | {"temperature": temperature, "target": target},
            {
                "p": ops.softmax(z / temperature)[0][0].tolist(),
                "loss": loss.item(),
                "dz": dz[0].tolist(),
            },
        )

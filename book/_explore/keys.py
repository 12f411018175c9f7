"""One query and three keys: scores, weights, and the gradients of all of them."""

import torch

from charlm import ops

KEYS = "abc"


def data() -> dict:
    """What the script needs."""
    return {"keys": list(KEYS)}


def probes():
    """Settings, and what charlm computes for them."""
    g = torch.Generator().manual_seed(3)
    for wanted in ("b", "a", "c", "b"):
        q = torch.randn(1, 2, generator=g, dtype=torch.float64)
        k = torch.randn(3, 2, generator=g, dtype=torch.float64)
        # each value is a one-hot row, so the mean of the values is the weights
        y, cache = ops.attention(q, k, torch.eye(3).double(), causal=False)
        at = KEYS.index(wanted)
        dy = torch.zeros_like(y)  # of minus the logarithm of the weight that is wanted
        dy[0, at] = -1 / y[0, at]
        dq, dk, _ = ops.attention_backward(dy, cache)
        settings = {"q0": q[0, 0].item(), "q1": q[0, 1].item(), "wanted": wanted}
        for key, (one, two) in zip(KEYS, k.tolist(), strict=True):
            settings |= {f"{key}0": one, f"{key}1": two}
        yield (
            settings,
            {
                "A": y[0].tolist(),
                "loss": -y[0, at].log().item(),
                "dq": dq[0].tolist(),
                "dk": dk.tolist(),
            },
        )

"""How the mean square of values and gradients goes through layers of random weights."""

import torch

from charlm import ops

DEPTH = 30
NAMES = ("tanh", "relu")


def moments(name: str, v: float) -> tuple[float, float]:
    """Mean squares of f and of its slope, for normal numbers of variance v."""
    pair = ops.pairs()[name]
    xi = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    weight = (-0.5 * xi * xi).exp()
    y, cache = pair.forward(v**0.5 * xi)
    slope = pair.backward(torch.ones_like(y), cache)
    M, D = ((t * t * weight).sum() / weight.sum() for t in (y, slope))
    return M.item(), D.item()


def data() -> dict:
    """What the script needs."""
    return {"depth": DEPTH, "names": NAMES}


def probes():
    """Settings, and what charlm computes for them."""
    for name in NAMES:
        for gain in (0.7, 1.0, 1.6, 2.5):
            q, slopes = [1.0], []
            for _ in range(DEPTH):
                M, D = moments(name, gain**2 * q[-1])
                q.append(M)
                slopes.append(gain**2 * D)
            back = [1.0]
            for slope in reversed(slopes):
                back.append(back[-1] * slope)
            yield (
                {"name": name, "gain": gain},
                {
                    "forward": [max(-9, torch.tensor(a).log10().item()) for a in q],
                    "backward": [
                        max(-9, torch.tensor(a).log10().item()) for a in back[::-1]
                    ],
                },
            )

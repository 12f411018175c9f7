"""Gradient descent with momentum in a valley: its path, and its long-run factor."""

from types import SimpleNamespace

import torch

from charlm.train import Flat, optim

CURVATURES = (1.0, 9.0)
STEPS = 40


def stepper(momentum: float):
    """Parameters, gradients, and an optimiser of charlm for the valley."""
    p, g = (torch.zeros(2, dtype=torch.float64) for _ in range(2))
    flat = Flat(SimpleNamespace(named=lambda: [("p", p, g)]))
    return flat, optim.SGD(flat, momentum)


def path(rate: float, momentum: float, start: tuple[float, float]) -> list:
    """The parameters before each step and after the last."""
    flat, optimiser = stepper(momentum)
    flat.p.copy_(torch.tensor(start))
    h, points = torch.tensor(CURVATURES), [list(start)]
    for _ in range(STEPS):
        flat.g.copy_(h * flat.p)
        optimiser.step(rate)
        points.append(flat.p.tolist())
    return points


def factor(rate: float, momentum: float) -> float:
    """The largest eigenvalue of a step, taken as a matrix that acts on p and v."""
    found = []
    for j, h in enumerate(CURVATURES):
        columns = []
        for p, v in ((1.0, 0.0), (0.0, 1.0)):
            flat, optimiser = stepper(momentum)
            flat.p[j], optimiser.v[j] = p, v
            flat.g[j] = h * p
            optimiser.step(rate)
            columns.append([flat.p[j].item(), optimiser.v[j].item()])
        step = torch.tensor(columns, dtype=torch.float64).T
        found.append(torch.linalg.eigvals(step).abs().max().item())
    return max(found)


def data() -> dict:
    """What the script needs."""
    return {"h": CURVATURES, "steps": STEPS}


def probes():
    """Settings, and what charlm computes for them."""
    for rate, momentum, start in (
        (0.2, 0.1, (9.0, 1.0)),
        (0.25, 0.25, (9.0, 1.0)),
        (0.05, 0.9, (-8.0, 2.5)),
        (0.4, 0.8, (3.0, -3.0)),
        (0.01, 0.45, (-9.0, 0.5)),
    ):
        settings = {"rate": rate, "momentum": momentum, "p1": start[0], "p2": start[1]}
        yield (
            settings,
            {"path": path(rate, momentum, start), "factor": factor(rate, momentum)},
        )

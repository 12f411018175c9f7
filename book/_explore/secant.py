"""The slope of a secant, and its error against the step, for 1 / (1 + x * x)."""

import torch

from charlm import gradcheck

X = 0.75
POWERS = range(1, 51)  # the step is two to the minus this, so x + h is exact


def f(x):
    """Arithmetic alone: every language rounds it alike."""
    return 1 / (1 + x * x)


def slopes(h: float) -> dict[str, float]:
    """The derivative at X by three rules."""
    x, one = torch.tensor([X], dtype=torch.float64), torch.ones(1).double()
    (four,) = gradcheck.central_differences(lambda x: (f(x), None), (x,), one, h)
    return {
        "forward": ((f(x + h) - f(x)) / h).item(),
        "central": ((f(x + h) - f(x - h)) / (2 * h)).item(),
        "four points": four.item(),
    }


def exact() -> float:
    """The derivative at X, by the complex step."""
    x, one = torch.tensor([X], dtype=torch.float64), torch.ones(1).double()
    return gradcheck.complex_step(lambda x: (f(x), None), (x,), one)[0].item()


def data() -> dict:
    """What the script needs."""
    return {"x": X, "powers": [*POWERS], "exact": exact()}


def probes():
    """Settings, and what charlm computes for them."""
    table = [slopes(2.0**-k) for k in POWERS]
    for k in (1, 8, 17, 26, 40, 50):
        for rule, slope in slopes(2.0**-k).items():
            errors = {r: [abs(row[r] - exact()) for row in table] for r in table[0]}
            yield {"power": k, "rule": rule}, {"slope": slope, "errors": errors}

"""The weight of a mixture of two models."""

from types import SimpleNamespace

import torch
from derivation import Derivation, Step

from charlm import gradcheck


def mixture(w, backward=None):
    def mix(a, b, lam):
        return -((1 - lam) * a + lam * b).log().mean(), ()

    found = gradcheck.complex_step(mix, (w.a, w.b, w.lam), w.dloss)
    return dict(zip(("da", "db", "dlam"), found, strict=True))


league_mixture = Derivation(
    title="the weight of a mixture",
    lengths={"N": (4, 5)},
    inputs={"a": "positive: N", "b": "positive: N"},
    constants={"lam": 0.25, "dloss": 1.0},
    forward={"p": "(1 - lam) * a + lam * b", "loss": "-mean(log(p))"},
    package=mixture,
    steps=(
        Step(
            "dp",
            "-1 / (N * p)",
            hint="The derivative of log p is 1/p, and the loss is a mean.",
            slips={
                "-1 / p": "The loss is a mean over N targets.",
                "1 / (N * p)": "The loss has a minus.",
                "-p / N": "The derivative of log p is 1/p.",
                "-log(p) / N": "The derivative of log p is 1/p, not log p.",
            },
        ),
        Step(
            "db",
            "lam * dp",
            hint="b comes into p with the weight λ.",
            slips={
                "(1 - lam) * dp": "That is a's weight.",
                "b * dp": "That goes to λ.",
            },
        ),
        Step(
            "dlam",
            "sum((b - a) * dp)",
            hint="λ adds b and takes a away, in all N targets.",
            parts={"sum(b * dp)": "what b gains", "-sum(a * dp)": "what a loses"},
            slips={
                "(b - a) * dp": "One λ for all targets: add up.",
                "sum(b * dp)": "A larger λ also takes a away.",
                "mean((b - a) * dp)": "dp has 1/N already.",
                "sum((a - b) * dp)": "A larger λ means more of b: b - a.",
            },
            also=("-mean((b - a) / p)",),
        ),
    ),
)


def start(w):
    """The gradient at weight zero, where b is r times a everywhere."""

    def mix(lam):
        return -((1 - lam) + lam * w.r).log(), ()

    (found,) = gradcheck.complex_step(mix, (0 * w.r,), 0 * w.r + 1)
    return found


league_recall = Derivation(
    title="a little of another model",
    constants={"r": 1.5},
    steps=(
        Step(
            ask="At λ = 0, a second model gives every target `r` times the "
            "probability of "
            "the first. What is the gradient of λ?",
            right="1 - r",
            hint="-(b - a) / p, where p is a.",
            slips={"r - 1": "The loss falls: minus.", "-r": "What a loses counts too."},
            proof=start,
        ),
        Step(
            ask="And how small may the mean of b/a be, so that a little of the second "
            "model still helps?",
            right="1",
            hint="Where the gradient changes its sign.",
            slips={"0": "Then it never gives the target anything."},
            proof=lambda w: edge(),
        ),
    ),
)


def edge():
    """The ratio at which the gradient at weight zero vanishes, by bisection."""
    low, high = torch.tensor([0.0, 4.0], dtype=torch.float64)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if start(SimpleNamespace(r=middle)) < 0 else (middle, high)
        )
    return low

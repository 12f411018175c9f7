"""The gradient of the temperature."""

import torch
from derivation import Derivation, Step

from charlm import ops


def tempered(w, backward=ops.cross_entropy_backward):
    tau = w.tau.item()
    loss, cache = ops.cross_entropy(w.z, w.Y.argmax(1), temperature=tau)
    return {"loss": loss, "dz": backward(w.dloss, cache)}


generation_temperature = Derivation(
    title="scores, and a temperature that is learnt",
    lengths={"N": (4, 5), "V": (3, 4)},
    inputs={"z": "N V", "Y": "onehot: N V", "tau": "positive: "},
    constants={"dloss": 1.0},
    forward={
        "u": "z / tau",
        "p": "exp(u) / sum(exp(u))",
        "loss": "-sum(Y * log(p), (0, 1)) / N",
    },
    package=tempered,
    axes=(1,),
    steps=(
        Step(
            "du",
            "(p - Y) / N",
            hint="Expected minus observed.",
            parts={"p / N": "what is expected", "-Y / N": "what was observed"},
            slips={"p - Y": "The mean over rows: where is 1/N?"},
        ),
        Step(
            "dz",
            "du / tau",
            hint="u = z / τ.",
            slips={
                "du": "bug: temperature_forgotten",
                "du * tau": "z was divided by τ, and so is its gradient.",
                "du / tau**2": "That square belongs to the gradient of τ.",
            },
        ),
        Step(
            "dtau",
            "-sum(du * z, (0, 1)) / tau**2",
            hint="One τ for all entries; the derivative of 1/τ is -1/τ².",
            slips={
                "-du * z / tau**2": "One τ for all entries: add up.",
                "sum(du * z, (0, 1)) / tau**2": "The derivative of 1/τ is negative.",
                "-sum(du * z, (0, 1)) / tau": "The derivative of 1/τ is -1/τ².",
                "-sum(du * u, (0, 1)) / tau**2": "z / τ² is u / τ: one division too "
                "many.",
                "-sum(du * z) / tau**2": "One τ for all rows too: sum over both axes.",
            },
            also=("-sum(du * u, (0, 1)) / tau", "-sum(dz * z, (0, 1)) / tau"),
        ),
    ),
)


def share(w):
    """The first of two symbols with probabilities 4 : 1, at temperature t."""
    z = torch.tensor([[4.0, 1.0]], dtype=torch.float64).log()
    return ops.softmax(z / w.t)[0][0, 0]


generation_recall = Derivation(
    title="temperature",
    constants={"t": 2.0},
    lengths={"V": (27, 5)},
    steps=(
        Step(
            ask="Two symbols have the probabilities 4/5 and 1/5. That of the first at "
            "temperature 2?",
            right="2/3",
            hint="Temperature 2 takes the root of each, then the row is normalised.",
            slips={
                "16/17": "That is temperature 1/2: squares.",
                "4/5": "That is at 1.",
                "1/2": "That is where the temperature is infinite.",
            },
            proof=share,
        ),
        Step(
            ask="What do V probabilities become as the temperature grows without end?",
            right="1 / V",
            hint="All scores become equal.",
            slips={"0": "They still sum to one.", "1": "They sum to one together."},
            proof=lambda w: ops.softmax(torch.arange(int(w.V)).double() / 1e12)[0][0],
        ),
    ),
)

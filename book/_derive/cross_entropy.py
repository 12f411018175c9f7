"""From the loss to the scores: softmax, its logarithm, cross-entropy."""

import torch
from derivation import Derivation, Step

from charlm import ops


def cross_entropy(w, backward=ops.cross_entropy_backward):
    loss, cache = ops.cross_entropy(w.z, w.Y.argmax(1))
    return {"loss": loss, "dz": backward(w.dloss, cache)}


SCORES = {
    "lengths": {"N": (4, 5), "V": (3, 4)},
    "inputs": {"z": "N V", "Y": "onehot: N V"},
    "constants": {"dloss": 1.0},
    "package": cross_entropy,
    "axes": (1,),
}

cross_entropy_steps = Derivation(
    title="from the loss to the scores, one step at a time",
    **SCORES,
    forward={
        "k": "exp(z)",
        "S": "sum(k)",
        "p": "k / S",
        "logp": "log(p)",
        "loss": "-sum(Y * logp, (0, 1)) / N",
    },
    steps=(
        Step(
            "dlogp",
            "-Y / N",
            hint="Only the target's entry of each row is read, and the loss is a mean.",
            slips={
                "-Y": "The loss is a mean over N rows: where is 1/N?",
                "-logp / N": "The loss reads the target alone: that is what Y says.",
                "-Y / (N * V)": "The mean runs over rows, not over all entries.",
            },
        ),
        Step(
            "dp",
            "dlogp / p",
            hint="The derivative of log p is 1/p.",
            slips={
                "dlogp * p": "The derivative of log p is 1/p, not p.",
                "dlogp / logp": "1/p, with p itself, not its logarithm.",
            },
            also=("-Y / (N * p)",),
        ),
        Step(
            "dS",
            "-sum(dp * k) / S**2",
            hint="p = k / S, and one S serves the whole row.",
            slips={
                "-dp * k / S**2": "One S serves its whole row: add up along it.",
                "-sum(dp * k) / S": "The derivative of 1/S is -1/S².",
                "-sum(dp) / S**2": "S divides k: where is k?",
                "-sum(dp) * sum(k) / S**2": "Each dp meets its own k: multiply first, "
                "then add up.",
            },
            also=("-sum(dp * p) / S",),
        ),
        Step(
            "dk",
            "dp / S + dS",
            hint="k is used twice: in p = k / S, and in the sum S.",
            parts={"dp / S": "the direct path", "dS": "the path through the sum"},
            slips={
                "dp / S": "What is there is right, but k is used twice: it is in S "
                "too.",
                "dp / S + dS * k": "S adds k up: each gets the gradient of S as it is.",
                "dp / S + dS / V": "S is a sum, not a mean: nothing is divided by V.",
            },
        ),
        Step(
            "dz",
            "k * dk",
            hint="The exponential is its own derivative.",
            slips={
                "z * dk": "The derivative of exp z is exp z, which is k.",
                "p - Y / N": "The mean divides both: p by N too.",
                "(p - 1) / N": "Less one at the target alone: that is what Y says.",
            },
            also=("(p - Y) / N", "exp(z) * dk"),
            why="All of it comes to (p - Y) / N.",
        ),
    ),
)

cross_entropy_closed = Derivation(
    title="expected minus observed",
    **SCORES,
    forward={
        "logp": "z - log(sum(exp(z)))",
        "p": "exp(logp)",
        "loss": "-sum(Y * logp, (0, 1)) / N",
    },
    seed=2,
    steps=(
        Step(
            "dlogp",
            "-Y / N",
            hint="Only the target's entry of each row is read, and the loss is a mean.",
        ),
        Step(
            "dz",
            "(p - Y) / N",
            hint="What the model expects, less what was observed.",
            parts={"p / N": "what is expected", "-Y / N": "what was observed"},
            slips={
                "p - Y": "bug: mean_forgotten",
                "p / N": "bug: target_forgotten",
                "(Y - p) / N": "Its sign is that of a gradient to climb: the loss "
                "falls "
                "when the target's score rises.",
                "(p - Y) * p / N": "That is for a squared error behind the softmax.",
                "p * (1 - p) * (p - Y) / N": "p (1 - p) is the diagonal of softmax; "
                "the "
                "logarithm of the loss cancels it.",
                "(logp - Y) / N": "p, not its logarithm.",
                "p - Y / N": "The mean divides both: p by N too.",
                "(p - 1) / N": "Less one at the target alone: that is what Y says.",
                "dlogp * (1 - p)": "The diagonal alone: the target's score moves the "
                "other probabilities too.",
                "p * (dlogp - sum(p * dlogp))": "That is the backward of softmax; "
                "here its logarithm is taken.",
                "dlogp - sum(dlogp)": "Each score takes its share p of the sum.",
            },
            also=("dlogp - p * sum(dlogp)", "p / N - Y / N", "(exp(logp) - Y) / N"),
        ),
    ),
)

cross_entropy_recall = Derivation(
    title="scores and their loss",
    lengths={"V": (27, 10)},
    steps=(
        Step(
            ask="All V scores of a row are equal. What is the loss of that row, in "
            "nats?",
            right="log(V)",
            hint="Each probability is 1/V.",
            slips={
                "1 / V": "That is the probability; the loss is minus its logarithm."
            },
            proof=lambda w: uniform(w)[0],
        ),
        Step(
            ask="And the gradient of the target's score in that row, with one row in "
            "the batch?",
            right="1 / V - 1",
            hint="p - y at the target.",
            slips={
                "1 / V": "y is one at the target.",
                "1 - 1 / V": "p - y, not y - p.",
            },
            proof=lambda w: uniform(w)[1],
        ),
        Step(
            ask="What do the gradients of all scores of a row sum to?",
            right="0",
            hint="p and y both sum to one.",
            proof=lambda w: uniform(w)[2].round(decimals=12),
        ),
    ),
)


def uniform(w):
    """Loss, gradient of the target's score, and sum of all, for equal scores."""
    logits = torch.zeros(1, int(w.V)).double()
    loss, cache = ops.cross_entropy(logits, torch.tensor([2]))
    dz = ops.cross_entropy_backward(torch.ones_like(loss), cache)
    return loss, dz[0, 2], dz.sum()

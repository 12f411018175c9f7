"""The loss of a table of probabilities."""

import torch
from derivation import Derivation, Step

from charlm import ops

counting_table = Derivation(
    title="the loss of a table, and of its scores",
    lengths={"S": (3, 4), "V": (4, 5)},
    inputs={"C": "counts: S V", "z": "S V"},
    constants={"dloss": 1.0},
    forward={
        "N": "sum(C, (0, 1))",
        "P": "exp(z) / sum(exp(z))",
        "loss": "-sum(C * log(P), (0, 1)) / N",
    },
    package=lambda w, backward=ops.cross_entropy_backward: read(w, backward),
    axes=(1,),
    steps=(
        Step(
            "dP",
            "-C / (N * P)",
            hint="The derivative of log P is 1/P; each pair counts as often as it is "
            "met.",
            slips={
                "-C / P": "The loss is a mean over all N pairs.",
                "-C / N": "The derivative of log P is 1/P.",
                "-1 / (N * P)": "Each pair counts as often as it is met: C.",
                "C / (N * P)": "Raising an entry lowers the loss: minus.",
            },
        ),
        Step(
            "dz",
            "P * (dP - sum(P * dP))",
            hint="Softmax: each probability, times its gradient less the row's mean.",
            slips={
                "P * dP": "A row of P sums to one: its entries are coupled.",
                "P * (1 - P) * dP": "That is the diagonal of softmax alone.",
            },
            also=("(P * sum(C) - C) / N",),
            why="All of it comes to (n P - C) / N: expected counts less observed ones.",
        ),
    ),
)


def read(w, backward):
    """The same loss, pair by pair."""
    counts = w.C.long()
    rows, targets = counts.nonzero().T
    times = counts[rows, targets]
    rows, targets = rows.repeat_interleave(times), targets.repeat_interleave(times)
    z, c_rows = ops.embedding(rows, w.z)
    loss, cache = ops.cross_entropy(z, targets)
    dz = ops.embedding_backward(backward(w.dloss, cache), c_rows)
    return {"loss": loss, "dz": dz}


def best(w):
    """The share of a symbol seen k times of n, in the table of counts."""
    k, n = int(w.k), int(w.n)
    z = torch.zeros(1, 2).double()
    targets = torch.tensor([0] * k + [1] * (n - k))
    for _ in range(4000):
        _, cache = ops.cross_entropy(z.expand(n, 2), targets)
        z = z - 4 * ops.cross_entropy_backward(torch.ones(()).double(), cache).sum(0)
    return ops.softmax(z)[0][0, 0]


counting_recall = Derivation(
    title="counts and shares",
    lengths={"k": (3, 2), "n": (8, 7), "V": (27, 5)},
    steps=(
        Step(
            ask="A symbol followed k of n times. Which probability has the lowest "
            "loss?",
            right="k / n",
            hint="The row normalised.",
            slips={"(k + 1) / (n + V)": "That is with one added to each count."},
            proof=best,
        ),
        Step(
            ask="With one added to every count of a row of V symbols?",
            right="(k + 1) / (n + V)",
            hint="V counts have grown by one.",
            slips={
                "(k + 1) / (n + 1)": "Every one of the V counts grew by one.",
                "k / n": "That is without smoothing.",
            },
            proof=lambda w: smoothed(w),
        ),
    ),
)


def smoothed(w):
    counts = torch.zeros(int(w.V)).double()
    counts[0], counts[1] = w.k, w.n - w.k
    return ((counts + 1) / (counts + 1).sum())[0]

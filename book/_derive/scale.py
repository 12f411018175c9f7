"""One gradient from unequal parts, and what a few numbers become in 16 bits."""

import torch
from derivation import Derivation, Step

from charlm.train import mean_of, optim, weighted


def together(w, backward=None):
    parts = [(w.A.mean(0), len(w.A)), (w.B.mean(0), len(w.B))]
    g, _ = mean_of(sum(weighted(grad, 0.0, n) for grad, n in parts))
    means = sum(grad for grad, _ in parts) / 2
    return {"g": g[None], "off": (means - g)[None]}


scale_parts = Derivation(
    title="one gradient from two parts",
    lengths={"n1": (5, 3), "n2": (2, 4), "I": (3, 2)},
    inputs={"A": "n1 I", "B": "n2 I"},
    forward={"N": "n1 + n2", "g1": "mean(A)", "g2": "mean(B)"},
    package=together,
    axes=(0,),
    steps=(
        Step(
            "g",
            "(n1 * g1 + n2 * g2) / N",
            hint="The mean over all rows is the sum over all rows, over their number.",
            slips={
                "(g1 + g2) / 2": "That is the mean of means: a row of the smaller part "
                "counts for more.",
                "g1 + g2": "Added without weights, and not divided.",
                "n1 * g1 + n2 * g2": "That is the sum over all rows: divide by N.",
                "(n2 * g1 + n1 * g2) / N": "Each part has the other's weight.",
            },
            also=("(sum(A) + sum(B)) / N",),
            why="Two sums, that of n g and that of n, are all that has to be added up.",
        ),
        Step(
            "off",
            "(n2 - n1) / (2 * N) * (g1 - g2)",
            hint="Subtract g from (g1 + g2) / 2; before g1 stands 1/2 - n1/N.",
            slips={
                "(n1 - n2) / (2 * N) * (g1 - g2)": "The sign: the larger part gets "
                "too little weight.",
                "(n2 - n1) / N * (g1 - g2)": "Half of that: 1/2 - n1/N.",
                "(g1 - g2) / 2": "It has to vanish where n1 = n2.",
            },
            also=("(g1 + g2) / 2 - g",),
            why="It vanishes where the parts are equally large, or say the same.",
        ),
    ),
)


def whole(w):
    """Of three targets and one."""
    parts = ((ONE * 2, 3), (-2 * ONE, 1))
    return mean_of(sum(weighted(grad, 0.0, n) for grad, n in parts))[0][0]


def length_left(w):
    """Of a long gradient that was scaled, cut at one, and divided."""
    g = 1024 * 3 * ONE
    optim.clip(g, 1.0)
    return g[0] / 1024


ONE = torch.ones(1, dtype=torch.float64)
scale_recall = Derivation(
    title="parts and few bits",
    steps=(
        Step(
            ask="Two parts of 3 and 1 targets have the gradients 2 and -2. What is "
            "that of all four?",
            right="(3 * 2 - 2) / 4",
            hint="Weight each by its targets.",
            slips={"0": "That is the mean of means.", "4": "Divide by four targets."},
            proof=whole,
        ),
        Step(
            ask="A gradient of length 3 is scaled by 1024, cut at 1, and only then "
            "divided by 1024. How long is it?",
            right="1/1024",
            hint="The limit is divided, too.",
            slips={"1": "That is it in the right order: first divide, then cut."},
            proof=length_left,
        ),
        Step(
            ask="A parameter of 1 in bfloat16, with 8 digits. Which step upwards is "
            "half the way to its neighbour?",
            right="2 ** -8",
            hint="The neighbours are 2^(e - d + 1) apart, and e is 0.",
            slips={
                "2 ** -7": "That is the whole way.",
                "2 ** -9": "That is half the way downwards, where the neighbour is "
                "half as far; upwards it is a quarter.",
            },
            proof=lambda w: torch.tensor(torch.finfo(torch.bfloat16).eps / 2),
        ),
    ),
)

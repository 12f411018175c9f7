"""A batch in two parts of unequal length, and a factor of the loss."""

import torch
from derivation import Derivation, Step

from charlm import ops


def part(x, Y, W, backward):
    """Logits, loss and gradient of the weights of one part."""
    z, c_map = ops.matmul(x, W)
    loss, cache = ops.cross_entropy(z, Y.argmax(1))
    return loss, ops.matmul_backward(backward(torch.ones_like(loss), cache), c_map)[1]


def parts(w, backward=ops.cross_entropy_backward):
    _, g1 = part(w.x1, w.Y1, w.W, backward)
    _, g2 = part(w.x2, w.Y2, w.W, backward)
    x, Y = torch.cat([w.x1, w.x2]), torch.cat([w.Y1, w.Y2])
    loss, dW = part(x, Y, w.W, backward)
    return {"loss": loss, "g1": g1, "g2": g2, "dW": dW}


scale_parts = Derivation(
    title="a batch in two parts",
    lengths={"N": (4, 5), "M": (2, 3), "I": (3, 2), "V": (5, 4)},
    inputs={
        "x1": "N I",
        "x2": "M I",
        "Y1": "onehot: N V",
        "Y2": "onehot: M V",
        "W": "I V",
    },
    constants={"dloss": 1.0},
    forward={
        "p1": "exp(x1 @ W) / sum(exp(x1 @ W))",
        "p2": "exp(x2 @ W) / sum(exp(x2 @ W))",
        "loss": "-(sum(Y1 * log(p1), (0, 1)) + sum(Y2 * log(p2), (0, 1))) / (N + M)",
    },
    package=parts,
    axes=(1,),
    steps=(
        Step(
            "g1",
            "x1.T @ (p1 - Y1) / N",
            hint="The gradient of the first part's own mean loss.",
            slips={
                "x1.T @ (p1 - Y1)": "bug: mean_forgotten",
                "x1.T @ (p1 - Y1) / (N + M)": "The part's own mean divides by N.",
            },
        ),
        Step("g2", "x2.T @ (p2 - Y2) / M", hint="The same for the second part."),
        Step(
            "dW",
            "(N * g1 + M * g2) / (N + M)",
            hint="Every target of both parts counts alike.",
            parts={
                "N * g1 / (N + M)": "the first part's share",
                "M * g2 / (N + M)": "the second part's share",
            },
            slips={
                "(g1 + g2) / 2": "The mean of means: right only where both parts are "
                "equally long.",
                "g1 + g2": "Each part has divided by its own length: weigh them.",
                "N * g1 + M * g2": "The loss is the mean over all targets.",
                "(M * g1 + N * g2) / (N + M)": "The weights are exchanged.",
                "g1 / N + g2 / M": "Means are multiplied by their lengths to be sums.",
            },
        ),
    ),
)


def weight(w):
    """The gradient of a score in a batch of n + m targets over that among n."""

    def first(count):
        z = torch.zeros(count, 3).double()
        loss, cache = ops.cross_entropy(z, torch.zeros(count).long())
        return ops.cross_entropy_backward(torch.ones_like(loss), cache)[0, 0]

    return first(int(w.n + w.m)) / first(int(w.n))


def factor(w):
    """What a factor S of the loss does to the gradient of a score."""
    _, cache = ops.cross_entropy(torch.zeros(1, 3).double(), torch.tensor([1]))
    scaled, plain = (
        ops.cross_entropy_backward(s, cache)[0, 0] for s in (w.S, w.S / w.S)
    )
    return scaled / plain


scale_recall = Derivation(
    title="weights of parts, factors of losses",
    lengths={"n": (30, 7), "m": (2, 3), "S": (1024, 16)},
    steps=(
        Step(
            ask="Two machines hold n and m targets. With which weight does the mean "
            "gradient of the first enter?",
            right="n / (n + m)",
            hint="Every target counts alike.",
            slips={
                "1/2": "That is the mean of means.",
                "m / (n + m)": "That is the weight of the second.",
            },
            proof=weight,
        ),
        Step(
            ask="The loss is multiplied by S. By what are all gradients multiplied?",
            right="S",
            hint="A backward is linear in what it is given.",
            slips={"1 / S": "That is what takes it away again."},
            proof=factor,
        ),
    ),
)

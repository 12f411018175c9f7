"""One layer of scores: a row of W for every symbol."""

import torch
from derivation import Derivation, Step

from charlm import ops


def bigram(w, backward=ops.cross_entropy_backward, decay=ops.l2_backward):
    if backward.__name__ == "half_forgotten":
        backward, decay = ops.cross_entropy_backward, backward
    z, c_rows = ops.embedding(w.X.argmax(1), w.W)
    data, cache = ops.cross_entropy(z, w.Y.argmax(1))
    pull, c_pull = ops.l2(w.W, w.lam.item())
    dz = backward(w.dloss, cache)
    dW = ops.embedding_backward(dz, c_rows) + decay(w.dloss, c_pull)
    return {"loss": data + pull, "dz": dz, "dW": dW}


bigram_net = Derivation(
    title="a product that is a lookup, with weight decay",
    lengths={"N": (5, 6), "V": (3, 4)},
    inputs={"X": "onehot: N V", "Y": "onehot: N V", "W": "V V"},
    constants={"lam": 0.1, "dloss": 1.0},
    forward={
        "z": "X @ W",
        "p": "exp(z) / sum(exp(z))",
        "loss": "-sum(Y * log(p), (0, 1)) / N + lam / 2 * sum(W**2, (0, 1))",
    },
    package=bigram,
    axes=(1,),
    steps=(
        Step(
            "dz",
            "(p - Y) / N",
            hint="Expected minus observed.",
            parts={"p / N": "what is expected", "-Y / N": "what was observed"},
            slips={"p - Y": "bug: mean_forgotten", "p / N": "bug: target_forgotten"},
        ),
        Step(
            "dW",
            "X.T @ dz + lam * W",
            hint="W is read by the rows, and pulled to zero.",
            parts={"X.T @ dz": "the data", "lam * W": "the pull to zero"},
            slips={
                "X.T @ dz + 2 * lam * W": "bug: half_forgotten",
                "X.T @ dz": "What is there is right; the pull to zero is missing.",
                "X.T @ dz - lam * W": "The pull is part of the loss: plus. The minus "
                "comes with the step.",
                "X.T @ (p - Y) + lam * W": "The mean: dz has 1/N, p - Y has not.",
                "X.T @ dz / N + lam * W": "dz has 1/N already.",
            },
        ),
    ),
)


def observed(w):
    """The gradient of a row of W for a symbol that never came."""
    _, cache = ops.embedding(torch.tensor([0, 1]), torch.zeros(3, 3))
    return ops.embedding_backward(torch.ones(2, 3), cache)[2, 0]


bigram_recall = Derivation(
    title="expected and observed",
    lengths={"V": (27, 5)},
    steps=(
        Step(
            ask="A symbol does not occur in a batch. What is the gradient of its row "
            "of "
            "W, without decay?",
            right="0",
            hint="Nobody read it.",
            proof=observed,
        ),
        Step(
            ask="W is zero at the start. What is the first loss?",
            right="log(V)",
            hint="All V symbols are equally likely.",
            slips={
                "0": "Zero scores are equal scores, not a sure answer.",
                "1 / V": "That is each probability.",
            },
            proof=lambda w: ops.cross_entropy(
                torch.zeros(2, int(w.V)).double(), torch.tensor([0, 1])
            )[0],
        ),
    ),
)

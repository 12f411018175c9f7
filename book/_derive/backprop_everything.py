"""The loss of the lectures taken apart, with the lectures' names."""

import torch
from derivation import Derivation, Step

from charlm import ops


def loss(w, backward=ops.cross_entropy_backward):
    value, cache = ops.cross_entropy(w.logits, w.Y.argmax(1))
    return {"loss": value, "dlogits": backward(w.dloss, cache)}


everything_loss = Derivation(
    title="eight names between the scores and the loss",
    lengths={"n": (4, 5), "V": (3, 4)},
    inputs={"logits": "n V", "Y": "onehot: n V"},
    constants={"dloss": 1.0},
    forward={
        "counts": "exp(logits)",
        "counts_sum": "sum(counts)",
        "counts_sum_inv": "counts_sum**(-1)",
        "probs": "counts * counts_sum_inv",
        "logprobs": "log(probs)",
        "loss": "-sum(Y * logprobs, (0, 1)) / n",
    },
    package=loss,
    axes=(1,),
    steps=(
        Step(
            "dlogprobs",
            "-Y / n",
            hint="Zeros, but for the entries that the loss reads.",
            slips={
                "Y / n": "The loss has a minus.",
                "-1 / n": "Only the targets are read: the others get zero.",
            },
        ),
        Step("dprobs", "dlogprobs / probs", hint="The derivative of log is 1/x."),
        Step(
            "dcounts_sum_inv",
            "sum(counts * dprobs)",
            hint="One number per row was copied along the row.",
            slips={
                "counts * dprobs": "It was copied along its row: add the copies up.",
                "sum(dprobs)": "probs is a product: where is the other factor?",
            },
        ),
        Step(
            "dcounts_sum",
            "-counts_sum**(-2) * dcounts_sum_inv",
            hint="The derivative of 1/x is -1/x².",
            slips={
                "counts_sum**(-2) * dcounts_sum_inv": "The power -1 comes down.",
                "-counts_sum**(-1) * dcounts_sum_inv": "The power falls by one, to -2.",
            },
            also=("-counts_sum_inv**2 * dcounts_sum_inv",),
        ),
        Step(
            "dcounts",
            "counts_sum_inv * dprobs + dcounts_sum",
            hint="counts is used twice.",
            parts={
                "counts_sum_inv * dprobs": "the direct path",
                "dcounts_sum": "the path through the sum",
            },
            slips={
                "counts_sum_inv * dprobs": "counts is used twice: add what comes "
                "through its sum (`+=`).",
                "dcounts_sum + 0 * counts": "That overwrites the direct path with the "
                "one through the sum (`=` in place of `+=`).",
            },
        ),
        Step(
            "dlogits",
            "counts * dcounts",
            hint="The exponential is its own derivative.",
            slips={
                "dcounts": "The slope of exp is missing: it is exp itself, counts.",
            },
            also=("(probs - Y) / n",),
        ),
    ),
)


def hidden(w, backward=ops.batchnorm_backward):
    u, c_norm = ops.batchnorm(w.a, w.gain, w.bias, 0.0, 1)
    h, c_tanh = ops.tanh(u)
    z, c_out = ops.linear(h, w.W2, w.b2)
    dh, dW2, db2 = ops.linear_backward(w.dz, c_out)
    du = ops.tanh_backward(dh, c_tanh)
    da, dgain, dbias = backward(du, c_norm)
    found = {"z": z, "dh": dh, "dW2": dW2, "db2": db2, "du": du}
    return found | {"da": da, "dgain": dgain, "dbias": dbias}


everything_hidden = Derivation(
    title="the hidden layer, with Bessel's correction",
    lengths={"n": (5, 4), "H": (3, 2), "V": (2, 3)},
    inputs={
        "a": "n H",
        "gain": "H",
        "bias": "H",
        "W2": "H V",
        "b2": "V",
        "dz": "n V",
    },
    forward={
        "c": "a - mean(a)",
        "v": "sum(c**2) / (n - 1)",
        "s": "v**(-1/2)",
        "r": "c * s",
        "u": "gain * r + bias",
        "h": "tanh(u)",
        "z": "h @ W2 + b2",
    },
    package=hidden,
    axes=(0,),
    steps=(
        Step("dh", "dz @ W2.T", hint="Back through W2."),
        Step("dW2", "h.T @ dz", hint="A sum over rows."),
        Step(
            "du",
            "(1 - h**2) * dh",
            hint="The slope of tanh from its output.",
            slips={
                "(1 - u**2) * dh": "1 - tanh² u, and that is 1 - h².",
            },
        ),
        Step(
            "dgain",
            "sum(r * du)",
            hint="One gain for all rows.",
            slips={
                "r * du": "One gain for all rows: add up.",
                "sum(u * du)": "The gain multiplies r, before the bias is added.",
            },
        ),
        Step(
            "da",
            "gain * s * (du - mean(du) - r * sum(r * du) / (n - 1))",
            hint="As in the one-line formula; which of the two averages has n - 1?",
            parts={
                "gain * s * du": "the direct path",
                "-gain * s * mean(du)": "the path through the mean",
                "-gain * s * r * sum(r * du) / (n - 1)": "the path through the "
                "variance",
            },
            slips={
                "gain * s * (du - mean(du) - r * mean(r * du))": "bug: bessel_mixed_up",
                "gain * s * (du - sum(du) / (n-1) - r * sum(r * du) / (n-1))": "The "
                "mean divides by n: only the variance has n - 1.",
                "gain * s * du": "bug: statistics_constant",
            },
            also=("gain * s / n * (n*du - sum(du) - n/(n-1) * r * sum(du * r))",),
        ),
    ),
)


def fan(w):
    """The gradient of a value used k times, each time with factor one."""
    x = torch.ones(1).double()
    y, cache = ops.broadcast_to(x, (int(w.k),))
    return ops.broadcast_to_backward(torch.ones_like(y), cache)


def outside(w):
    """Sum of the gradient of the scores along a row."""
    g = torch.Generator().manual_seed(1)
    z = torch.randn(4, 3, generator=g).double()
    _, cache = ops.cross_entropy(z, torch.tensor([0, 2, 1, 1]))
    back = ops.cross_entropy_backward(torch.ones(()).double(), cache)
    return back.sum(1)[0].round(decimals=12)


everything_recall = Derivation(
    title="uses, copies, maxima",
    lengths={"k": (3, 5), "n": (32, 8), "V": (27, 5)},
    steps=(
        Step(
            ask="A value is used k times, each time as it is, and ones come back from "
            "each use. What is its gradient?",
            right="k",
            hint="Contributions add up.",
            slips={"1": "`+=`, not `=`."},
            proof=fan,
        ),
        Step(
            ask="What do the gradients of one row of logits sum to?",
            right="0",
            hint="Adding a constant to all scores changes no probability.",
            proof=outside,
            why="So the maximum that is subtracted gets no gradient.",
        ),
    ),
)

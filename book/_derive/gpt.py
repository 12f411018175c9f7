"""A block with normalisation in front, and tied weights."""

import torch
from derivation import Derivation, Step

from charlm import ops


def block(w, backward=ops.layernorm_backward):
    one, none = torch.ones_like(w.x[0]), torch.zeros_like(w.x[0])
    n, c_norm = ops.layernorm(w.x, one, none, w.eps.item())
    f, c_map = ops.matmul(n, w.W)
    y, c_sum = ops.residual(w.x, f)
    dskip, df = ops.residual_backward(w.dy, c_sum)
    dn, dW = ops.matmul_backward(df, c_map)
    return {"y": y, "dn": dn, "dW": dW, "dx": dskip + backward(dn, c_norm)[0]}


gpt_block = Derivation(
    title="a branch with its normalisation in front",
    lengths={"T": (3, 2), "C": (4, 5)},
    constants={"eps": 0.25},
    inputs={"x": "T C", "W": "C C", "dy": "T C"},
    forward={
        "c": "x - mean(x)",
        "s": "(mean(c**2) + eps)**(-1/2)",
        "n": "c * s",
        "f": "n @ W",
        "y": "x + f",
    },
    package=block,
    axes=(1,),
    steps=(
        Step(
            "dW",
            "n.T @ dy",
            hint="The map reads n, after the normalisation.",
            slips={"x.T @ dy": "The map reads n: the normalisation stands before it."},
        ),
        Step("dn", "dy @ W.T", hint="Back through the transpose."),
        Step(
            "dx",
            "dy + s * (dn - mean(dn) - n * mean(dn * n))",
            hint="x is used by the sum, and by the normalisation.",
            parts={
                "dy": "the skip",
                "s * dn": "the direct path through the normalisation",
                "-s * mean(dn)": "the path through its mean",
                "-s * n * mean(dn * n)": "the path through its variance",
            },
            slips={
                "s * (dn - mean(dn) - n * mean(dn * n))": "What is there is right; the "
                "skip sends dy back untouched.",
                "dy + dn": "Between x and n stands the normalisation.",
                "dy + s * dn": "The row's mean and deviation move with x.",
                "s * (dy + dn - mean(dy + dn) - n * mean((dy + dn) * n))": "The skip "
                "goes around the normalisation, not through it.",
            },
        ),
    ),
)


def tied(w, backward=ops.unembedding_backward):
    x, c_rows = ops.embedding(w.X.argmax(1), w.C)
    h, c_tanh = ops.tanh(x)
    z, c_out = ops.unembedding(h, w.C)
    dh, above = backward(w.dz, c_out)
    dx = ops.tanh_backward(dh, c_tanh)
    return {
        "z": z,
        "dh": dh,
        "dx": dx,
        "dC": above + ops.embedding_backward(dx, c_rows),
    }


gpt_tied = Derivation(
    title="one table at both ends",
    lengths={"N": (4, 5), "V": (5, 4), "E": (2, 3)},
    inputs={"X": "onehot: N V", "C": "V E", "dz": "N V"},
    forward={"x": "X @ C", "h": "tanh(x)", "z": "h @ C.T"},
    package=tied,
    seed=2,
    steps=(
        Step(
            "dh",
            "dz @ C",
            hint="z = h Cᵀ: back through the transpose of the transpose.",
        ),
        Step("dx", "(1 - h**2) * dh", hint="The slope of tanh."),
        Step(
            "dC",
            "X.T @ dx + dz.T @ h",
            hint="The table is used twice: as rows, and as scores.",
            parts={"X.T @ dx": "the use as rows", "dz.T @ h": "the use as scores"},
            slips={
                "X.T @ dx": "What is there is right; the scores used the table too.",
                "dz.T @ h": "What is there is right; the rows were read from it too.",
                "X.T @ dx + dz.T @ x": "The scores met h, after the tanh.",
            },
        ),
    ),
)


def heads(w):
    x = torch.zeros(1, 2, int(w.E))
    return ops.split_heads(x, int(w.N))[0].shape[-1]


gpt_recall = Derivation(
    title="a block in numbers",
    lengths={"E": (24, 12), "N": (4, 3), "T": (8, 5)},
    steps=(
        Step(
            ask="E features, N heads. How wide is each head?",
            right="E / N",
            hint="The features are shared out.",
            proof=heads,
        ),
        Step(
            ask="How many weights of a causal attention matrix of T positions are not "
            "hidden?",
            right="T * (T + 1) / 2",
            hint="1 + 2 + ... + T.",
            slips={
                "T**2": "The future is hidden.",
                "T * (T - 1) / 2": "Each position sees itself too.",
                "T**2 / 2": "The diagonal counts whole.",
            },
            proof=lambda w: visible(int(w.T)),
        ),
    ),
)


def visible(T):
    g = torch.Generator().manual_seed(1)
    q, k, v = torch.randn(3, T, 2, generator=g)
    return (ops.attention(q, k, v)[1][-1] > 0).sum()

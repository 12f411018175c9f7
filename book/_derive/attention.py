"""Attention: from the output back to queries, keys and values."""

import torch
from derivation import Derivation, Step

from charlm import ops


def attention(w, backward=ops.attention_backward):
    y, cache = ops.attention(w.q, w.k, w.v)
    dq, dk, dv = backward(w.dy, cache)
    return {"y": y, "dq": dq, "dk": dk, "dv": dv}


attention_backward = Derivation(
    title="attention, from the output to queries, keys and values",
    lengths={"T": (4, 5), "D": (2, 3), "E": (3, 2)},
    inputs={"q": "T D", "k": "T D", "v": "T E", "M": "causal: T T", "dy": "T E"},
    forward={
        "S": "q @ k.T / sqrt(D)",
        "A": "exp(S) * M / sum(exp(S) * M)",
        "y": "A @ v",
    },
    package=attention,
    axes=(1,),
    steps=(
        Step(
            "dv",
            "A.T @ dy",
            hint="A value is read by all later rows, with its weight in each.",
            slips={
                "A @ dy": "Row t of A says whom t reads; a value gathers from those "
                "who "
                "read *it*: the transpose.",
            },
        ),
        Step(
            "dA",
            "dy @ v.T",
            hint="(T, E) times what gives (T, T)?",
            slips={"v @ dy.T": "Transposed: row t of dA belongs to row t of dy."},
        ),
        Step(
            "dS",
            "A * (dA - sum(A * dA))",
            hint="Softmax: each weight, times its gradient less the row's weighted "
            "mean.",
            slips={
                "A * dA": "Each row of A sums to one: the weights are coupled.",
                "A * (1 - A) * dA": "That is the diagonal of softmax alone.",
                "A * (dA - sum(dA))": "The mean along the row is weighted by A.",
                "dA - sum(A * dA)": "The weight in front is missing.",
                "A * (dA - sum(A * dA, 0))": "The sum runs along the row, over keys.",
            },
            also=("A * dA - A * sum(A * dA)", "A * (dA - sum(dy * y))"),
        ),
        Step(
            "dq",
            "dS @ k / sqrt(D)",
            hint="S = q kᵀ / √D, a product.",
            slips={
                "dS @ k": "bug: scale_forgotten",
                "A * dA @ k / sqrt(D)": "bug: weights_uncoupled",
                "dS @ k / D": "The scale is one over the root of D.",
                "dS @ q / sqrt(D)": "A query meets keys: k.",
            },
        ),
        Step(
            "dk",
            "dS.T @ q / sqrt(D)",
            hint="A key is read by all later rows: the transpose.",
            slips={
                "dS @ q / sqrt(D)": "bug: keys_and_queries_exchanged",
                "dS.T @ q": "bug: scale_forgotten",
                "dS.T @ k / sqrt(D)": "A key meets queries: q.",
            },
            why="The mask needs no line: where A is zero, so is dS.",
        ),
    ),
)


def first(w):
    """Attention weights of the first position; sums of dS along a row."""
    g = torch.Generator().manual_seed(3)
    q, k, v, dy = torch.randn(4, 5, 3, generator=g).double()
    _, (*_, A) = ops.attention(q, k, v)
    dS = ops.softmax_backward(dy @ v.mT, (A,))
    return A[0, 0], dS.sum(1)[2].round(decimals=12), dS[0, 0].round(decimals=12)


attention_recall = Derivation(
    title="rows that sum to one",
    steps=(
        Step(
            ask="With a causal mask, what weight does the first position give itself?",
            right="1",
            hint="It sees nothing else.",
            proof=lambda w: first(w)[0],
        ),
        Step(
            ask="What do the gradients of one row of scores sum to?",
            right="0",
            hint="Adding a constant to a row of scores changes no weight.",
            proof=lambda w: first(w)[1],
        ),
        Step(
            ask="And the gradient of the first position's own score?",
            right="0",
            hint="Its weight is one, whatever the score.",
            slips={"1": "The weight is one and stays one: nothing moves it."},
            proof=lambda w: first(w)[2],
        ),
    ),
)

"""Dropout on a branch, and the sum around it."""

import torch
from derivation import Derivation, Step

from charlm import ops


def branch(w, backward=ops.dropout_backward, residual=ops.residual_backward):
    if backward.__name__ == "skip_forgotten":
        backward, residual = ops.dropout_backward, backward
    a, c_map = ops.matmul(w.x, w.W)
    f, c_drop = ops.dropout(a, w.mask > 0, w.p.item())
    y, c_sum = ops.residual(w.x, f)
    dskip, df = residual(w.dy, c_sum)
    da = backward(df, c_drop)
    dx, dW = ops.matmul_backward(da, c_map)
    return {"y": y, "df": df, "da": da, "dW": dW, "dx": dskip + dx}


dropout_branch = Derivation(
    title="a residual branch with dropout",
    lengths={"N": (4, 5), "C": (3, 2)},
    constants={"p": 0.25},
    inputs={"x": "N C", "W": "C C", "mask": "mask: N C", "dy": "N C"},
    forward={"a": "x @ W", "f": "a * mask / (1 - p)", "y": "x + f"},
    package=branch,
    steps=(
        Step(
            "da",
            "mask / (1 - p) * dy",
            hint="Back through the same mask, with the same scale.",
            slips={
                "mask * dy": "bug: mask_not_scaled",
                "dy": "What was dropped gets no gradient: the mask.",
                "mask * (1 - p) * dy": "The scale divides by 1 - p, forward and back.",
                "mask / p * dy": "1 - p is kept; the scale is one over that.",
                "dy / (1 - p)": "The scale is there; the mask is missing.",
            },
        ),
        Step(
            "dW",
            "x.T @ da",
            hint="A matrix product.",
            slips={"x.T @ dy": "What reaches the product went through the mask."},
        ),
        Step(
            "dx",
            "dy + da @ W.T",
            hint="x is used twice.",
            parts={"dy": "the skip", "da @ W.T": "the branch"},
            slips={
                "da @ W.T": "What is there is right; the skip sends dy back as well.",
                "dy + da @ W": "Back through the transpose.",
                "dy + dy @ W.T": "The branch's share went through the mask: da.",
            },
        ),
    ),
)


def expected(w):
    """Mean of what dropout makes of ones, over both values of the mask."""
    p, one = w.p.item(), torch.ones(1).double()
    kept, gone = (ops.dropout(one, torch.tensor([k]), p)[0] for k in (True, False))
    return (1 - p) * kept + p * gone, (1 - p) * kept**2 + p * gone**2 - 1, kept


dropout_recall = Derivation(
    title="what dropout leaves alone, and what not",
    constants={"p": 0.2},
    steps=(
        Step(
            ask="By what is a kept value multiplied, if a share `p` is dropped?",
            right="1 / (1 - p)",
            hint="So that the mean stays.",
            slips={"1 - p": "That shrinks it more.", "1 / p": "1 - p is kept."},
            proof=lambda w: expected(w)[2],
        ),
        Step(
            ask="The expectation of what comes out of a 1?",
            right="1",
            hint="That is what the scale is for.",
            proof=lambda w: expected(w)[0],
        ),
        Step(
            ask="And its variance?",
            right="p / (1 - p)",
            hint="The mean square less one; the square is 1 / (1 - p)², with chance 1 "
            "- p.",
            slips={
                "p * (1 - p)": "That is the variance of the mask, before it is scaled.",
                "1 / (1 - p)": "That is the mean square: take the mean's square away.",
            },
            proof=lambda w: expected(w)[1],
        ),
    ),
)

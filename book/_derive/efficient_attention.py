"""The row dot that replaces the matrix of weights."""

import torch
from derivation import Derivation, Step

from charlm import ops


def attention(w, backward=ops.tiled_attention_backward):
    y, cache = ops.tiled_attention(w.q, w.k, w.v, False, 2, 2)
    dq, dk, dv = backward(w.dy, cache)
    delta = (w.dy * y).sum(-1, keepdim=True)
    lse = cache[-1]
    return {"y": y, "dq": dq, "dk": dk, "dv": dv, "delta": delta, "lse": lse}


efficient_rows = Derivation(
    title="weights made again, and one number per row",
    lengths={"T": (5, 4), "D": (2, 3), "E": (3, 2)},
    inputs={"q": "T D", "k": "T D", "v": "T E", "dy": "T E"},
    forward={
        "S": "q @ k.T / sqrt(D)",
        "lse": "log(sum(exp(S)))",
        "A": "exp(S - lse)",
        "y": "A @ v",
    },
    package=attention,
    axes=(1,),
    steps=(
        Step(
            "dv",
            "A.T @ dy",
            hint="Each value gathers from the rows that read it.",
            slips={"A @ dy": "A value gathers from those who read it: the transpose."},
        ),
        Step("dA", "dy @ v.T", hint="(T, E) times what gives (T, T)?"),
        Step(
            "delta",
            "sum(dy * y)",
            hint="The row's mean of dA, weighted by A, without A: y is A v.",
            slips={
                "sum(dy)": "Weighted: dy meets what was read, y.",
                "sum(dA)": "The mean is weighted by A.",
                "mean(dy * y)": "A sum over features: nothing is averaged.",
            },
            also=("sum(A * dA)",),
        ),
        Step(
            "dS",
            "A * (dA - delta)",
            hint="Softmax, with the row's number ready.",
            slips={
                "A * dA - delta": "delta stands inside the bracket: A multiplies both.",
                "A * dA": "A row of A sums to one: take delta away.",
                "A * (dA + delta)": "It is taken away.",
            },
        ),
        Step(
            "dq",
            "dS @ k / sqrt(D)",
            hint="Every tile of keys adds its share.",
            slips={"dS @ k": "The scale is missing.", "dS @ k / D": "The root of D."},
        ),
        Step(
            "dk",
            "dS.T @ q / sqrt(D)",
            hint="Every tile of rows adds its share.",
            slips={"dS.T @ q": "bug: key_scale_forgotten"},
        ),
    ),
)


def sums(w):
    """Sum of exponentials of two tiles, by their own maxima."""
    a, b = torch.tensor([[0.0, 1.0], [3.0, 2.0]], dtype=torch.float64)
    total = lambda x: (x - x.max()).exp().sum()  # noqa: E731
    whole = torch.cat([a, b])
    return (total(whole) - total(b)) / total(a)


efficient_recall = Derivation(
    title="running sums",
    lengths={"T": (1024, 64), "D": (64, 16)},
    steps=(
        Step(
            ask="A tile has the maximum 1; the next tile raises it to 3. By what is "
            "the "
            "old sum of exponentials multiplied?",
            right="exp(-2)",
            hint="Old maximum less new one.",
            slips={
                "exp(2)": "The larger maximum makes the old terms smaller.",
                "1/3": "Maxima are subtracted, in the exponent.",
            },
            proof=sums,
        ),
        Step(
            ask="How many numbers per row, besides inputs and output, does the "
            "backward "
            "need from the forward?",
            right="1",
            hint="The logarithm of the row's sum.",
            slips={
                "T": "That is the whole row of weights.",
                "2": "Maximum and sum go into one number.",
            },
            proof=lambda w: kept(4, 3),
        ),
    ),
)


def kept(T, D):
    g = torch.Generator().manual_seed(1)
    q, k, v = torch.randn(3, T, D, generator=g)
    y, cache = ops.tiled_attention(q, k, v)
    own = [x for x in cache if isinstance(x, torch.Tensor)]
    return sum(x.shape[-1] for x in own if not any(x is o for o in (q, k, v, y)))

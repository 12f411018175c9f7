"""Positions: a table that is added, and a rotation."""

import torch
from derivation import Derivation, Step

from charlm import ops


def rope(w, backward=ops.rope_backward):
    y, cache = ops.rope(w.x)
    return {"y": y, "dx": backward(w.dy, cache)}


positions_rope = Derivation(
    title="a rotation goes back",
    lengths={"T": (4, 5), "D": (2, 2)},
    inputs={"x": "T D", "t": "places: T", "R": "turn: D D", "dy": "T D"},
    forward={"c": "cos(t)", "s": "sin(t)", "y": "x * c + (x @ R) * s"},
    package=rope,
    steps=(
        Step(
            "dx",
            "dy * c - (dy @ R) * s",
            hint="The inverse of a rotation turns by the same angle the other way; "
            "Rᵀ = -R.",
            parts={
                "dy * c": "the part along the pair itself",
                "-(dy @ R) * s": "the part across it",
            },
            slips={
                "dy * c + (dy @ R) * s": "bug: rotated_again",
                "dy * s - (dy @ R) * c": "Cosine and sine are exchanged.",
                "dy * c": "What is there is right; the two features of a pair mix.",
                "dy * c - (x @ R) * s": "What is turned back is the gradient, dy.",
            },
            also=("dy * c + (dy @ R.T) * s", "(dy * c) + (dy * s) @ R.T"),
        ),
    ),
)


def table(w, backward=ops.add_positions_backward):
    x = torch.stack([w.x1, w.x2])
    y, cache = ops.add_positions(x, w.P)
    dx, dP = backward(torch.stack([w.dy1, w.dy2]), cache)
    return {"dx1": dx[0], "dx2": dx[1], "dP": dP}


positions_table = Derivation(
    title="one table for two texts",
    lengths={"T": (4, 5), "E": (3, 2)},
    inputs=dict.fromkeys(("x1", "x2", "P", "dy1", "dy2"), "T E"),
    forward={"y1": "x1 + P", "y2": "x2 + P"},
    package=table,
    seed=2,
    steps=(
        Step("dx1", "dy1", hint="A sum sends its gradient on as it is."),
        Step("dx2", "dy2", hint="As the first text."),
        Step(
            "dP",
            "dy1 + dy2",
            hint="Both texts used the same table.",
            parts={"dy1": "the first text's share", "dy2": "the second text's share"},
            slips={
                "(dy1 + dy2) / 2": "bug: positions_averaged",
                "sum(dy1 + dy2, 0)": "Every position has a row of its own: the sum "
                "runs "
                "over texts alone.",
            },
        ),
    ),
)


def product(w, shift):
    """A rotated query times a rotated key, both moved by some places."""
    g = torch.Generator().manual_seed(4)
    q, k = torch.randn(2, 1, 2, generator=g).double()
    a, _ = ops.rope(q, start=5 + shift)
    b, _ = ops.rope(k, start=2 + shift)
    return (a * b).sum()


positions_recall = Derivation(
    title="what a rotation keeps",
    lengths={"B": (8, 3), "T": (16, 5), "E": (24, 4)},
    steps=(
        Step(
            ask="B texts of T positions share one table of positions with E features, "
            "and ones come back. What is each number of dP?",
            right="B",
            hint="One share from every text.",
            slips={
                "1": "Texts add up.",
                "B * T": "Every position has a row of its own.",
            },
            proof=lambda w: shares(w)[0, 0],
        ),
        Step(
            ask="A rotated query and a rotated key are both moved by 7 places. By how "
            "much does their product change?",
            right="0",
            hint="It depends on the distance only.",
            proof=lambda w: (product(w, 7) - product(w, 0)).round(decimals=12),
        ),
        Step(
            ask="The length of a row of dx over that of dy, for a rotation?",
            right="1",
            hint="Turning changes no length.",
            proof=lambda w: length(w),
        ),
    ),
)


def shares(w):
    B, T, E = int(w.B), int(w.T), int(w.E)
    y, cache = ops.add_positions(torch.zeros(B, T, E), torch.zeros(T, E))
    return ops.add_positions_backward(torch.ones_like(y), cache)[1]


def length(w):
    g = torch.Generator().manual_seed(4)
    x, dy = torch.randn(2, 6, 4, generator=g).double()
    dx = ops.rope_backward(dy, ops.rope(x)[1])
    return (dx.norm() / dy.norm()).round(decimals=12)

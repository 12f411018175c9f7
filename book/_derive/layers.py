"""One layer used twice, and a residual sum."""

import torch
from derivation import Derivation, Step

from charlm import ops


def twice(w, backward=ops.residual_backward):
    a, c1 = ops.matmul(w.x, w.W)
    b, c2 = ops.matmul(a, w.W)
    y, c3 = ops.residual(w.x, b)
    dskip, db = backward(w.dy, c3)
    da, dW2 = ops.matmul_backward(db, c2)
    dx, dW1 = ops.matmul_backward(da, c1)
    return {"y": y, "db": db, "da": da, "dW": dW1 + dW2, "dx": dx + dskip}


layers_twice = Derivation(
    title="a layer used twice, with a skip around it",
    lengths={"N": (4, 5), "C": (3, 2)},
    inputs={"x": "N C", "W": "C C", "dy": "N C"},
    forward={"a": "x @ W", "b": "a @ W", "y": "x + b"},
    package=twice,
    steps=(
        Step(
            "da",
            "dy @ W.T",
            hint="Back through the second use.",
            slips={"dy @ W": "Back through the transpose."},
        ),
        Step(
            "dW",
            "a.T @ dy + x.T @ da",
            hint="W was used twice, with two inputs and two gradients.",
            parts={"a.T @ dy": "the second use", "x.T @ da": "the first use"},
            slips={
                "a.T @ dy": "What is there is right; the first use adds its share.",
                "x.T @ dy + a.T @ da": "Inputs and gradients are crossed: the second "
                "use "
                "read a and got dy.",
                "(a.T @ dy + x.T @ da) / 2": "Uses add up; they are not averaged.",
            },
        ),
        Step(
            "dx",
            "dy + da @ W.T",
            hint="x is used twice: by the first layer, and by the sum.",
            parts={"dy": "the skip", "da @ W.T": "the two layers"},
            slips={
                "da @ W.T": "What is there is right; the skip sends dy back as well.",
                "dy": "What is there is right; the two layers send something back too.",
            },
        ),
    ),
)


def depth(w, skip):
    """A gradient of one through L scalar layers of weight u."""
    u, d = w.u.reshape(1, 1), torch.ones(1, 1).double()
    _, cache = ops.matmul(d, u)
    for _ in range(int(w.L)):
        below, _ = ops.matmul_backward(d, cache)
        d = below + d if skip else below
    return d


layers_recall = Derivation(
    title="depth",
    lengths={"L": (6, 4)},
    constants={"u": 0.5},
    steps=(
        Step(
            ask="L layers that multiply by `u`, one after the other. What is left of a "
            "gradient of 1?",
            right="u**L",
            hint="Each layer multiplies.",
            slips={
                "L * u": "Each layer multiplies.",
                "(1 + u)**L": "That is with skips.",
            },
            proof=lambda w: depth(w, False),
        ),
        Step(
            ask="And with a skip around every layer?",
            right="(1 + u)**L",
            hint="Each layer sends back its share and what arrived.",
            slips={
                "1 + u**L": "There is a skip around *every* layer.",
                "u**L": "That is without skips.",
            },
            proof=lambda w: depth(w, True),
        ),
    ),
)

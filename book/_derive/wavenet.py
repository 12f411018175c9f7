"""A causal filter of two taps, and the gate."""

import torch
from derivation import Derivation, Step

from charlm import ops


def conv(w, backward=ops.causal_conv_backward):
    y, cache = ops.causal_conv(w.x[None], torch.stack([w.W0, w.W1]), w.b)
    dx, dW, db = backward(w.dy[None], cache)
    return {"y": y[0], "dx": dx[0], "dW0": dW[0], "dW1": dW[1], "db": db}


wavenet_conv = Derivation(
    title="a causal filter of two taps",
    lengths={"T": (5, 4), "I": (2, 3), "O": (3, 2)},
    inputs={
        "x": "T I",
        "D": "shift: T T",
        "W0": "I O",
        "W1": "I O",
        "b": "O",
        "dy": "T O",
    },
    forward={"past": "D @ x", "y": "past @ W0 + x @ W1 + b"},
    package=conv,
    axes=(0,),
    steps=(
        Step(
            "dW1",
            "x.T @ dy",
            hint="The last tap reads the present: a linear map for every time.",
        ),
        Step(
            "dW0",
            "past.T @ dy",
            hint="The first tap reads the past.",
            slips={"x.T @ dy": "That is the last tap: this one read x a step earlier."},
        ),
        Step(
            "db",
            "sum(dy)",
            hint="One bias for all times.",
            slips={"mean(dy)": "The copies are added up, not averaged."},
        ),
        Step(
            "dx",
            "D.T @ dy @ W0.T + dy @ W1.T",
            hint="x is read by both taps; what went a step into the future comes a "
            "step "
            "back: Dᵀ.",
            parts={
                "D.T @ dy @ W0.T": "what the next time sends back",
                "dy @ W1.T": "what the same time sends back",
            },
            slips={
                "D.T @ dy @ W1.T + dy @ W0.T": "bug: taps_flipped",
                "D @ dy @ W0.T + dy @ W1.T": "The past would be blamed for what came "
                "before it: back in time goes the transpose of D.",
                "dy @ W0.T + dy @ W1.T": "The first tap's share belongs a step "
                "earlier.",
            },
        ),
    ),
)


def gate(w, backward=ops.gate_backward):
    y, cache = ops.gate(w.a, w.b)
    da, db = backward(w.dy, cache)
    return {"y": y, "da": da, "db": db}


wavenet_gate = Derivation(
    title="the gate",
    lengths={"N": (4, 5), "C": (3, 2)},
    inputs={"a": "N C", "b": "N C", "dy": "N C"},
    forward={"t": "tanh(a)", "s": "sigmoid(b)", "y": "t * s"},
    package=gate,
    seed=2,
    steps=(
        Step(
            "da",
            "s * (1 - t**2) * dy",
            hint="The other factor, and the slope of tanh.",
            slips={
                "(1 - t**2) * dy": "bug: other_factor_forgotten",
                "t * (1 - t**2) * dy": "The other factor is s.",
                "s * (1 - t) * dy": "The slope of tanh is 1 - t².",
                "s * (1 - a**2) * dy": "1 - tanh² a, which is 1 - t².",
            },
        ),
        Step(
            "db",
            "t * s * (1 - s) * dy",
            hint="The other factor, and the slope of the sigmoid.",
            slips={
                "s * (1 - s) * dy": "The other factor, t, is missing.",
                "t * (1 - s**2) * dy": "1 - s² is a slope of tanh; the sigmoid has "
                "s (1 - s).",
                "t * (1 - s) * dy": "The slope of the sigmoid is s (1 - s).",
            },
            also=("y * (1 - s) * dy",),
        ),
    ),
)


def reach(w):
    """How many inputs one output of a stack of dilated filters depends on."""
    layers, T = int(w.L), 2 ** int(w.L) + 3
    x = torch.zeros(1, T, 1).double()
    filters, none = torch.ones(2, 1, 1).double(), torch.zeros(1).double()
    d = torch.zeros(1, T, 1).double()
    d[0, -1] = 1.0
    for k in reversed(range(layers)):
        _, cache = ops.causal_conv(x, filters, none, 2**k)
        d = ops.causal_conv_backward(d, cache)[0]
    return (d != 0).sum()


wavenet_recall = Derivation(
    title="reach and times",
    lengths={"L": (4, 3), "T": (8, 5)},
    steps=(
        Step(
            ask="L layers of two taps, with dilations 1, 2, 4 and so on. How many "
            "inputs "
            "does one output see?",
            right="2**L",
            hint="Each layer doubles it.",
            slips={
                "L + 1": "That is without dilation.",
                "2 * L": "It doubles each time.",
            },
            proof=reach,
        ),
        Step(
            ask="A filter's bias serves T times, and ones come back. Its gradient?",
            right="T",
            hint="One share from every time.",
            slips={"1": "The times add up."},
            proof=lambda w: ops.causal_conv_backward(
                torch.ones(1, int(w.T), 1),
                ops.causal_conv(
                    torch.ones(1, int(w.T), 1), torch.ones(2, 1, 1), torch.ones(1)
                )[1],
            )[2][0],
        ),
    ),
)

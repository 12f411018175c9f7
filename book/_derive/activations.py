"""Slopes of activations, from their outputs."""

import torch
from derivation import Derivation, Step

from charlm import ops


def silu(w, backward=ops.silu_backward):
    y, cache = ops.silu(w.x)
    return {"y": y, "dx": backward(w.dy, cache)}


SIZES = {"N": (4, 5), "C": (3, 2)}

activations_silu = Derivation(
    title="SiLU, a product of two things that both depend on x",
    lengths=SIZES,
    inputs={"x": "N C", "dy": "N C"},
    forward={"s": "sigmoid(x)", "y": "x * s"},
    package=silu,
    steps=(
        Step(
            "ds",
            "x * dy",
            hint="s is one factor of y: it gets the other.",
            slips={"s * dy": "That goes to x, the factor that s multiplies."},
        ),
        Step(
            "dx",
            "s * dy + s * (1 - s) * ds",
            hint="x is used twice: as a factor, and inside s.",
            parts={
                "s * dy": "the factor x itself",
                "s * (1 - s) * ds": "the path through the sigmoid",
            },
            slips={
                "s * dy": "bug: product_rule_forgotten",
                "s * (1 - s) * dy": "That is the sigmoid's own gradient; y is x times "
                "s.",
                "s * (1 + (1 - s)) * dy": "The second part has lost x: ds is x dy.",
                "s * dy + s * (1 - s**2) * ds": "The slope of the sigmoid is s (1 - "
                "s); "
                "1 - s² belongs to tanh.",
                "s * dy + (1 - s) * ds": "The slope of the sigmoid is s (1 - s).",
                "s * (1 + x * (1 - s))": "The local derivative alone: where is dy?",
            },
            also=("s * (1 + x * (1 - s)) * dy", "dy * (s + y * (1 - s))"),
        ),
    ),
)


def tanh_of_sigmoid(w, backward=ops.sigmoid_backward):
    s, c_sigmoid = ops.sigmoid(w.x)
    y, c_tanh = ops.tanh(s)
    ds = ops.tanh_backward(w.dy, c_tanh)
    return {"y": y, "ds": ds, "dx": backward(ds, c_sigmoid)}


activations_chain = Derivation(
    title="a sigmoid below a tanh",
    lengths=SIZES,
    inputs={"x": "N C", "dy": "N C"},
    forward={"s": "sigmoid(x)", "y": "tanh(s)"},
    package=tanh_of_sigmoid,
    seed=2,
    steps=(
        Step(
            "ds",
            "(1 - y**2) * dy",
            hint="The slope of tanh, from its output.",
            slips={
                "(1 - y) * dy": "The output is squared: 1 - y².",
                "(1 - s**2) * dy": "1 - tanh² s, which is 1 - y².",
                "y * (1 - y) * dy": "That slope belongs to the sigmoid.",
            },
        ),
        Step(
            "dx",
            "s * (1 - s) * ds",
            hint="The slope of the sigmoid, from its output.",
            slips={
                "s * (1 - s)": "bug: upstream_forgotten",
                "x * (1 - x) * ds": "The slope is taken from the output s, not from x.",
                "(1 - s**2) * ds": "That slope belongs to tanh.",
                "s * (1 - s) * dy": "What arrives at s is ds, not dy.",
            },
            also=("(s - s**2) * ds", "sigmoid(x) * sigmoid(-x) * ds"),
        ),
    ),
)


def slope(pair, at):
    """The derivative of an activation at one place."""
    x = torch.tensor([at]).double()
    y, cache = getattr(ops, pair)(x)
    return getattr(ops, f"{pair}_backward")(torch.ones_like(y), cache)[0]


activations_recall = Derivation(
    title="slopes",
    steps=(
        Step(
            ask="The largest slope of the sigmoid?",
            right="1/4",
            hint="s (1 - s) is largest at s = 1/2, that is at 0.",
            slips={"1": "That is the slope of tanh at 0.", "1/2": "s (1 - s), at 1/2."},
            proof=lambda w: slope("sigmoid", 0.0),
        ),
        Step(
            ask="The slope of SiLU at 0?",
            right="1/2",
            hint="s (1 + x (1 - s)) at 0.",
            slips={"1/4": "x is a factor too: s comes in by itself."},
            proof=lambda w: slope("silu", 0.0),
        ),
        Step(
            ask="The slope of tanh where its output is -0.8?",
            right="0.36",
            hint="1 - y².",
            slips={"1.8": "1 - y²: the output is squared.", "0.2": "1 - y²."},
            proof=lambda w: ops.tanh_backward(
                torch.ones(1).double(), (torch.ones(1).double() * -0.8,)
            )[0],
        ),
    ),
)

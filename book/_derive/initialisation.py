"""Sizes of gradients through one layer."""

import torch
from derivation import Derivation, Step

from charlm import ops
from charlm.layers import init


def layer(w, backward=ops.relu_backward):
    a, c_map = ops.matmul(w.x, w.W)
    h, c_relu = ops.relu(a)
    da = backward(w.dh, c_relu)
    dx, dW = ops.matmul_backward(da, c_map)
    return {"h": h, "da": da, "dx": dx, "dW": dW}


initialisation_layer = Derivation(
    title="a layer with ReLU, whose gradients are to be sized",
    lengths={"N": (4, 5), "I": (3, 2), "O": (2, 3)},
    inputs={"x": "N I", "W": "I O", "dh": "N O"},
    forward={"a": "x @ W", "h": "relu(a)"},
    package=layer,
    steps=(
        Step(
            "da",
            "(a > 0) * dh",
            hint="ReLU passes a gradient on where it passed its input on. `(a > 0)` is "
            "one there and zero elsewhere.",
            slips={
                "relu(dh)": "bug: gradient_clipped",
                "h * dh": "The slope is one where a > 0, not the value.",
                "dh": "Units that are off pass nothing on.",
            },
            also=("(h > 0) * dh",),
        ),
        Step(
            "dx",
            "da @ W.T",
            hint="A sum over the O outputs: so its mean square grows with O.",
            slips={"dh @ W.T": "Through the ReLU first: da."},
        ),
        Step(
            "dW",
            "x.T @ da",
            hint="A sum over the N rows.",
            slips={"x.T @ dh": "Through the ReLU first: da."},
        ),
    ),
)


def deviation(gain):
    """What the package multiplies normal numbers by, for ``I`` inputs."""

    def proof(w):
        def draw(gain):
            g = torch.Generator().manual_seed(1)
            return init.normal(int(w.I), 3, gain, g, torch.float64)

        g = torch.Generator().manual_seed(1)
        unit = torch.randn(int(w.I), 3, generator=g, dtype=torch.float64)
        return (draw(gain) / unit)[0, 0]

    return proof


initialisation_recall = Derivation(
    title="deviations of weights",
    lengths={"I": (200, 9), "O": (100, 4)},
    steps=(
        Step(
            ask="A linear map with I inputs. Which standard deviation of the weights "
            "keeps the size of what comes in?",
            right="1 / sqrt(I)",
            hint="A sum of I terms has I times the variance of one.",
            slips={
                "1 / I": "That is the variance; the deviation is its root.",
                "1 / sqrt(O)": "That keeps the size of gradients, on the way back.",
                "sqrt(I)": "One over it.",
            },
            proof=deviation(1.0),
        ),
        Step(
            ask="And with ReLU behind it?",
            right="sqrt(2 / I)",
            hint="ReLU halves the mean square.",
            slips={
                "2 / sqrt(I)": "The mean square is halved: the deviation needs √2.",
                "1 / sqrt(I)": "Half of the values are cut off.",
            },
            proof=deviation(2**0.5),
        ),
        Step(
            ask="Xavier's compromise between both directions, as a variance?",
            right="2 / (I + O)",
            hint="One over the mean of I and O.",
            slips={"1 / (I + O)": "The mean of I and O is half their sum."},
            proof=lambda w: 1 / torch.stack([w.I, w.O]).mean(),
        ),
    ),
)

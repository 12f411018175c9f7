"""The gates of an LSTM, with the two ways into the cell's gradient."""

import torch
from derivation import Derivation, Step

from charlm import ops


def lstm(w, backward=ops.lstm_cell_backward):
    a = torch.cat([w.ai, w.af, w.ag, w.ao], 1)
    wide = torch.eye(a.shape[1]).double()
    state = torch.stack([torch.zeros_like(w.c), w.c])
    none = torch.zeros(w.c.shape[1], a.shape[1]).double()
    y, cache = ops.lstm_cell(a, state, wide, none, none[0])
    da, ds, *_ = backward(torch.stack([w.dh, w.dcnext]), cache)
    dai, daf, dag, dao = da.chunk(4, 1)
    found = {"h": y[0], "cnew": y[1], "dc": ds[1]}
    return found | {"dai": dai, "daf": daf, "dag": dag, "dao": dao}


lstm_cell = Derivation(
    title="an LSTM's cell and gates",
    lengths={"B": (4, 5), "H": (3, 2)},
    inputs={
        **dict.fromkeys(("c", "ai", "af", "ag", "ao"), "B H"),
        "dcnext": "B H",
        "dh": "B H",
    },
    forward={
        "i": "sigmoid(ai)",
        "f": "sigmoid(af)",
        "g": "tanh(ag)",
        "o": "sigmoid(ao)",
        "cnew": "f * c + i * g",
        "t": "tanh(cnew)",
        "h": "o * t",
        "cnext": "cnew + 0",
    },
    package=lstm,
    steps=(
        Step(
            "dao",
            "o * (1 - o) * t * dh",
            hint="h = o t: the other factor, and the slope of the sigmoid.",
            slips={
                "o * (1 - o) * cnew * dh": "The gate reads t, the tanh of the cell.",
                "t * dh": "The slope of the sigmoid is missing.",
            },
        ),
        Step(
            "dcnew",
            "dcnext + o * (1 - t**2) * dh",
            hint="The new cell is used twice: by the next step, and by h = o tanh(c').",
            parts={
                "dcnext": "what comes from the next step",
                "o * (1 - t**2) * dh": "what comes through h",
            },
            slips={
                "dcnext": "What is there is right; the cell is read by h as well.",
                "o * (1 - t**2) * dh": "`dc +=`, not `dc =`: what came from the next "
                "step is lost.",
                "dcnext + o * dh": "Between the cell and h stands a tanh: its slope.",
                "dcnext + (1 - t**2) * dh": "h = o t: where is the output gate?",
            },
        ),
        Step(
            "dai",
            "i * (1 - i) * g * dcnew",
            hint="The input gate multiplies g.",
            slips={
                "i * (1 - i) * g * dcnext": "bug: output_path_forgotten",
                "i * (1-i) * g * o * (1 - t**2) * dh": "bug: cell_gradient_overwritten",
            },
        ),
        Step(
            "daf",
            "f * (1 - f) * c * dcnew",
            hint="The forget gate multiplies the old cell.",
            slips={
                "f * (1 - f) * cnew * dcnew": "bug: cell_of_the_wrong_time",
                "f * (1 - f) * g * dcnew": "The forget gate multiplies the old cell, "
                "c.",
            },
        ),
        Step(
            "dag",
            "(1 - g**2) * i * dcnew",
            hint="The candidate is written by i; then the slope of tanh.",
            slips={
                "g * (1 - g) * i * dcnew": "g is a tanh: its slope is 1 - g².",
                "(1 - g**2) * dcnew": "The candidate is written by i.",
            },
        ),
        Step(
            "dc",
            "f * dcnew",
            hint="What was kept.",
            slips={
                "dcnew": "bug: forget_gate_forgotten",
                "i * dcnew": "bug: forget_and_input_exchanged",
            },
        ),
    ),
)


def cell(w):
    """dc after n steps with a forget gate of f and nothing read."""
    d = torch.tensor([[[0.0]], [[1.0]]]).double()
    state, x = torch.zeros(2, 1, 1).double(), torch.zeros(1, 1).double()
    W = torch.zeros(1, 4).double()
    b = torch.stack([0 * w.f, (w.f / (1 - w.f)).log(), 0 * w.f, 0 * w.f])
    for _ in range(int(w.n)):
        _, cache = ops.lstm_cell(x, state, W, W, b)
        d = ops.lstm_cell_backward(d, cache)[1]
    return d[1]


def weights(n_in, H):
    """How many numbers the gradients of both matrices have."""
    x, state = torch.ones(1, n_in), torch.ones(2, 1, H)
    W, U, b = (torch.ones(*n, 4 * H) for n in ((n_in,), (H,), ()))
    y, cache = ops.lstm_cell(x, state, W, U, b)
    _, _, dW, dU, _ = ops.lstm_cell_backward(y, cache)
    return dW.numel() + dU.numel()


lstm_recall = Derivation(
    title="the cell",
    lengths={"n": (3, 2), "H": (30, 7), "I": (10, 4)},
    constants={"f": 0.9},
    steps=(
        Step(
            ask="Every forget gate stands at `f`, and nothing else reads the cell. "
            "What "
            "is left of a gradient of 1 on the cell, n steps back?",
            right="f**n",
            hint="Each step multiplies by the gate.",
            slips={"(1 - f)**n": "f keeps.", "n * f": "Each step multiplies."},
            proof=cell,
        ),
        Step(
            ask="How many weights, without biases, has an LSTM of H units and I "
            "inputs?",
            right="4 * H * (I + H)",
            hint="Three gates and a candidate.",
            slips={"3 * H * (I + H)": "Three is a GRU."},
            proof=lambda w: weights(int(w.I), int(w.H)),
        ),
    ),
)

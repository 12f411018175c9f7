"""The gates of a GRU, with the reset before the product."""

import torch
from derivation import Derivation, Step

from charlm import ops


def gru(w, backward=ops.gru_cell_backward):
    W = torch.cat([w.Wr, w.Wz, w.Wn], 1)
    U = torch.cat([w.Ur, w.Uz, w.Un], 1)
    y, cache = ops.gru_cell(w.x, w.h, W, U, torch.zeros(U.shape[1]).double())
    dx, dh, dW, dU, db = backward(w.dy, cache)
    dUr, dUz, dUn = dU.chunk(3, 1)
    return {"y": y, "dx": dx, "dh": dh, "dUr": dUr, "dUz": dUz, "dUn": dUn}


gru_cell = Derivation(
    title="a GRU, from the new state to the old one",
    lengths={"B": (4, 5), "I": (2, 4), "H": (3, 2)},
    inputs={
        "x": "B I",
        "h": "B H",
        "Wr": "I H",
        "Wz": "I H",
        "Wn": "I H",
        "Ur": "H H",
        "Uz": "H H",
        "Un": "H H",
        "dy": "B H",
    },
    forward={
        "ar": "x @ Wr + h @ Ur",
        "az": "x @ Wz + h @ Uz",
        "r": "sigmoid(ar)",
        "z": "sigmoid(az)",
        "m": "r * h",
        "an": "x @ Wn + m @ Un",
        "n": "tanh(an)",
        "y": "(1 - z) * n + z * h",
    },
    package=gru,
    steps=(
        Step(
            "dan",
            "(1 - n**2) * (1 - z) * dy",
            hint="The candidate's share is 1 - z; then the slope of tanh.",
            slips={
                "(1 - n**2) * z * dy": "z keeps the old state; the candidate has 1 - "
                "z.",
                "(1 - z) * dy": "The slope of tanh is missing.",
            },
        ),
        Step(
            "daz",
            "z * (1 - z) * (h - n) * dy",
            hint="z multiplies h and takes from n.",
            slips={
                "z * (1 - z) * h * dy": "z also takes away from n: h - n.",
                "z * (1 - z) * (n - h) * dy": "The sign: a larger z means more of h.",
                "(h - n) * dy": "The slope of the sigmoid is missing.",
            },
        ),
        Step(
            "dm",
            "dan @ Un.T",
            hint="m = r h came in by the product with Un.",
            slips={"dan @ Un": "Back through the transpose."},
        ),
        Step(
            "dar",
            "r * (1 - r) * h * dm",
            hint="m = r h: r gets the other factor, then the slope of the sigmoid.",
            slips={
                "r * (1 - r) * dm": "r multiplies h: the other factor is missing.",
                "r * (1 - r) * h * dan": "Between r and the candidate lies Un: dm.",
            },
        ),
        Step(
            "dUn",
            "m.T @ dan",
            hint="Un meets what was reset.",
            slips={"h.T @ dan": "bug: reset_forgotten_in_the_weights"},
        ),
        Step(
            "dh",
            "z * dy + r * dm + dar @ Ur.T + daz @ Uz.T",
            hint="h is used four times: kept, reset, and by the two gates.",
            parts={
                "z * dy": "what was kept",
                "r * dm": "what was reset and read by the candidate",
                "dar @ Ur.T": "the reset gate",
                "daz @ Uz.T": "the update gate",
            },
            slips={
                "r * dm + dar @ Ur.T + daz @ Uz.T": "bug: direct_path_forgotten",
                "(1 - z) * dy + r * dm + dar @ Ur.T + daz @ Uz.T": "h is kept by z; "
                "1 - z is the candidate's.",
                "z * dy + dm + dar @ Ur.T + daz @ Uz.T": "The candidate read r h: r.",
            },
        ),
    ),
)


def kept(w):
    """dh through the direct path alone, over n steps with an update gate of z."""
    d = torch.ones(1, 1).double()
    one = torch.zeros(1, 1).double()
    b = torch.stack([0 * w.z, (w.z / (1 - w.z)).log(), 0 * w.z])
    U = torch.zeros(1, 3).double()
    for _ in range(int(w.n)):
        _, cache = ops.gru_cell(one, one, U, U, b)
        d = ops.gru_cell_backward(d, cache)[1]
    return d


def weights(n_in, H):
    """How many numbers the gradients of both matrices have."""
    x, h = torch.ones(1, n_in), torch.ones(1, H)
    W, U, b = (torch.ones(*n, 3 * H) for n in ((n_in,), (H,), ()))
    _, cache = ops.gru_cell(x, h, W, U, b)
    _, _, dW, dU, _ = ops.gru_cell_backward(h, cache)
    return dW.numel() + dU.numel()


gru_recall = Derivation(
    title="gates",
    lengths={"n": (3, 2), "H": (30, 7), "I": (10, 4)},
    constants={"z": 0.9},
    steps=(
        Step(
            ask="All weights are zero and every update gate stands at `z`. What is "
            "left "
            "of a gradient of 1, n steps back?",
            right="z**n",
            hint="Only the direct path is left.",
            slips={"(1 - z)**n": "z keeps.", "n * z": "Each step multiplies."},
            proof=kept,
        ),
        Step(
            ask="How many weights, without biases, has a GRU of H units and I inputs?",
            right="3 * H * (I + H)",
            hint="Two gates and a candidate, each with a W and a U.",
            slips={
                "2 * H * (I + H)": "The candidate has weights too.",
                "4 * H * (I + H)": "Four is an LSTM.",
            },
            proof=lambda w: weights(int(w.I), int(w.H)),
        ),
    ),
)

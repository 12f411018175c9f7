"""Two steps of a recurrent net: gradients that come back in time."""

import torch
from derivation import Derivation, Step

from charlm import ops


def two_steps(w, backward=ops.rnn_cell_backward):
    h1, c1 = ops.rnn_cell(w.x1, w.h0, w.W, w.U, w.b)
    h2, c2 = ops.rnn_cell(w.x2, h1, w.W, w.U, w.b)
    _, dh1, dW2, dU2, db2 = backward(w.dh2, c2)
    dx1, dh0, dW1, dU1, db1 = backward(dh1, c1)
    found = {"h2": h2, "dh1": dh1, "dx1": dx1, "dh0": dh0}
    return found | {"dW": dW1 + dW2, "dU": dU1 + dU2, "db": db1 + db2}


rnn_two_steps = Derivation(
    title="two steps back in time",
    lengths={"B": (4, 5), "I": (2, 4), "H": (3, 2)},
    inputs={
        "x1": "B I",
        "x2": "B I",
        "h0": "B H",
        "W": "I H",
        "U": "H H",
        "b": "H",
        "dh2": "B H",
    },
    forward={
        "a1": "x1 @ W + h0 @ U + b",
        "h1": "tanh(a1)",
        "a2": "x2 @ W + h1 @ U + b",
        "h2": "tanh(a2)",
    },
    package=two_steps,
    axes=(0,),
    steps=(
        Step(
            "da2",
            "(1 - h2**2) * dh2",
            hint="The slope of tanh, from its output.",
            slips={
                "(1 - h1**2) * dh2": "The slope of the second tanh is taken at its own "
                "output, h2.",
                "(1 - h2) * dh2": "The output is squared.",
                "(1 - h2)**2 * dh2": "h2 alone is squared: 1 - h2**2.",
                "h2 * (1 - h2) * dh2": "That is the slope of the sigmoid.",
            },
        ),
        Step(
            "dh1",
            "da2 @ U.T",
            hint="h1 came in by the product with U.",
            slips={
                "da2 @ U": "bug: recurrent_matrix_not_transposed",
                "dh2 @ U.T": "bug: slope_of_tanh_forgotten",
                "0 * h1": "bug: past_forgotten",
                "da2 @ U.T + dh2": "Here no loss reads h1 itself: what comes back "
                "through the second step is all.",
                "dh2 @ U.T * (1 - h2**2)": "Going back, the tanh comes first and "
                "then U.",
            },
        ),
        Step("da1", "(1 - h1**2) * dh1", hint="The same, a step earlier."),
        Step(
            "dU",
            "h0.T @ da1 + h1.T @ da2",
            hint="U was used at both times, each time with the state that came in.",
            parts={
                "h0.T @ da1": "the first step's share",
                "h1.T @ da2": "the second step's share",
            },
            slips={
                "h1.T @ da2": "What is there is right; U was used in the first step "
                "too.",
                "h1.T @ da1 + h2.T @ da2": "U meets the state that came in, not the "
                "one "
                "that went out.",
                "h0.T @ dh1 + h1.T @ dh2": "U stands before the tanh: it gets da, "
                "not dh.",
                "h1.T @ da1 + h0.T @ da2": "Each state meets the step it came into: "
                "h0 the first, h1 the second.",
                "(h0 + h1).T @ (da1 + da2)": "Each step has its own product; only the "
                "products are added.",
            },
        ),
        Step(
            "dW",
            "x1.T @ da1 + x2.T @ da2",
            hint="As U, with the inputs.",
            parts={
                "x1.T @ da1": "the first step's share",
                "x2.T @ da2": "the second step's share",
            },
            slips={
                "(x1.T @ da1 + x2.T @ da2) / 2": "Uses add up; they are not averaged.",
                "x1.T @ dh1 + x2.T @ dh2": "W stands before the tanh: it gets da, "
                "not dh.",
                "x2.T @ da1 + x1.T @ da2": "Each input meets the gradient of its own "
                "step.",
                "(x1 + x2).T @ (da1 + da2)": "Each step has its own product; only the "
                "products are added.",
            },
        ),
        Step(
            "db",
            "sum(da1 + da2)",
            hint="One bias for all rows and both times.",
            slips={
                "sum(da2)": "The first step used it too.",
                "sum(dh1 + dh2)": "b stands before the tanh: it gets da, not dh.",
            },
        ),
    ),
)


def lag(w):
    """The gradient of h0 after n steps of a linear unit with weight u."""
    d, u = torch.ones(1, 1).double(), w.u.reshape(1, 1).double()
    zero, none = torch.zeros(1, 1).double(), torch.zeros(1).double()
    for _ in range(int(w.n)):
        _, cache = ops.rnn_cell(zero, zero, zero, u, none)
        d = ops.rnn_cell_backward(d, cache)[1]
    return d


rnn_recall = Derivation(
    title="how far a gradient goes",
    lengths={"n": (6, 4)},
    inputs={"u": ""},
    steps=(
        Step(
            ask="One unit, always at state 0, with recurrent weight `u`. What becomes "
            "of a gradient of 1, `n` steps back?",
            right="u**n",
            hint="At 0 the slope of tanh is one: each step multiplies by u.",
            slips={"n * u": "Each step multiplies.", "u": "n steps, n factors."},
            proof=lag,
        ),
        Step(
            ask="A unit's state is 0.9. By what does its tanh multiply a gradient?",
            right="0.19",
            hint="1 - h².",
            slips={
                "0.1": "The state is squared.",
                "0.81": "1 less that.",
                "1 - tanh(0.9)**2": "The state has been through the tanh already.",
            },
            proof=lambda w: ops.tanh_backward(ONE, (0.9 * ONE,)),
        ),
    ),
)

ONE = torch.ones((), dtype=torch.float64)

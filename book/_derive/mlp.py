"""The multilayer perceptron, from the scores down to the table of embeddings."""

import torch
from derivation import Derivation, Step

from charlm import ops

ONE = torch.ones(()).double()


def mlp(w, backward=ops.tanh_backward):
    e, c_emb = ops.embedding(w.X.argmax(1), w.C)
    a, c_in = ops.linear(e, w.W1, w.b1)
    h, c_tanh = ops.tanh(a)
    z, c_out = ops.linear(h, w.W2, w.b2)
    dh, dW2, db2 = ops.linear_backward(w.dz, c_out)
    da = backward(dh, c_tanh)
    de, dW1, db1 = ops.linear_backward(da, c_in)
    dC = ops.embedding_backward(de, c_emb)
    found = {"z": z, "dh": dh, "dW2": dW2, "db2": db2, "da": da, "de": de}
    return found | {"dW1": dW1, "db1": db1, "dC": dC}


mlp_backward = Derivation(
    title="from the scores down to the embeddings",
    lengths={"N": (5, 4), "V": (4, 5), "E": (2, 3), "H": (3, 2)},
    inputs={
        "X": "onehot: N V",
        "C": "V E",
        "W1": "E H",
        "b1": "H",
        "W2": "H V",
        "b2": "V",
        "dz": "N V",
    },
    forward={"e": "X @ C", "a": "e @ W1 + b1", "h": "tanh(a)", "z": "h @ W2 + b2"},
    package=mlp,
    axes=(0,),
    steps=(
        Step(
            "dh",
            "dz @ W2.T",
            hint="(N, V) times what gives (N, H)?",
            slips={
                "(1 - h**2) * (dz @ W2.T)": "That is a step too far: tanh comes next.",
            },
        ),
        Step(
            "dW2",
            "h.T @ dz",
            hint="A sum over rows: (H, N) times (N, V).",
            slips={
                "a.T @ dz": "The layer reads h, after the tanh, not a.",
                "h.T @ dz / N": "The mean of the loss has divided by N already, in dz.",
            },
        ),
        Step(
            "da",
            "(1 - h**2) * dh",
            hint="The slope of tanh, from its output.",
            slips={
                "(1 - h) * dh": "bug: square_forgotten",
                "(1 - tanh(h)**2) * dh": "bug: output_taken_for_input",
                "(1 - a**2) * dh": "1 - tanh² a, and tanh a is h: the slope is taken "
                "from the output.",
                "tanh(a) * dh": "That multiplies by the value; the slope is 1 - h².",
            },
            also=("dh - h * h * dh", "(1 - tanh(a)**2) * dh"),
        ),
        Step(
            "db1",
            "sum(da)",
            hint="One bias serves all rows.",
            slips={"sum(dh)": "The bias stands before the tanh: its gradient is of a."},
        ),
        Step("de", "da @ W1.T", hint="As dh, one layer lower."),
        Step(
            "dC",
            "X.T @ de",
            hint="X picks rows of C: the same product that picks them, turned round, "
            "adds up what came to each.",
            slips={"X.T @ e": "The gradient of what was picked is de, not e."},
            why="Symbols that occur twice get both shares.",
        ),
    ),
)


def net(w):
    """Sizes of the lectures' net with given ones."""
    E, H, V, T = (int(n) for n in (w.E, w.H, w.V, w.T))
    shapes = [(V, E), (T * E, H), (H,), (H, V), (V,)]
    return sum(torch.empty(shape).numel() for shape in shapes)


def repeated(w):
    """The gradient of a row that was read n times, for ones."""
    n = int(w.n)
    _, cache = ops.embedding(torch.zeros(n).long(), torch.ones(3, 2))
    return ops.embedding_backward(torch.ones(n, 2), cache)[0, 0]


mlp_recall = Derivation(
    title="sizes and shares",
    lengths={"V": (27, 11), "E": (10, 4), "T": (3, 5), "H": (200, 30), "n": (4, 7)},
    steps=(
        Step(
            ask="V symbols, E numbers for each, T of them as context, H hidden units. "
            "How many parameters has the net, biases included?",
            right="V*E + T*E*H + H + H*V + V",
            hint="Table, first weights, first bias, second weights, second bias.",
            slips={
                "V*E + E*H + H + H*V + V": "The hidden layer reads T embeddings.",
                "V*E + T*E*H + H*V": "The biases are missing.",
            },
            proof=net,
        ),
        Step(
            ask="A symbol occurs n times in a batch, and each occurrence sends back "
            "ones. What is each number of its row of dC?",
            right="n",
            hint="Used n times.",
            slips={"1": "Contributions add up; `dC[ix] += de` would keep one of them."},
            proof=repeated,
        ),
        Step(
            ask="The slope of tanh where its output is 0.6?",
            right="0.64",
            hint="1 - h².",
            slips={"0.4": "1 minus the square of the output."},
            proof=lambda w: ops.tanh_backward(ONE, (ONE * 0.6,)),
        ),
    ),
)

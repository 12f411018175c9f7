"""A linear map, a bias that is copied, and a mean."""

import torch
from derivation import Derivation, Step

from charlm import ops


def linear(w, backward=ops.linear_backward):
    a, c_linear = ops.linear(w.x, w.W, w.b)
    y, c_mean = ops.mean_over(a * a, 0)
    da = 2 * a * ops.mean_over_backward(w.dy, c_mean)
    dx, dW, db = backward(da, c_linear)
    return {"y": y, "da": da, "dx": dx, "dW": dW, "db": db}


tensor_linear = Derivation(
    title="a linear map and the mean of its squares",
    lengths={"N": (4, 5), "I": (3, 2), "O": (2, 3)},
    inputs={"x": "N I", "W": "I O", "b": "O", "dy": "O"},
    forward={"a": "x @ W + b", "y": "mean(a**2, 0)"},
    package=linear,
    axes=(0,),
    steps=(
        Step(
            "da",
            "2 * a * dy / N",
            hint="A mean sends 1/N of its gradient to each row; a square sends 2a.",
            slips={
                "2 * a * dy": "The mean divides by N: each row gets 1/N.",
                "a * dy / N": "The derivative of a² is 2a.",
                "2 * dy / N": "The derivative of a² is 2a: where is a?",
                "2 * sum(a) * dy / N": "Every row has a gradient of its own: no sum.",
            },
        ),
        Step(
            "dx",
            "da @ W.T",
            hint="Shapes: (N, O) times what gives (N, I)?",
        ),
        Step(
            "dW",
            "x.T @ da",
            hint="W is used by every row: a product that sums over rows, (I, N) by "
            "(N, O).",
            slips={
                "da.T @ x": "bug: weights_transposed",
                "x.T @ da / N": "The mean has divided by N already, in da.",
                "x.T @ a": "The gradient that arrives is da, not a.",
            },
        ),
        Step(
            "db",
            "sum(da)",
            hint="b was copied to every row; the backward of a copy is a sum.",
            slips={
                "mean(da)": "bug: bias_averaged",
                "da": "b was copied to every row: add the copies up.",
                "sum(da, 1)": "Summed over the features; the copies are the rows.",
            },
            why="Copy and sum are each other's backward.",
        ),
    ),
)

tensor_gradients_recall = Derivation(
    title="shapes, copies, sums",
    lengths={"N": (32, 5), "I": (10, 7), "O": (20, 3)},
    steps=(
        Step(
            ask="`y = x @ W` with x (N, I) and W (I, O). How many numbers has dW?",
            right="I * O",
            hint="A gradient has the shape of what it belongs to.",
            slips={
                "N * O": "That is the size of dy.",
                "N * I * O": "The rows are summed over.",
            },
            proof=lambda w: shapes(w)[1].numel(),
        ),
        Step(
            ask="b (O) is added to all N rows, and dy is all ones. What is each number "
            "of db?",
            right="N",
            hint="One share from every row.",
            slips={"1": "One from *each* row.", "1 / N": "A sum, not a mean."},
            proof=lambda w: shapes(w)[2][0],
        ),
        Step(
            ask="`y = x.mean(0)` and dy is all ones. What is each number of dx?",
            right="1 / N",
            hint="Moving one row by 1 moves the mean by how much?",
            slips={"1": "That is for a sum."},
            proof=lambda w: mean(w)[0, 0],
        ),
    ),
)


def shapes(w):
    N, I, O = (int(n) for n in (w.N, w.I, w.O))  # noqa: E741
    y, cache = ops.linear(torch.ones(N, I), torch.ones(I, O), torch.ones(O))
    return ops.linear_backward(torch.ones_like(y), cache)


def mean(w):
    y, cache = ops.mean_over(torch.ones(int(w.N), 2).double(), 0)
    return ops.mean_over_backward(torch.ones_like(y), cache)

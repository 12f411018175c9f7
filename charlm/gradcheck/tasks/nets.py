"""A net in other weights, and the gradient of a batch in two parts."""

from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task


def _two_parts(g: Generator) -> Draws:
    for label, first, last in (("64 and 32 rows", 64, 32), ("one row last", 5, 1)):
        yield label, (randn(g, 4, 3), randn(g, 4, 3), first, last)


@task(
    _two_parts,
    "gradient",
    slips={
        "it is the plain mean of the two: a row of the small part counts for more": (
            lambda first, last, n, m: (first + last) / 2
        ),
        "it is the sum of the two, as if the loss were a sum over rows": (
            lambda first, last, n, m: first + last
        ),
        "it is not divided by the number of all rows": (
            lambda first, last, n, m: n * first + m * last
        ),
        "each part has the number of rows of the other part": (
            lambda first, last, n, m: (m * first + n * last) / (n + m)
        ),
        "each part is divided by its number of rows once more": (
            lambda first, last, n, m: first / n + last / m
        ),
    },
)
def mean_of_parts(first: Tensor, last: Tensor, n_first: int, n_last: int) -> Tensor:
    """Gradients (...) of the means over two parts  ->  that of the mean over both."""
    return (n_first * first + n_last * last) / (n_first + n_last)


Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def _weights(g: Generator) -> Draws:
    for label, n, H, V in (("five, four, three", 5, 4, 3), ("one unit", 2, 1, 1)):
        yield label, (randn(g, n, H), randn(g, H), randn(g, H, V), randn(g, V))


@task(
    _weights,
    "W1",
    "b1",
    "W2",
    "b2",
    slips={
        "it goes the other way, from tanh to sigmoid: twice, not half": (
            lambda W1, b1, W2, b2: (2 * W1, 2 * b1, 2 * W2, b2 - W2.sum(0))
        ),
        "the constant 1/2 of every unit is left out; it is due in b2": (
            lambda W1, b1, W2, b2: (W1 / 2, b1 / 2, W2 / 2, b2)
        ),
        "every unit adds 1/2, times its weights: half of the sum of W2": (
            lambda W1, b1, W2, b2: (W1 / 2, b1 / 2, W2 / 2, b2 + W2.sum(0))
        ),
        "every unit adds its constant: sum over the units, the first axis of W2": (
            lambda W1, b1, W2, b2: (W1 / 2, b1 / 2, W2 / 2, b2 + 0.5)
        ),
    },
)
def sigmoid_as_tanh(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Weights:
    """Weights of a sigmoid net  ->  those of the same net with tanh, in that order."""
    return W1 / 2, b1 / 2, W2 / 2, b2 + W2.sum(0) / 2

"""Batch normalisation: from the output back to the input, one column at a time."""

import torch
from derivation import Derivation, Step

from charlm import ops


def batchnorm(w, backward=ops.batchnorm_backward):
    y, cache = ops.batchnorm(w.x, w.gamma, w.beta, w.eps.item())
    dx, dgamma, dbeta = backward(w.dy, cache)
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


LAYER = {
    "lengths": {"N": (5, 4), "C": (3, 2)},
    "constants": {"eps": 0.25},
    "inputs": {"x": "N C", "gamma": "C", "beta": "C", "dy": "N C"},
    "forward": {
        "mu": "mean(x)",
        "c": "x - mu",
        "v": "mean(c**2)",
        "s": "(v + eps)**(-1/2)",
        "xhat": "c * s",
        "y": "gamma * xhat + beta",
    },
    "package": batchnorm,
    "axes": (0,),
}

batchnorm_steps = Derivation(
    title="batch normalisation, one step at a time",
    **LAYER,
    steps=(
        Step(
            "dxhat",
            "gamma * dy",
            hint="y = γ x̂ + β, element by element: what multiplies x̂?",
            slips={
                "xhat * dy": "That goes to γ: to x̂ goes what multiplies it.",
            },
        ),
        Step(
            "ds",
            "sum(dxhat * c)",
            hint="s serves every row of its column: what happens to the rows?",
            slips={
                "dxhat * c": "One s serves all rows: their shares are added up.",
                "sum(dxhat * xhat)": "x̂ = c s: the derivative with respect to s is c, "
                "not x̂, which has been scaled already.",
            },
            also=("sum(dxhat * c, axis=0)", "(dxhat * c).sum(0)"),
        ),
        Step(
            "dv",
            "-1/2 * s**3 * ds",
            hint="The power rule: s = (v + ε)^(-1/2), and (v + ε)^(-3/2) is s³.",
            slips={
                "-1/2 * s * ds": "The power falls by one: (v + ε)^(-3/2) is s³, not s.",
                "1/2 * s**3 * ds": "The exponent -1/2 comes down with its sign.",
                "-s**3 * ds": "The exponent comes down: where is 1/2?",
                "-1/2 * v**(-3/2) * ds": "ε stands under the root too.",
                "-3/2 * s**3 * ds": "The exponent that comes down is the old one, "
                "-1/2.",
            },
            also=("-0.5 * (v + eps)**(-1.5) * ds",),
        ),
        Step(
            "dc",
            "s * dxhat + 2 * c / N * dv",
            hint="c is used twice: scaled by s, and squared in the variance.",
            parts={
                "s * dxhat": "the direct path",
                "2 * c / N * dv": "the path through the variance",
            },
            slips={
                "s * dxhat + 2 * c * dv": "The variance is a mean: where is 1/N?",
                "s * dxhat + c / N * dv": "The derivative of c² is 2c.",
                "s * dxhat + 2 * dv / N": "The derivative of c² is 2c: where is c?",
                "s * dxhat": "What is there is right, but c is used twice: it is in "
                "v too. (If you have summed over c there: that is zero. Each c has "
                "its own share.)",
            },
            also=("dxhat * s + dv * 2 / N * c",),
        ),
        Step(
            "dmu",
            "-sum(dc)",
            hint="The same μ is subtracted from every row.",
            slips={
                "-dc": "The same μ is subtracted from every row: add up.",
                "-mean(dc)": "Subtracted from every row, so the sum, not the mean; the "
                "mean comes when μ goes back to x.",
            },
        ),
        Step(
            "dx",
            "dc + dmu / N",
            hint="x is used twice: directly, and in the mean, with 1/N.",
            parts={"dc": "the direct path", "dmu / N": "the path through the mean"},
            slips={
                "dc + dmu": "The mean divides by N, and so does its gradient.",
                "dc": "What is there is right, but x is used twice: it is in μ too.",
                "dc - dmu / N": "dμ has its minus already.",
            },
            also=("dc - mean(dc)", "dc - sum(dc) / N"),
            why="Two forks, two sums of two terms.",
        ),
    ),
)

batchnorm_closed = Derivation(
    title="batch normalisation in one line",
    **LAYER,
    seed=2,
    steps=(
        Step(
            "dgamma",
            "sum(dy * xhat)",
            hint="y = γ x̂ + β, and γ serves every row.",
            slips={
                "dy * xhat": "γ serves every row: add up.",
                "sum(dy * x)": "γ multiplies x̂, which is x after it was normalised.",
                "mean(dy * xhat)": "Used in every row, so the sum; a mean would make "
                "the step depend on the number of rows.",
            },
        ),
        Step(
            "dbeta",
            "sum(dy)",
            hint="β is added to every row.",
            slips={"mean(dy)": "Added to every row, so the sum over rows."},
        ),
        Step(
            "dxhat",
            "gamma * dy",
            hint="What multiplies x̂?",
        ),
        Step(
            "dx",
            "s * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))",
            hint="Take away the mean of dx̂, and its part along x̂; then scale by s.",
            parts={
                "s * dxhat": "the direct path",
                "-s * mean(dxhat)": "the path through the mean",
                "-s * xhat * mean(dxhat * xhat)": "the path through the variance",
            },
            slips={
                "s * dxhat": "bug: statistics_constant",
                "s * (dxhat - xhat * mean(dxhat * xhat))": "bug: mean_path_dropped",
                "s * (dxhat - mean(dxhat))": "bug: variance_path_dropped",
                "s * (dxhat - mean(dxhat) - mean(dxhat * xhat))": "The last term has "
                "lost its x̂: how much each row moves the variance depends on the row.",
                "s * (dxhat - mean(dxhat) - xhat * sum(dxhat * xhat))": "Both averages "
                "are means: the last one is not divided by N.",
                "s * (dxhat - sum(dxhat) - xhat * sum(dxhat * xhat))": "Sums where "
                "there have to be means: where is 1/N?",
                "s * (dxhat - mean(dxhat) - xhat * sum(dxhat * xhat) / (N-1))": "N - 1 "
                "goes with Bessel's correction; this forward divides by N.",
                "dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)": "The projections "
                "are right; what does x̂ = c s still do to them?",
                "s * (dxhat - mean(dxhat, 1) - xhat * mean(dxhat * xhat, 1))": "The "
                "means run over the features of a row, as in layer normalisation; "
                "here they run over the rows.",
            },
            also=(
                "s/N * (N*dxhat - sum(dxhat, axis=0) - xhat * sum(dxhat*xhat, axis=0))",
                "s * dxhat - s*dxhat.mean(0) - s * xhat * (dxhat*xhat).mean(0)",
                "gamma * s * (dy - dbeta / N - xhat / N * dgamma)",
            ),
            why="The gradient loses its mean and its part along x̂.",
        ),
    ),
)


def rows(w):
    """Sums of the gradient of one column, by itself and with x-hat."""
    g = torch.Generator().manual_seed(1)
    x, dy = torch.randn(2, 6, 1, generator=g, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    _, cache = ops.batchnorm(x, one, 0 * one, 0.0)
    dx = ops.batchnorm_backward(dy, cache)[0]
    return dx.sum().round(decimals=12), (dx * cache[0]).sum().round(decimals=12)


def of_two(w):
    x, dy = torch.tensor([[[1.0], [4.0]], [[2.0], [-5.0]]], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    _, cache = ops.batchnorm(x, one, 0 * one, 0.0)
    return ops.batchnorm_backward(dy, cache)[0][0, 0].round(decimals=12)


batchnorm_recall = Derivation(
    title="two directions that are gone",
    steps=(
        Step(
            ask="What do the gradients of one column of x sum to?",
            right="0",
            hint="Moving all rows alike changes nothing.",
            proof=lambda w: rows(w)[0],
        ),
        Step(
            ask="And multiplied by x̂ first (no ε)?",
            right="0",
            hint="Spreading the rows wider changes nothing.",
            proof=lambda w: rows(w)[1],
        ),
        Step(
            ask="A batch of two rows, no ε. What is the gradient of x?",
            right="0",
            hint="Two rows, two directions, both taken away.",
            slips={"1": "x̂ is ±1 whatever x is: nothing moves it."},
            proof=of_two,
        ),
    ),
)

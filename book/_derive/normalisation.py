"""Layer and RMS normalisation: statistics of a row over its own features."""

import torch
from derivation import Derivation, Step

from charlm import ops


def layernorm(w, backward=ops.layernorm_backward):
    y, cache = ops.layernorm(w.x, w.gamma, w.beta, w.eps.item())
    dx, dgamma, dbeta = backward(w.dy, cache)
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def rmsnorm(w, backward=ops.rmsnorm_backward):
    y, cache = ops.rmsnorm(w.x, w.gamma, w.eps.item())
    dx, dgamma = backward(w.dy, cache)
    return {"y": y, "dx": dx, "dgamma": dgamma}


SIZES = {"N": (3, 2), "C": (4, 5)}

normalisation_layer = Derivation(
    title="layer normalisation",
    lengths=SIZES,
    constants={"eps": 0.25},
    inputs={"x": "N C", "gamma": "C", "beta": "C", "dy": "N C"},
    forward={
        "c": "x - mean(x)",
        "s": "(mean(c**2) + eps)**(-1/2)",
        "xhat": "c * s",
        "y": "gamma * xhat + beta",
    },
    package=layernorm,
    axes=(1,),
    steps=(
        Step(
            "dgamma",
            "sum(dy * xhat, 0)",
            hint="One gain for every feature, used by all rows: which axis is summed?",
            slips={
                "sum(dy * xhat)": "Summed along the row; the gain is shared by the "
                "rows, so the sum runs over them.",
                "dy * xhat": "All rows use the same gain: add up over rows.",
            },
        ),
        Step(
            "dxhat",
            "gamma * dy",
            hint="What multiplies x̂?",
        ),
        Step(
            "dx",
            "s * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))",
            hint="Take away the mean along the row, and the part along x̂; scale by s.",
            parts={
                "s * dxhat": "the direct path",
                "-s * mean(dxhat)": "the path through the mean",
                "-s * xhat * mean(dxhat * xhat)": "the path through the variance",
            },
            slips={
                "gamma * s * (dy - mean(dy) - xhat * mean(dy * xhat))": "bug: "
                "gain_outside",
                "s * (dxhat - mean(dxhat, 0) - xhat * mean(dxhat * xhat, 0))": "bug: "
                "averaged_over_rows",
                "s * (dxhat - xhat * mean(dxhat * xhat))": "That is RMS normalisation: "
                "here the forward takes the mean away, so the backward does too.",
                "s * (dxhat - mean(dxhat) - mean(dxhat * xhat))": "The last term has "
                "lost its x̂.",
                "s * dxhat": "Mean and deviation are no constants: they move with x.",
            },
            also=("s/C * (C*dxhat - dxhat.sum(1) - xhat * (dxhat * xhat).sum(1))",),
        ),
    ),
)

normalisation_rms = Derivation(
    title="RMS normalisation",
    lengths=SIZES,
    constants={"eps": 0.25},
    inputs={"x": "N C", "gamma": "C", "dy": "N C"},
    forward={"r": "(mean(x**2) + eps)**(-1/2)", "xhat": "x * r", "y": "gamma * xhat"},
    package=rmsnorm,
    axes=(1,),
    seed=2,
    steps=(
        Step("dxhat", "gamma * dy", hint="What multiplies x̂?"),
        Step(
            "dr",
            "sum(dxhat * x)",
            hint="One r scales the whole row.",
            slips={
                "dxhat * x": "One r scales the whole row: add up along it.",
                "sum(dxhat * xhat)": "x̂ = x r: r multiplies x, not x̂.",
            },
        ),
        Step(
            "dx",
            "r * dxhat - r**3 * x / C * dr",
            hint="x is used twice: scaled by r, and squared in the mean.",
            parts={
                "r * dxhat": "the direct path",
                "-r**3 * x / C * dr": "the path through the root mean square",
            },
            slips={
                "r * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))": "bug: "
                "mean_taken_away",
                "r * dxhat - r**3 * x * dr": "The mean of squares divides by C.",
                "r * dxhat - r**3 * 2 * x / C * dr": "The 2 of the square meets the "
                "1/2 of the root.",
                "r * dxhat + r**3 * x / C * dr": "The exponent -1/2 brings a minus.",
                "r * dxhat - r * x / C * dr": "The exponent falls from -1/2 to -3/2: "
                "r³.",
            },
            also=("r * (dxhat - xhat * mean(dxhat * xhat))",),
        ),
    ),
)


def through(pair):
    """The gradient of x, for random numbers, eps zero."""
    g = torch.Generator().manual_seed(3)
    x, dy = torch.randn(2, 5, 4, generator=g).double()
    one = torch.ones(4).double()
    options = (one, one, 0.0) if pair == "layernorm" else (one, 0.0)
    y, cache = getattr(ops, pair)(x, *options)
    return x, getattr(ops, f"{pair}_backward")(dy, cache)[0]


normalisation_recall = Derivation(
    title="what a layer ignores, its gradient lacks",
    steps=(
        Step(
            ask="Layer normalisation: what do the gradients of one row of x sum to?",
            right="0",
            hint="Adding a constant to a row changes nothing.",
            proof=lambda w: through("layernorm")[1].sum(1)[0].round(decimals=12),
        ),
        Step(
            ask="RMS normalisation without eps: the dot product of a row of x with its "
            "gradient?",
            right="0",
            hint="Scaling a row changes nothing.",
            proof=lambda w: torch.mul(*through("rmsnorm")).sum(1)[0].round(decimals=12),
        ),
        Step(
            ask="A row is doubled before layer normalisation (no eps). By what factor "
            "does its gradient change?",
            right="1/2",
            hint="s is one over the deviation.",
            slips={
                "1": "The output stays, but x moves it half as much.",
                "2": "s halves.",
            },
            proof=lambda w: doubled(),
        ),
    ),
)


def doubled():
    g = torch.Generator().manual_seed(3)
    x, dy = torch.randn(2, 1, 4, generator=g).double()
    one = torch.ones(4).double()
    first, second = (
        ops.layernorm_backward(dy, ops.layernorm(k * x, one, one, 0.0)[1])[0]
        for k in (1, 2)
    )
    return (second / first)[0, 0]

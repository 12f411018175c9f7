"""Drawing symbols, and what can be said of the draws."""

import math

import torch
from torch import Generator, Tensor

from ..cases.draw import randn
from .task import Draws, task


def _coins(g: Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=g, dtype=torch.float64).clamp_min(1e-300)


def _races(g: Generator) -> Draws:
    for label, heat in (("cool", 0.5), ("warm", 2.0)):
        yield (
            label,
            (2 * randn(g, 60, 5), _coins(g, 60, 5), torch.tensor(heat).double()),
        )


def _first(z: Tensor, noise: Tensor) -> Tensor:
    return (z + noise).argmax(-1)


@task(
    _races,
    "winner",
    slips={
        "the noise has the wrong sign": lambda z, u, h: _first(z, h * (-u.log()).log()),
        "one logarithm of the noise is missing": lambda z, u, h: _first(
            z, -h * u.log()
        ),
        "the noise is divided by the temperature; it grows with it": (
            lambda z, u, h: _first(z, -(-u.log()).log() / h)
        ),
        "the least is taken; the largest wins": (
            lambda z, u, h: (z - h * (-u.log()).log()).argmin(-1)
        ),
        "nothing is added to the logits": lambda z, u, h: z.argmax(-1),
    },
)
def gumbel_race(z: Tensor, u: Tensor, heat: Tensor) -> Tensor:
    """Logits z (N, V), u (N, V) between 0 and 1, heat ()  ->  winners (N)."""
    return _first(z, -heat * (-u.log()).log())


def _given(g: Generator) -> Draws:
    p = randn(g, 6).softmax(-1)
    yield "six symbols", (p, _coins(g, 200))
    yield (
        "one that never comes",
        (torch.tensor([0.3, 0.0, 0.7]).double(), _coins(g, 50)),
    )


@task(
    _given,
    "symbols",
    slips={
        "every symbol is one too large": lambda p, u: _place(p, u) + 1,
        "the sum leaves out the symbol itself: the first comes twice as often": (
            lambda p, u: ((p.cumsum(0) - p)[:, None] < u).sum(0).sub(2).clamp_min(0)
        ),
        "u is compared with the probabilities; it has to be with their running sums": (
            lambda p, u: (p[:, None] <= u).sum(0)
        ),
    },
)
def by_inverting(p: Tensor, u: Tensor) -> Tensor:
    """Probabilities p (V), u (n) between 0 and 1  ->  symbols (n)."""
    return _place(p, u)


def _place(p: Tensor, u: Tensor) -> Tensor:
    return (p.cumsum(0)[:, None] <= u).sum(0).clamp_max(len(p) - 1)


def _starters(g: Generator) -> Draws:
    for label, n in (("all", 6), ("three", 3), ("one", 1)):
        yield label, (2 * randn(g, 40, 6), -_coins(g, 40, 6).log(), n)


def _arrivals(p: Tensor, n: int) -> Tensor:
    return p.topk(n, -1).indices


@task(
    _starters,
    "symbols",
    slips={
        "the last to arrive come first: the winner has the largest p / xi": (
            lambda z, xi, n: _arrivals(xi / z.softmax(-1), n)
        ),
        "the likeliest are taken, whatever is drawn": lambda z, xi, n: _arrivals(z, n),
        "the probabilities are left out: all are equally fast": (
            lambda z, xi, n: _arrivals(-xi, n)
        ),
        "p times xi is compared; it is p / xi": (
            lambda z, xi, n: _arrivals(z.softmax(-1) * xi, n)
        ),
    },
)
def by_one_race(z: Tensor, xi: Tensor, n: int) -> Tensor:
    """Logits z (N, V), exponential xi (N, V)  ->  the first n to arrive (N, n)."""
    return _arrivals(z.softmax(-1) / xi, n)


def _cuts(g: Generator) -> Draws:
    for label, r, heat in (("plain", 0.1, 1.0), ("warm", 0.2, 3.0), ("one", 1.0, 2.0)):
        numbers = (torch.tensor(x, dtype=torch.float64) for x in (r, heat))
        yield label, (2 * randn(g, 40, 6), *numbers)


@task(
    _cuts,
    "kept",
    slips={
        "the temperature is left out: log p is (z - max z) / tau": (
            lambda z, r, h: z >= z.amax(-1, keepdim=True) + r.log()
        ),
        "the logits are divided by the temperature, and the threshold multiplied too": (
            lambda z, r, h: z / h >= z.amax(-1, keepdim=True) / h + h * r.log()
        ),
        "r is compared with the probability itself, not with a share of the largest": (
            lambda z, r, h: (z / h).softmax(-1) >= r
        ),
        "a symbol at the threshold has to stay": (
            lambda z, r, h: z > z.amax(-1, keepdim=True) + h * r.log()
        ),
        "this is what goes, not what stays": lambda z, r, h: ~min_p(z, r, h),
        "r itself stands where its logarithm is due": (
            lambda z, r, h: z >= z.amax(-1, keepdim=True) + h * r
        ),
        "r is a share of the largest logit, not of the largest probability": (
            lambda z, r, h: z >= z.amax(-1, keepdim=True) * r
        ),
    },
)
def min_p(z: Tensor, r: Tensor, heat: Tensor) -> Tensor:
    """Logits z (N, V), r, heat ()  ->  which stay, booleans (N, V)."""
    return z >= z.amax(-1, keepdim=True) + heat * r.log()


def _wanted(g: Generator) -> Draws:
    for label, wanted in (("low", 0.5), ("high", 3.0)):
        yield label, (randn(g, 27), torch.tensor(wanted, dtype=torch.float64))


def _entropy(z: Tensor) -> Tensor:
    logp = z.log_softmax(-1)
    return -(logp.exp() * logp).sum()


@task(
    _wanted,
    "tau",
    slips={
        "this is 1 / tau": lambda z, H: 1 / temperature_for(z, H),
        "this is the logarithm of tau": lambda z, H: temperature_for(z, H).log(),
        "the entropy is taken in bits; here it is in nats": (
            lambda z, H: temperature_for(z, H * math.log(2))
        ),
    },
)
def temperature_for(z: Tensor, wanted: Tensor) -> Tensor:
    """Logits z (V), an entropy ()  ->  the temperature () that gives it."""
    low, high = torch.tensor(-20.0).double(), torch.tensor(20.0).double()
    for _ in range(100):  # the entropy grows with log tau
        middle = (low + high) / 2
        above = _entropy(z / middle.exp()) > wanted
        low, high = (low, middle) if above else (middle, high)
    return high.exp()


def _counted(g: Generator) -> Draws:
    counts = torch.randint(4, (5,), generator=g).double()
    counts[0] += 1
    yield "five symbols", (randn(g, 5), counts, torch.tensor(0.7).double())


@task(
    _counted,
    "slope",
    slips={
        "the mean count is that of all symbols alike, not under p": (
            lambda z, c, a: c.mean() - c
        ),
        "the mean count is missing": lambda z, c, a: -c,
        "this is the slope of p_j, not of log p_j": (
            lambda z, c, a: (z - a * c).softmax(-1) * repetition_slope(z, c, a)
        ),
    },
)
def repetition_slope(z: Tensor, c: Tensor, alpha: Tensor) -> Tensor:
    """Logits z, counts c (V), the price alpha ()  ->  d log p_j / d alpha (V)."""
    return ((z - alpha * c).softmax(-1) * c).sum() - c

"""Tangents, products with a Hessian, and what is done with them."""

import torch
from torch import Generator, Tensor

from ... import ops
from ..cases.draw import randint, randn
from .task import Draws, task


def _scores(g: Generator) -> Draws:
    yield "plain", (randn(g, 4, 5), randn(g, 4, 5))
    yield "large scores", (randn(g, 3, 4), 800 + 3 * randn(g, 3, 4))


@task(
    _scores,
    "y_dot",
    slips={
        "the tangents are added up, without the probabilities": (
            lambda x_dot, x: x_dot.sum(-1)
        ),
        "this is the tangent of the probabilities": (
            lambda x_dot, x: ops.softmax_jvp(x_dot, ops.softmax(x)[1])
        ),
        "the sum over the scores is missing": lambda x_dot, x: x.softmax(-1) * x_dot,
    },
)
def logsumexp_jvp(x_dot: Tensor, x: Tensor) -> Tensor:
    """x_dot, x (N, V)  ->  y_dot (N), of y = log sum exp x."""
    return (x.softmax(-1) * x_dot).sum(-1)


def _tables(g: Generator) -> Draws:
    yield "five symbols", (randn(g, 5, 5), randn(g, 5, 5), randint(g, 5, 12))
    yield "one that never occurs", (randn(g, 4, 4), randn(g, 4, 4), randint(g, 3, 7))


def _product(
    W_dot: Tensor, W: Tensor, ix: Tensor, *, whole: bool = True, count: bool = True
) -> Tensor:
    p = W.softmax(-1)
    p_dot = p * W_dot
    if whole:
        p_dot = p_dot - p * p_dot.sum(-1, keepdim=True)
    n = torch.bincount(ix, minlength=len(W))[:, None]
    return (n if count else (n > 0)) * p_dot / len(ix)


@task(
    _tables,
    "HU",
    slips={
        "the part with p times p is missing: only diag(p) is there": (
            lambda *a: _product(*a, whole=False)
        ),
        "the sum over rows is not divided by their number": (
            lambda U, W, ix: _product(U, W, ix) * len(ix)
        ),
        "a symbol that occurs several times counts once": (
            lambda *a: _product(*a, count=False)
        ),
        "all symbols count alike, however often they occur": (
            lambda U, W, ix: _product(U, W, torch.arange(len(W))) * len(W)
        ),
    },
)
def hessian_product(U: Tensor, W: Tensor, ix: Tensor) -> Tensor:
    """U, W (V, V), symbols ix (N)  ->  the Hessian of the mean loss times U."""
    return _product(U, W, ix)


def _coins(g: Generator) -> Draws:
    for label, P, n in (("six numbers", 6, 20), ("two", 2, 5)):
        A = randn(g, P, P)
        yield label, (A + A.T, (randn(g, n, P) > 0).double() * 2 - 1)


def _drawn(H: Tensor, coins: Tensor) -> Tensor:
    return ((coins @ H) * coins).sum(1)


@task(
    _coins,
    "trace",
    "error",
    slips={
        "this is the spread of one product; that of the mean is less, by 1 / sqrt(n)": (
            lambda H, v: (_drawn(H, v).mean(), _drawn(H, v).std())
        ),
        "the products are added up; their mean is due": (
            lambda H, v: (_drawn(H, v).sum(), _drawn(H, v).std() * len(v) ** 0.5)
        ),
        "the variance is divided, and no root is taken": (
            lambda H, v: (_drawn(H, v).mean(), _drawn(H, v).var() / len(v))
        ),
    },
)
def trace_by_coins(H: Tensor, coins: Tensor) -> tuple[Tensor, Tensor]:
    """H (P, P), coins (n, P) of +1 and -1  ->  estimate of the trace, its error."""
    found = _drawn(H, coins)
    return found.mean(), found.std() / len(coins) ** 0.5


def _jacobians(g: Generator) -> Draws:
    for label, V, P in (("four symbols", 4, 6), ("two", 2, 3)):
        yield label, (randn(g, V, P), randn(g, V))


def _outer(J: Tensor, z: Tensor, weights: Tensor) -> Tensor:
    """The mean of the gradient's square over targets with these weights."""
    rows = (z.softmax(-1) - torch.eye(len(z))) @ J  # a row per target
    return rows.T @ (weights[:, None] * rows)


@task(
    _jacobians,
    "F",
    slips={
        "all targets count alike; they are drawn with the model's probabilities": (
            lambda J, z: _outer(J, z, torch.full_like(z, 1 / len(z)))
        ),
        "the targets are added up, without their probabilities": (
            lambda J, z: _outer(J, z, torch.ones_like(z))
        ),
        "the likeliest target alone is taken": (
            lambda J, z: _outer(J, z, (z == z.max()).to(z.dtype))
        ),
        "diag(p) alone stands in the middle: p p^T is missing": (
            lambda J, z: J.T @ (z.softmax(-1)[:, None] * J)
        ),
    },
)
def fisher(J: Tensor, z: Tensor) -> Tensor:
    """J (V, P) of the logits z (V)  ->  F (P, P), over targets that the model draws."""
    return _outer(J, z, z.softmax(-1))


def _norms(g: Generator) -> Draws:
    for label, n in (("five features", 5), ("two", 2)):
        x, ones = randn(g, 3, n), torch.ones(n).double()
        xhat, _, r = ops.rmsnorm(x, ones)[1]
        yield label, (randn(g, 3, n), randn(g, 3, n), randn(g, 3, n), xhat, r)


def _moved(
    dy_dot: Tensor,
    x_dot: Tensor,
    dy: Tensor,
    xhat: Tensor,
    r: Tensor,
    *,
    inverse: float = 1.0,
    scaled: float = 1.0,
) -> Tensor:
    """``inverse`` and ``scaled`` say how much r and xhat move."""

    def mean(t: Tensor) -> Tensor:
        return t.mean(-1, keepdim=True)

    r_dot = -inverse * r**2 * mean(xhat * x_dot)
    xhat_dot = scaled * r * (x_dot - xhat * mean(xhat * x_dot))
    k, k_dot = mean(dy * xhat), mean(dy_dot * xhat + dy * xhat_dot)
    return r_dot * (dy - xhat * k) + r * (dy_dot - xhat_dot * k - xhat * k_dot)


@task(
    _norms,
    "dx_dot",
    slips={
        "r is taken for a constant; it moves with x": lambda *a: _moved(*a, inverse=0),
        "xhat is taken for a constant; it moves with x": lambda *a: _moved(
            *a, scaled=0
        ),
        "the tangent of r has the wrong sign": lambda *a: _moved(*a, inverse=-1),
    },
)
def rmsnorm_second(
    dy_dot: Tensor, x_dot: Tensor, dy: Tensor, xhat: Tensor, r: Tensor
) -> Tensor:
    """dy_dot, x_dot, dy, xhat (N, E), r (N, 1)  ->  dx_dot (N, E), without a gain."""
    return _moved(dy_dot, x_dot, dy, xhat, r)

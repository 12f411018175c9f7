"""Normalisation: shift and scale by statistics, over the rows or within a row."""

from typing import Any

from torch import Tensor

Cache = tuple[Any, ...]


def batchnorm(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5, correction: int = 0
) -> tuple[Tensor, Cache]:
    """Batch normalisation with the statistics of the batch (training mode).

    x (..., C), gamma (C), beta (C), eps in [0, inf), correction in [0, inf)  ->
    y (..., C).

    Every axis but the last is a batch axis. ``correction`` is what is subtracted from
    the number of rows in the variance: 0 is the biased variance that PyTorch normalises
    with, 1 is Bessel's correction that the lectures normalise with. The last two
    entries of the cache are the batch's mean and variance (C), for running statistics.

    Raises:
        ValueError: the batch has too few rows for the variance.

    Source: Ioffe and Szegedy (2015), algorithm 1.
    """
    rows = x.reshape(-1, x.shape[-1])  # (N, C)
    if len(rows) <= correction:
        raise ValueError(
            f"batchnorm: a batch of {len(rows)} row(s) has no variance with "
            f"correction={correction}; use a larger batch, or batchnorm_eval"
        )
    mean = rows.mean(0)  # (C)
    centred = rows - mean  # (N, C)
    var = (centred * centred).sum(0) / (len(rows) - correction)  # (C)
    rstd = (var + eps).rsqrt()  # (C)
    xhat = (centred * rstd).reshape(x.shape)  # (..., C)
    y = gamma * xhat + beta  # (..., C)
    return y, (xhat, gamma, rstd, correction, mean, var)


def batchnorm_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., C)  ->  dx (..., C), dgamma (C), dbeta (C).

    Derived in eq-batchnorm-dx, eq-batchnorm-dgamma, eq-batchnorm-dbeta.
    """
    xhat, gamma, rstd, correction, _, _ = cache
    C = dy.shape[-1]
    g, xh = dy.reshape(-1, C), xhat.reshape(-1, C)  # (N, C)
    N = len(g)
    dbeta = g.sum(0)  # (C)
    dgamma = (g * xh).sum(0)  # (C)
    # gamma is the same in every row, so it leaves the two sums over rows
    dx = gamma * rstd * (g - dbeta / N - xh * dgamma / (N - correction))  # (N, C)
    return dx.reshape(dy.shape), dgamma, dbeta


def batchnorm_jvp(
    x_dot: Tensor, gamma_dot: Tensor, beta_dot: Tensor, cache: Cache
) -> Tensor:
    """x_dot (..., C), gamma_dot (C), beta_dot (C) -> y_dot (..., C) by eq-jvp-norm."""
    xhat, gamma, rstd, correction, _, _ = cache
    C = x_dot.shape[-1]
    rows_dot, xh = x_dot.reshape(-1, C), xhat.reshape(-1, C)  # (N, C)
    centred_dot = rows_dot - rows_dot.mean(0)  # (N, C)
    along = (xh * centred_dot).sum(0) / (len(xh) - correction)  # (C)
    xhat_dot = rstd * (centred_dot - xh * along)  # (N, C)
    return gamma_dot * xhat + gamma * xhat_dot.reshape(xhat.shape) + beta_dot


def batchnorm_eval(
    x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Cache]:
    """Batch normalisation with given statistics (evaluation mode).

    x (..., C), gamma (C), beta (C), mean (C), var (C), eps in [0, inf)  ->  y (..., C).

    Source: Ioffe and Szegedy (2015), algorithm 2.
    """
    rstd = (var + eps).rsqrt()  # (C)
    xhat = (x - mean) * rstd  # (..., C)
    y = gamma * xhat + beta  # (..., C)
    return y, (xhat, gamma, rstd)


def batchnorm_eval_backward(
    dy: Tensor, cache: Cache
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """dy (..., C)  ->  dx (..., C), dgamma (C), dbeta (C), dmean (C), dvar (C).

    Derived in eq-batchnorm-eval-dx, eq-batchnorm-eval-dgamma,
    eq-batchnorm-eval-dbeta, eq-batchnorm-eval-dmean, eq-batchnorm-eval-dvar. Training
    uses neither of the last two: running statistics are not learnt.
    """
    xhat, gamma, rstd = cache
    C = dy.shape[-1]
    dx = gamma * rstd * dy  # (..., C)
    g, xh = dy.reshape(-1, C), xhat.reshape(-1, C)  # (N, C)
    dbeta = g.sum(0)  # (C)
    dgamma = (g * xh).sum(0)  # (C)
    dmean = -gamma * rstd * dbeta  # (C)
    dvar = -0.5 * gamma * rstd**2 * dgamma  # (C)
    return dx, dgamma, dbeta, dmean, dvar


def batchnorm_eval_jvp(
    x_dot: Tensor,
    gamma_dot: Tensor,
    beta_dot: Tensor,
    mean_dot: Tensor,
    var_dot: Tensor,
    cache: Cache,
) -> Tensor:
    """x_dot (..., C), the others (C)  ->  y_dot (..., C) by eq-jvp-norm-eval."""
    xhat, gamma, rstd = cache
    xhat_dot = rstd * (x_dot - mean_dot) - 0.5 * xhat * rstd**2 * var_dot  # (..., C)
    return gamma_dot * xhat + gamma * xhat_dot + beta_dot  # (..., C)


def layernorm(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Cache]:
    """Layer normalisation: the statistics of each row over its own features.

    x (..., C), gamma (C), beta (C), eps in [0, inf)  ->  y (..., C). The variance is
    the biased one.

    Source: Ba, Kiros and Hinton (2016).
    """
    centred = x - x.mean(-1, keepdim=True)  # (..., C)
    var = (centred * centred).mean(-1, keepdim=True)  # (..., 1)
    rstd = (var + eps).rsqrt()  # (..., 1)
    xhat = centred * rstd  # (..., C)
    y = gamma * xhat + beta  # (..., C)
    return y, (xhat, gamma, rstd)


def layernorm_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., C)  ->  dx (..., C), dgamma (C), dbeta (C).

    Derived in eq-layernorm-dx, eq-layernorm-dgamma, eq-layernorm-dbeta.
    """
    xhat, gamma, rstd = cache
    C = dy.shape[-1]
    dbeta = dy.reshape(-1, C).sum(0)  # (C)
    dgamma = (dy * xhat).reshape(-1, C).sum(0)  # (C)
    # gamma differs along the axis that is averaged, so it stays inside the two means
    dxhat = dy * gamma  # (..., C)
    along = (dxhat * xhat).mean(-1, keepdim=True)  # (..., 1)
    dx = rstd * (dxhat - dxhat.mean(-1, keepdim=True) - xhat * along)  # (..., C)
    return dx, dgamma, dbeta


def layernorm_jvp(
    x_dot: Tensor, gamma_dot: Tensor, beta_dot: Tensor, cache: Cache
) -> Tensor:
    """x_dot (..., C), gamma_dot (C), beta_dot (C) -> y_dot (..., C) by eq-jvp-norm."""
    xhat, gamma, rstd = cache
    centred_dot = x_dot - x_dot.mean(-1, keepdim=True)  # (..., C)
    along = (xhat * centred_dot).mean(-1, keepdim=True)  # (..., 1)
    xhat_dot = rstd * (centred_dot - xhat * along)  # (..., C)
    return gamma_dot * xhat + gamma * xhat_dot + beta_dot  # (..., C)


def rmsnorm(x: Tensor, gamma: Tensor, eps: float = 1e-5) -> tuple[Tensor, Cache]:
    """Divide each row by its root mean square.

    x (..., C), gamma (C), eps in [0, inf)  ->  y (..., C).

    Source: Zhang and Sennrich (2019).
    """
    rrms = ((x * x).mean(-1, keepdim=True) + eps).rsqrt()  # (..., 1)
    xhat = x * rrms  # (..., C)
    y = gamma * xhat  # (..., C)
    return y, (xhat, gamma, rrms)


def rmsnorm_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (..., C)  ->  dx (..., C), dgamma (C).

    Derived in eq-rmsnorm-dx, eq-rmsnorm-dgamma.
    """
    xhat, gamma, rrms = cache
    dgamma = (dy * xhat).reshape(-1, dy.shape[-1]).sum(0)  # (C)
    dxhat = dy * gamma  # (..., C)
    along = (dxhat * xhat).mean(-1, keepdim=True)  # (..., 1)
    dx = rrms * (dxhat - xhat * along)  # (..., C)
    return dx, dgamma


def rmsnorm_jvp(x_dot: Tensor, gamma_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., C), gamma_dot (C)  ->  y_dot (..., C) by eq-jvp-norm, no mean."""
    xhat, gamma, rrms = cache
    along = (xhat * x_dot).mean(-1, keepdim=True)  # (..., 1)
    xhat_dot = rrms * (x_dot - xhat * along)  # (..., C)
    return gamma_dot * xhat + gamma * xhat_dot  # (..., C)


def groupnorm(
    x: Tensor, gamma: Tensor, beta: Tensor, groups: int, eps: float = 1e-5
) -> tuple[Tensor, Cache]:
    """Layer normalisation within groups of features, each row by itself.

    x (..., C), gamma (C), beta (C), C a multiple of groups, eps in [0, inf)  ->
    y (..., C). Positions of a text are rows of their own: statistics over time would
    let a model look ahead.

    Source: Wu and He (2018).
    """
    C = x.shape[-1]
    G = groups
    parts = x.reshape(*x.shape[:-1], G, C // G)  # (..., G, C/G)
    centred = parts - parts.mean(-1, keepdim=True)  # (..., G, C/G)
    var = (centred * centred).mean(-1, keepdim=True)  # (..., G, 1)
    rstd = (var + eps).rsqrt()  # (..., G, 1)
    xhat = centred * rstd  # (..., G, C/G)
    y = gamma * xhat.flatten(-2) + beta  # (..., C)
    return y, (xhat, gamma, rstd)


def groupnorm_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., C)  ->  dx (..., C), dgamma (C), dbeta (C).

    Derived in eq-groupnorm-dx, eq-groupnorm-dgamma, eq-groupnorm-dbeta.
    """
    xhat, gamma, rstd = cache
    C = dy.shape[-1]
    dbeta = dy.reshape(-1, C).sum(0)  # (C)
    dgamma = (dy * xhat.flatten(-2)).reshape(-1, C).sum(0)  # (C)
    dxhat = (dy * gamma).reshape(xhat.shape)  # (..., G, C/G)
    along = (dxhat * xhat).mean(-1, keepdim=True)  # (..., G, 1)
    dparts = rstd * (dxhat - dxhat.mean(-1, keepdim=True) - xhat * along)
    dx = dparts.flatten(-2)  # (..., C)
    return dx, dgamma, dbeta


def groupnorm_jvp(
    x_dot: Tensor, gamma_dot: Tensor, beta_dot: Tensor, cache: Cache
) -> Tensor:
    """x_dot (..., C), gamma_dot (C), beta_dot (C) -> y_dot (..., C) by eq-jvp-norm."""
    xhat, gamma, rstd = cache
    parts_dot = x_dot.reshape(xhat.shape)  # (..., G, C/G)
    centred_dot = parts_dot - parts_dot.mean(-1, keepdim=True)  # (..., G, C/G)
    along = (xhat * centred_dot).mean(-1, keepdim=True)  # (..., G, 1)
    xhat_dot = (rstd * (centred_dot - xhat * along)).flatten(-2)  # (..., C)
    return gamma_dot * xhat.flatten(-2) + gamma * xhat_dot + beta_dot  # (..., C)

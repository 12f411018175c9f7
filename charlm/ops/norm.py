"""Normalisation: every feature is shifted and scaled by statistics of its own."""

from torch import Tensor

Cache = tuple[Tensor, ...]


def batchnorm(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5, correction: int = 0
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, int, Tensor, Tensor]]:
    """Batch normalisation with the statistics of the batch (training mode).

    x (..., C), gamma (C), beta (C)  ->  y (..., C).

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
    rstd = (var + eps) ** -0.5  # (C)
    xhat = (centred * rstd).reshape(x.shape)  # (..., C)
    y = gamma * xhat + beta  # (..., C)
    return y, (xhat, gamma, rstd, correction, mean, var)


def batchnorm_backward(
    dy: Tensor, cache: tuple[Tensor, Tensor, Tensor, int, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
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


def batchnorm_eval(
    x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, eps: float = 1e-5
) -> tuple[Tensor, Cache]:
    """Batch normalisation with given statistics (evaluation mode).

    x (..., C), gamma (C), beta (C), mean (C), var (C)  ->  y (..., C).

    Source: Ioffe and Szegedy (2015), algorithm 2.
    """
    rstd = (var + eps) ** -0.5  # (C)
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

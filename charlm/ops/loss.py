"""From scores to the loss: softmax, its logarithm, cross-entropy, and L2."""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def softmax(x: Tensor) -> tuple[Tensor, Cache]:
    """Probabilities in proportion to exp(x), along the last axis.

    x (..., V)  ->  y (..., V).

    The largest entry of each row is subtracted first, so that nothing overflows;
    entries of minus infinity get probability zero.
    """
    # .real is the identity on real numbers; it lets the complex-step check pass through
    counts = (x - x.real.amax(-1, keepdim=True)).exp()  # (..., V)
    y = counts / counts.sum(-1, keepdim=True)  # (..., V)
    return y, (y,)


def softmax_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (..., V)  ->  dx (..., V).

    Derived in eq-softmax-dx.
    """
    (y,) = cache
    return y * (dy - (dy * y).sum(-1, keepdim=True))  # (..., V)


def softmax_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., V)  ->  y_dot (..., V). Derived in eq-jvp-softmax."""
    (y,) = cache
    counts_dot = y * x_dot  # (..., V)  over the sum of counts, as y is
    return counts_dot - y * counts_dot.sum(-1, keepdim=True)  # (..., V)


def log_softmax(x: Tensor) -> tuple[Tensor, Cache]:
    """Logarithm of :func:`softmax`, safe where that would round to zero.

    x (..., V)  ->  y (..., V), in nats.
    """
    z = x - x.real.amax(-1, keepdim=True)  # (..., V)
    y = z - z.exp().sum(-1, keepdim=True).log()  # (..., V)
    return y, (y,)


def log_softmax_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (..., V)  ->  dx (..., V).

    Derived in eq-log-softmax-dx.
    """
    (y,) = cache
    return dy - y.exp() * dy.sum(-1, keepdim=True)  # (..., V)


def log_softmax_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (..., V)  ->  y_dot (..., V). Derived in eq-jvp-log-softmax."""
    (y,) = cache
    return x_dot - (y.exp() * x_dot).sum(-1, keepdim=True)  # (..., V)


def cross_entropy(
    logits: Tensor, targets: Tensor, smoothing: float = 0.0, temperature: float = 1.0
) -> tuple[Tensor, Cache]:
    """Mean negative log-likelihood of the targets, in nats.

    logits (..., V), targets (...) integers below V, smoothing in [0, 1),
    temperature in (0, inf)  ->  loss (), the mean over the targets that count.

    Args:
        logits: scores of any size; the largest of each row is subtracted first.
        targets: what was to be predicted; negative where there is nothing to predict.
        smoothing: share of the target's probability that is spread evenly over all
            symbols.
        temperature: the logits are divided by it.

    Raises:
        ValueError: no target counts.

    Source: label smoothing is due to Szegedy et al. (2016).
    """
    kept = targets >= 0  # (...)
    count: int | Tensor = kept.sum()  # ()
    if not torch.compiler.is_compiling():  # compiled code reads no number
        count = int(count)
        if count == 0:
            raise ValueError(
                "cross_entropy: no target counts (all are negative, or there are none);"
                " a mean over nothing is no loss: leave this batch out"
            )
    logp, _ = log_softmax(logits / temperature)  # (..., V)
    target = targets.clamp_min(0).unsqueeze(-1)  # (..., 1)
    each = (1 - smoothing) * logp.gather(-1, target).squeeze(-1)  # (...)
    if smoothing:
        each = each + smoothing * logp.mean(-1)  # (...)
    loss = -torch.where(kept, each, 0.0).sum() / count  # ()
    return loss, (logp, target, kept, count, smoothing, temperature)


def cross_entropy_backward(dloss: Tensor, cache: Cache) -> Tensor:
    """dloss ()  ->  dlogits (..., V).

    Derived in eq-cross-entropy-dlogits, with options in
    eq-cross-entropy-options-dlogits.
    """
    logp, target, kept, count, smoothing, temperature = cache
    dlogits = logp.exp()  # (..., V)  softmax of the logits
    hit = torch.full_like(dlogits[..., :1], smoothing - 1)  # (..., 1)
    dlogits.scatter_add_(-1, target, hit)  # p - (1 - smoothing) y
    if smoothing:
        dlogits -= smoothing / dlogits.shape[-1]
    # not times zero: what does not count may be infinite or not a number
    dlogits = torch.where(kept.unsqueeze(-1), dlogits, 0.0)  # (..., V)
    return dlogits * (dloss / count / temperature)  # (..., V)


def cross_entropy_jvp(logits_dot: Tensor, cache: Cache) -> Tensor:
    """logits_dot (..., V)  ->  loss_dot (). Derived in eq-jvp-cross-entropy."""
    logp, target, kept, count, smoothing, temperature = cache
    logp_dot = log_softmax_jvp(logits_dot / temperature, (logp,))  # (..., V)
    each = (1 - smoothing) * logp_dot.gather(-1, target).squeeze(-1)  # (...)
    if smoothing:
        each = each + smoothing * logp_dot.mean(-1)  # (...)
    return -(each * kept).sum() / count  # ()


def l2(W: Tensor, strength: float) -> tuple[Tensor, Cache]:
    """Half of ``strength`` times the sum of squares.

    W (...), strength in [0, inf)  ->  y ().

    Added to the loss it pulls weights to zero, as a Gaussian prior does: of variance
    1 / strength beside a loss summed over N rows, 1 / (N * strength) beside their mean.
    """
    y = 0.5 * strength * (W * W).sum()  # ()
    return y, (W, strength)


def l2_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy ()  ->  dW (...).

    Derived in eq-l2-dw.
    """
    W, strength = cache
    return strength * W * dy  # (...)


def l2_jvp(W_dot: Tensor, cache: Cache) -> Tensor:
    """W_dot (...)  ->  y_dot (). Derived in eq-jvp-product."""
    W, strength = cache
    return strength * (W * W_dot).sum()  # ()

"""Slips in losses, normalisation, attention, positions and deep nets."""

from typing import Any

import torch
from torch import Tensor

from ... import ops
from .bug import bug


@bug("softmax", "attention weights do not sharpen")
def diagonal_only(dy: Tensor, cache: Any) -> Any:
    """The Jacobian of softmax is taken for its diagonal p (1 - p)."""
    (y,) = cache
    return y * (1 - y) * dy


@bug("log_softmax", "only the scores that the loss reads are moved")
def sum_forgotten(dy: Tensor, cache: Any) -> Any:
    """The probability is multiplied by the own gradient, not by the row's sum."""
    (y,) = cache
    return dy - y.exp() * dy


@bug("cross_entropy", "the loss explodes at a learning rate that should work")
def mean_forgotten(dy: Tensor, cache: Any) -> Any:
    """The gradient is not divided by the number of targets."""
    count = cache[3]
    return ops.cross_entropy_backward(dy, cache) * count


@bug("cross_entropy", "every probability goes down, also that of the target")
def target_forgotten(dy: Tensor, cache: Any) -> Any:
    """p instead of p - y."""
    logp, _, kept, count, _, temperature = cache
    weight = kept * (dy / (count * temperature))
    return logp.exp() * weight.unsqueeze(-1)


@bug("cross_entropy", "short names weigh less in a padded batch than they should")
def padding_counted(dy: Tensor, cache: Any) -> Any:
    """The mean is taken over all targets, those to be ignored among them."""
    _, _, kept, count, _, _ = cache
    return ops.cross_entropy_backward(dy, cache) * (count / kept.numel())


@bug("cross_entropy", "padding is learnt as if it were text")
def padding_learnt(dy: Tensor, cache: Any) -> Any:
    """Targets to be ignored send a gradient all the same."""
    logp, target, kept, *rest = cache
    return ops.cross_entropy_backward(dy, (logp, target, kept | True, *rest))


@bug("cross_entropy", "the temperature acts as a second learning rate")
def temperature_forgotten(dy: Tensor, cache: Any) -> Any:
    """The gradient is not divided by the temperature."""
    return ops.cross_entropy_backward(dy, (*cache[:-1], 1.0))


@bug("l2", "weights decay twice as fast as the loss says")
def half_forgotten(dy: Tensor, cache: Any) -> Any:
    """The two of the square is kept although the half cancels it."""
    W, strength = cache
    return 2 * strength * W * dy


@bug("batchnorm", "nothing in a shallow net: it trains as well")
def statistics_constant(dy: Tensor, cache: Any) -> Any:
    """Mean and variance are taken for constants, as in evaluation."""
    xhat, gamma, rstd, *_ = cache
    return ops.batchnorm_eval_backward(dy, (xhat, gamma, rstd))[:3]


@bug("batchnorm", "columns of the gradient do not sum to zero")
def mean_path_dropped(dy: Tensor, cache: Any) -> Any:
    """The path through the batch mean is left out."""
    dx, dgamma, dbeta = ops.batchnorm_backward(dy, cache)
    _, gamma, rstd, *_ = cache
    rows = dy.numel() // dy.shape[-1]
    return dx + gamma * rstd * dbeta / rows, dgamma, dbeta


@bug("batchnorm", "the scale of the input creeps up")
def variance_path_dropped(dy: Tensor, cache: Any) -> Any:
    """The path through the batch variance is left out."""
    dx, dgamma, dbeta = ops.batchnorm_backward(dy, cache)
    xhat, gamma, rstd, correction, *_ = cache
    rows = dy.numel() // dy.shape[-1]
    return dx + gamma * rstd * xhat * dgamma / (rows - correction), dgamma, dbeta


@bug("batchnorm", "nothing: off by one part in the number of rows")
def bessel_mixed_up(dy: Tensor, cache: Any) -> Any:
    """The unbiased variance goes back as if it were the biased one."""
    xhat, gamma, rstd, _, *rest = cache
    return ops.batchnorm_backward(dy, (xhat, gamma, rstd, 0, *rest))


@bug("layernorm", "nothing as long as all gains are equal, as at the start")
def gain_outside(dy: Tensor, cache: Any) -> Any:
    """The gain stands in front of the bracket instead of inside the means."""
    xhat, gamma, rstd = cache
    plain = torch.ones_like(gamma)
    dx = ops.layernorm_backward(dy, (xhat, plain, rstd))[0]
    return gamma * dx, *ops.layernorm_backward(dy, cache)[1:]


@bug("layernorm", "rows of a batch influence each other")
def averaged_over_rows(dy: Tensor, cache: Any) -> Any:
    """The means run over the batch, as in batch normalisation."""
    xhat, gamma, rstd = cache
    g = dy * gamma
    dx = rstd * (g - g.mean(0) - xhat * (g * xhat).mean(0))
    return dx, *ops.layernorm_backward(dy, cache)[1:]


@bug("rmsnorm", "slightly worse than layer normalisation, nothing to see")
def mean_taken_away(dy: Tensor, cache: Any) -> Any:
    """The gradient is centred although the forward is not."""
    return ops.layernorm_backward(dy, cache)[:2]


@bug("groupnorm", "right with one group only")
def averaged_over_all(dy: Tensor, cache: Any) -> Any:
    """The means run over the whole row instead of the group."""
    xhat, gamma, rstd = cache
    g = (dy * gamma).reshape(xhat.shape)
    both = (-2, -1)
    along = (g * xhat).mean(both, keepdim=True)
    dx = rstd * (g - g.mean(both, keepdim=True) - xhat * along)
    return dx.flatten(-2), *ops.groupnorm_backward(dy, cache)[1:]


@bug("dropout", "a net with dropout learns more slowly than the mask explains")
def mask_not_scaled(dy: Tensor, cache: Any) -> Any:
    """The mask goes back without its factor 1 / (1 - p)."""
    (mask,) = cache
    return (mask > 0) * dy


@bug("residual", "a deep net does not train")
def skip_forgotten(dy: Tensor, cache: Any) -> Any:
    """Only the branch gets a gradient."""
    return torch.zeros_like(dy), dy.clone()


@bug("causal_conv", "loss falls slowly: the past is blamed for the present")
def taps_flipped(dy: Tensor, cache: Any) -> Any:
    """The input gradient reads the filter in the wrong direction."""
    padded, W, dilation = cache
    wrong = ops.causal_conv_backward(dy, (padded, W.flip(0), dilation))
    return wrong[0], *ops.causal_conv_backward(dy, cache)[1:]


@bug("attention", "queries and keys learn too fast, by the root of the head width")
def scale_forgotten(dy: Tensor, cache: Any) -> Any:
    """The factor 1 / sqrt(D) of the scores is missing on the way back."""
    *most, scale, p = cache
    return ops.attention_backward(dy, (*most, 1.0, p))[:2] + (
        ops.attention_backward(dy, cache)[2],
    )


@bug("attention", "the loss falls, and stops too high")
def weights_uncoupled(dy: Tensor, cache: Any) -> Any:
    """Each attention weight is differentiated as if the row did not sum to one."""
    q, k, v, scale, p = cache
    dscores = (dy @ v.mT) * p * scale
    return dscores @ k, dscores.mT @ q, p.mT @ dy


@bug("attention", "the loss falls, and stops too high")
def keys_and_queries_exchanged(dy: Tensor, cache: Any) -> Any:
    """The scores' gradient is not transposed for the keys."""
    q, k, v, scale, p = cache
    dq, _, dv = ops.attention_backward(dy, cache)
    dscores = ops.softmax_backward(dy @ v.mT, (p,)) * scale
    same = dscores.shape[-1] == dscores.shape[-2]
    return dq, (dscores if same else dscores.mT) @ q, dv


@bug("attention", "the first position learns nothing of itself")
def mask_moved(dy: Tensor, cache: Any) -> Any:
    """The backward masks the present as well as the future."""
    q, k, v, scale, p = cache
    dscores = ops.softmax_backward(dy @ v.mT, (p,)) * scale
    dscores = dscores.tril(-1)
    return dscores @ k, dscores.mT @ q, p.mT @ dy


@bug("add_positions", "positions learn too slowly, by the size of the batch")
def positions_averaged(dy: Tensor, cache: Any) -> Any:
    """The table's gradient is averaged over the batch, not summed."""
    dx, dP = ops.add_positions_backward(dy, cache)
    texts = dy.numel() // (dy.shape[-1] * dy.shape[-2])
    return dx, dP / texts


@bug("rope", "positions blur: right at position 0 only")
def rotated_again(dy: Tensor, cache: Any) -> Any:
    """The gradient is rotated forward instead of back."""
    cos, sin = cache
    return ops.rope_backward(dy, (cos, -sin))

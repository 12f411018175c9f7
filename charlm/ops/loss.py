"""The loss: softmax and cross-entropy in one step."""

import torch
from torch import Tensor

Cache = tuple[Tensor, ...]


def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Cache]:
    """Mean negative log-likelihood of the targets, in nats.

    logits (..., V), targets (...) integers in [0, V)  ->  loss ().

    Fused form of softmax, logarithm, picking and mean, safe for logits of any size
    because the largest one of each row is subtracted first.
    """
    # .real is the identity on real logits; it lets the complex-step check pass through
    shift = logits.real.amax(-1, keepdim=True)  # (..., 1)
    z = logits - shift  # (..., V)
    logp = z - z.exp().sum(-1, keepdim=True).log()  # (..., V)
    loss = -logp.gather(-1, targets.unsqueeze(-1)).mean()  # ()
    return loss, (logp, targets)


def cross_entropy_backward(dloss: Tensor, cache: Cache) -> Tensor:
    """dloss ()  ->  dlogits (..., V).

    Derived in eq-cross-entropy-dlogits.
    """
    logp, targets = cache
    dlogits = logp.exp()  # (..., V)  softmax of the logits
    target = targets.unsqueeze(-1)  # (..., 1)
    minus_one = torch.full_like(dlogits[..., :1], -1)  # (..., 1)
    dlogits.scatter_add_(-1, target, minus_one)  # p - y
    return dlogits * (dloss / targets.numel())

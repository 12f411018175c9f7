"""The multilayer perceptron of Bengio et al. (2003), with batch normalisation.

No layers and no loops: the forward pass is six calls, and the backward pass is the
same six in reverse.
"""

from typing import Any

import torch
from torch import Generator, Tensor

from ..layers import init
from ..ops import (
    batchnorm,
    batchnorm_backward,
    batchnorm_eval,
    batchnorm_eval_backward,
    embedding,
    embedding_backward,
    linear,
    linear_backward,
    tanh,
    tanh_backward,
)

NAMES = ("C", "W1", "b1", "gamma", "beta", "W2", "b2")


class MLP:
    """Embedding, linear, batch normalisation, tanh, linear.

    Parameters (V symbols, T characters of context, E numbers per symbol, H hidden
    units): C (V, E), W1 (T*E, H), b1 (H), gamma (H), beta (H), W2 (H, V), b2 (V).
    ``running_mean`` (H) and ``running_var`` (H) are statistics, not parameters. The
    gradient of parameter ``W1`` is ``dW1``, of the same shape, and so on.

    Args:
        vocab_size: V.
        generator: draws the initial weights.
        block: T.
        n_embd: E.
        n_hidden: H.
        normalise: with False there is no batch normalisation, no gamma and no beta.
        correction: of the variance, as in :func:`charlm.ops.batchnorm`.
        momentum: share of the new batch in the running statistics.
        dtype: of all parameters.
    """

    causal = False
    dC: Tensor
    dW1: Tensor
    db1: Tensor
    dgamma: Tensor
    dbeta: Tensor
    dW2: Tensor
    db2: Tensor

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        block: int = 3,
        n_embd: int = 10,
        n_hidden: int = 200,
        normalise: bool = True,
        correction: int = 0,
        momentum: float = 0.001,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.block, self.normalise = block, normalise
        self.correction, self.momentum = correction, momentum
        V, E, H, T = vocab_size, n_embd, n_hidden, block
        self.C = torch.randn((V, E), generator=generator, dtype=dtype)
        # 5/3 makes up for the squashing of tanh; the last layer starts almost silent,
        # so that the first loss is near log V
        self.W1 = init.normal(T * E, H, 5 / 3, generator, dtype)
        self.b1 = torch.zeros(H, dtype=dtype)
        self.gamma = torch.ones(H, dtype=dtype)
        self.beta = torch.zeros(H, dtype=dtype)
        self.W2 = init.normal(H, V, 0.1, generator, dtype)
        self.b2 = torch.zeros(V, dtype=dtype)
        self.running_mean = torch.zeros(H, dtype=dtype)
        self.running_var = torch.ones(H, dtype=dtype)
        for n in NAMES:
            setattr(self, f"d{n}", torch.zeros_like(getattr(self, n)))

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T) symbols  ->  logits (B, V).

        In training, batch normalisation uses the statistics of the batch and moves
        the running ones; otherwise it uses the running ones.
        """
        emb, c_emb = embedding(ix, self.C)  # (B, T, E)
        flat = emb.reshape(len(ix), -1)  # (B, T*E)
        pre, c_pre = linear(flat, self.W1, self.b1)  # (B, H)
        norm, c_norm = self._normalise(pre, training)  # (B, H)
        h, c_h = tanh(norm)  # (B, H)
        logits, c_out = linear(h, self.W2, self.b2)  # (B, V)
        return logits, (emb.shape, c_emb, c_pre, c_norm, c_h, c_out)

    def backward(self, dlogits: Tensor, cache: Any) -> None:
        """dlogits (B, V): adds the gradient of every parameter to ``d<parameter>``."""
        shape, c_emb, c_pre, c_norm, c_h, c_out = cache
        dh, dW2, db2 = linear_backward(dlogits, c_out)
        dnorm = tanh_backward(dh, c_h)
        dpre = self._normalise_backward(dnorm, c_norm)
        dflat, dW1, db1 = linear_backward(dpre, c_pre)
        self.dC += embedding_backward(dflat.reshape(shape), c_emb)
        self.dW1 += dW1
        self.db1 += db1
        self.dW2 += dW2
        self.db2 += db2

    def _normalise(self, pre: Tensor, training: bool) -> tuple[Tensor, Any]:
        if not self.normalise:
            return pre, None
        if not training:
            running = self.running_mean, self.running_var
            y, cache = batchnorm_eval(pre, self.gamma, self.beta, *running)
            return y, (training, cache)
        if len(pre) < 2:
            raise ValueError(
                "MLP: training with batch normalisation needs at least two rows in a "
                "batch; use a larger batch, or normalise=False"
            )
        y, c = batchnorm(pre, self.gamma, self.beta, correction=self.correction)
        self._move_running(c[-2], c[-1], len(pre))
        return y, (training, c)

    def _move_running(self, mean: Tensor, var: Tensor, rows: int) -> None:
        # the running variance estimates that of all data: always the unbiased one
        var = var * (rows - self.correction) / (rows - 1)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var - self.running_var)

    def _normalise_backward(self, dy: Tensor, cache: Any) -> Tensor:
        if not self.normalise:
            return dy
        training, c = cache
        backward = batchnorm_backward if training else batchnorm_eval_backward
        dx, dgamma, dbeta, *_ = backward(dy, c)
        self.dgamma += dgamma
        self.dbeta += dbeta
        return dx

    def named(self) -> list[tuple[str, Tensor, Tensor]]:
        """Name, parameter and gradient of all that is learnt, in forward order."""
        norm = ("gamma", "beta")
        names = [n for n in NAMES if self.normalise or n not in norm]
        return [(n, getattr(self, n), getattr(self, f"d{n}")) for n in names]

    def statistics(self) -> list[tuple[str, Tensor]]:
        """Name and tensor of what is kept but not learnt."""
        names = ("running_mean", "running_var") if self.normalise else ()
        return [(n, getattr(self, n)) for n in names]

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for n in NAMES:
            getattr(self, f"d{n}").zero_()

"""Normalisation layers."""

from typing import Any

import torch
from torch import Tensor

from .. import ops
from .base import Layer


class BatchNorm(Layer):
    """Batch normalisation with running statistics:  x (..., C)  ->  y (..., C).

    ``running_mean`` and ``running_var`` (C) are statistics, not parameters; evaluation
    uses them. ``momentum`` is the share of the new batch in them.
    """

    gamma: Tensor
    beta: Tensor

    def __init__(
        self,
        width: int,
        momentum: float = 0.1,
        correction: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.momentum, self.correction = momentum, correction
        self.running_mean = torch.zeros(width, dtype=dtype)
        self.running_var = torch.ones(width, dtype=dtype)
        gamma, beta = torch.ones(width, dtype=dtype), torch.zeros(width, dtype=dtype)
        super().__init__(gamma=gamma, beta=beta)

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        affine = self.gamma, self.beta
        if not training:
            running = self.running_mean, self.running_var
            y, cache = ops.batchnorm_eval(x, *affine, *running)
            return y, (training, cache)
        rows = x.numel() // x.shape[-1]
        if rows < 2:
            raise ValueError(
                "BatchNorm: training needs at least two rows in a batch, whose "
                "statistics it can take; use a larger batch, or another normalisation"
            )
        y, c = ops.batchnorm(x, *affine, correction=self.correction)
        # the running variance estimates that of all data: always the unbiased one
        var = c[-1] * (rows - self.correction) / (rows - 1)
        self.running_mean += self.momentum * (c[-2] - self.running_mean)
        self.running_var += self.momentum * (var - self.running_var)
        return y, (training, c)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        training, c = cache
        rule = ops.batchnorm_backward if training else ops.batchnorm_eval_backward
        dx, dgamma, dbeta, *_ = rule(dy, c)
        self.add(dgamma, dbeta)
        return dx


class LayerNorm(Layer):
    """Layer normalisation:  x (..., C)  ->  y (..., C)."""

    gamma: Tensor
    beta: Tensor

    def __init__(self, width: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(
            gamma=torch.ones(width, dtype=dtype), beta=torch.zeros(width, dtype=dtype)
        )

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        return ops.layernorm(x, self.gamma, self.beta)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, *own = ops.layernorm_backward(dy, cache)
        self.add(*own)
        return dx


class RMSNorm(Layer):
    """Division by the root mean square:  x (..., C)  ->  y (..., C)."""

    gamma: Tensor

    def __init__(self, width: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(gamma=torch.ones(width, dtype=dtype))

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        return ops.rmsnorm(x, self.gamma)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, dgamma = ops.rmsnorm_backward(dy, cache)
        self.add(dgamma)
        return dx


class GroupNorm(Layer):
    """Layer normalisation within groups of features:  x (..., C)  ->  y (..., C)."""

    gamma: Tensor
    beta: Tensor

    def __init__(
        self, width: int, groups: int, dtype: torch.dtype = torch.float32
    ) -> None:
        self.groups = groups
        super().__init__(
            gamma=torch.ones(width, dtype=dtype), beta=torch.zeros(width, dtype=dtype)
        )

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        return ops.groupnorm(x, self.gamma, self.beta, self.groups)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, *own = ops.groupnorm_backward(dy, cache)
        self.add(*own)
        return dx

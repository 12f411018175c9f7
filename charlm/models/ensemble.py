"""Several models that answer as one."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Ensemble:
    """The mean of the probabilities of several models, with weights.

    Never worse than the weighted mean of their losses, because the logarithm is
    concave; better, where they err differently. It is measured and sampled, not
    trained.

    Args:
        models: all causal or none, with the same vocabulary.
        weights: of the models; by default equal. They are divided by their sum.

    Raises:
        ValueError: no models, models of both kinds, or weights that do not fit.
    """

    def __init__(
        self, models: Sequence[Any], weights: Sequence[float] | None = None
    ) -> None:
        if not models or len({m.causal for m in models}) > 1:
            raise ValueError(
                "Ensemble: give at least one model, all of them causal or none; a tree "
                "and a GPT are both causal as ConvTree and GPT"
            )
        weights = [1.0] * len(models) if weights is None else list(weights)
        if len(weights) != len(models) or min(weights) < 0 or sum(weights) <= 0:
            raise ValueError(
                f"Ensemble: weights {weights} for {len(models)} models; give one each, "
                "none below 0"
            )
        self.models = list(models)
        self.log_weights = torch.tensor(weights, dtype=torch.float64).log()
        self.log_weights -= self.log_weights.logsumexp(0)
        self.causal = models[0].causal
        self.block = min(m.block for m in models)
        if not self.causal:
            self.block = max(m.block for m in models)

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, Any]:
        """ix (B, T) symbols  ->  logarithms of the mean probabilities, no cache."""
        parts = []
        for model, weight in zip(self.models, self.log_weights, strict=True):
            x = ix if self.causal else ix[:, ix.shape[1] - model.block :]
            logits, _ = model.forward(x, training=False)
            parts.append(logits.double().log_softmax(-1) + weight)
        return torch.stack(parts).logsumexp(0), None

"""The gradient of a minibatch, by the model as it stands or by a copy in 16 bits.

Each way has ``gradient(X, Y)``, which writes the gradient of the mean loss into
``flat.g`` and returns the loss; :class:`charlm.train.Fast` is a third, and
:class:`charlm.train.Compiled` a fourth, which takes the whole step as well.
"""

from copy import deepcopy

import torch
from torch import Tensor

from ..ops import cross_entropy, cross_entropy_backward, trusted
from .config import HALVES, TrainModel
from .flat import Flat
from .scale import LossScale


def add_gradient(
    model: TrainModel, X: Tensor, Y: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Forward, loss and backward: adds all gradients, returns the mean loss ()."""
    logits, cache = model.forward(X)
    mean, c_loss = cross_entropy(logits, Y, smoothing)
    model.backward(cross_entropy_backward(torch.ones_like(mean), c_loss), cache)
    return mean


def copied(model: TrainModel) -> TrainModel:
    """A copy whose statistics, and what draws its masks, are those of the model."""
    shared = [t for _, t in model.statistics()] + [getattr(model, "generator", None)]
    return deepcopy(model, {id(each): each for each in shared})


class Plain:
    """By the model's own forward and backward.

    Args:
        model: whose parameters are windows into ``flat``.
        flat: its vectors.
        smoothing: of the labels.
    """

    def __init__(self, model: TrainModel, flat: Flat, smoothing: float = 0.0) -> None:
        self.model, self.flat, self.smoothing = model, flat, smoothing
        self.gone_through: set[tuple[torch.dtype, torch.Size]] = set()

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """X (B, T) and Y as the model wants them  ->  the mean loss."""
        self.flat.g.zero_()
        # what fitted once fits again: parameters keep their shapes, and the data have
        # been looked at
        like = self.flat.p.dtype, X.shape
        with trusted(like in self.gone_through):
            mean = add_gradient(self.model, X, Y, self.smoothing)
        if torch.finfo(self.flat.p.dtype).bits > 16:  # half types are always guarded
            self.gone_through.add(like)
        return mean.item()


class Half:
    """By a copy of the model in 16 bits; parameters and gradients stay in float32.

    Before every gradient the parameters are rounded into the copy. The loss, and the
    gradient with respect to the logits, are computed in float32, since the loss itself
    and the factor of :class:`LossScale` may be out of float16's range.

    Args:
        model: whose parameters, in float32, are windows into ``flat``.
        flat: its vectors.
        smoothing: of the labels.
        precision: "float16", with a scaled loss, or "bfloat16", which has the range of
            float32 and needs no scale.
        scale: another one than the usual of that type.

    Raises:
        ValueError: the parameters are not float32.

    Source: Micikevicius et al. (2018); for bfloat16, Kalamkar et al. (2019).
    """

    def __init__(
        self,
        model: TrainModel,
        flat: Flat,
        smoothing: float = 0.0,
        precision: str = "float16",
        scale: LossScale | None = None,
    ) -> None:
        if flat.p.dtype != torch.float32:
            raise ValueError(
                f"precision {precision}: the parameters are {flat.p.dtype}, and are "
                "kept in float32 beside the copy; make the model in float32"
            )
        self.flat, self.smoothing = flat, smoothing
        self.scale = scale or (LossScale() if precision == "float16" else None)
        self.copy = copied(model)  # statistics stay in float32
        for _, p, d in self.copy.named():
            p.data, d.data = p.to(HALVES[precision]), d.to(HALVES[precision])
        self.low = Flat(self.copy, str(flat.p.device))

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """X (B, T) and Y as the model wants them  ->  the mean loss.

        Where the scaled gradient left the range of float16, ``flat.g`` is not finite.
        """
        factor = self.scale.factor if self.scale else 1.0
        self.low.p.copy_(self.flat.p)  # rounds to the nearest
        self.low.g.zero_()
        logits, cache = self.copy.forward(X)
        mean, c_loss = cross_entropy(logits.float(), Y, self.smoothing)
        # all that follows is linear in the first gradient, so all is scaled with it
        dlogits = cross_entropy_backward(torch.full_like(mean, factor), c_loss)
        self.copy.backward(dlogits.to(logits.dtype), cache)
        self.flat.g.copy_(self.low.g).div_(factor)  # in float32, and exact
        return mean.item()

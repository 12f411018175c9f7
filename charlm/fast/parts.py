"""What fast steps share: the end of the model, and normalisation over rows."""

import math

import torch
from torch import Tensor


class Pool:
    """Storages that the steps of all shapes share, each as large as the largest needs.

    A step asks for its buffers in a fixed order; the n-th request of every step gets
    the beginning of the n-th storage. Only one step is at work at a time.
    """

    def __init__(self, like: Tensor) -> None:
        self.like = like
        self.storages: list[Tensor] = []
        self.next = 0

    def __call__(self, *shape: int) -> Tensor:
        """An uninitialised buffer of this shape."""
        size = math.prod(shape)
        if self.next == len(self.storages):
            self.storages.append(self.like.new_empty(size))
        elif self.storages[self.next].numel() < size:
            self.storages[self.next] = self.like.new_empty(size)
        buffer = self.storages[self.next][:size].view(shape)
        self.next += 1
        return buffer


class Loss:
    """Mean cross-entropy of logits (M, V), and its gradient in their place."""

    def __init__(self, rows: int, symbols: int, like: Tensor) -> None:
        self.rows = rows
        self.offset = torch.arange(rows, device=like.device) * symbols  # (M)
        self.place = torch.empty_like(self.offset)  # (M)
        self.kept = like.new_empty(rows, 1)  # (M, 1)
        self.picked = like.new_empty(rows)  # (M)
        self.less = like.new_full((rows,), -1.0)  # (M)

    def gradient(self, logits: Tensor, targets: Tensor) -> float:
        """logits (M, V) become dlogits; returns the loss."""
        if int(targets.min()) < 0:
            return self._some(logits, targets)
        torch.add(self.offset, targets, out=self.place)
        self._differences(logits)
        loss = self.picked.log_().sum().item() / -self.rows
        logits.mul_(1 / self.rows)
        return loss

    def _some(self, logits: Tensor, targets: Tensor) -> float:
        """The same where some targets do not count."""
        self.kept.copy_((targets >= 0).unsqueeze(1))
        count = int(self.kept.sum())
        if count == 0:
            raise ValueError("cross_entropy: no target counts; leave this batch out")
        torch.add(self.offset, targets.clamp_min(0), out=self.place)
        self._differences(logits)
        # dot, not a product of numbers and booleans: those are converted one by one
        loss = self.picked.log_().dot(self.kept.view(-1)).item() / -count
        logits.mul_(self.kept.div_(count))
        return loss

    def _differences(self, logits: Tensor) -> None:
        """logits become p - y; the probabilities of the targets go to ``picked``."""
        torch.softmax(logits, 1, out=logits)
        torch.index_select(logits.view(-1), 0, self.place, out=self.picked)
        logits.view(-1).index_add_(0, self.place, self.less)


def tanh_(x: Tensor) -> None:
    """The hyperbolic tangent in place, as 2 sigmoid(2x) - 1.

    The kernel of the sigmoid is several times as fast. Near zero the result has the
    absolute precision of the type, not the relative one, which sums do not notice.
    """
    x.mul_(2).sigmoid_().mul_(2).sub_(1)


class BatchNorm:
    """Batch normalisation over the rows (M, C), forward and backward in place.

    ``torch.var`` costs many times what two products with a vector cost.
    """

    def __init__(self, rows: int, width: int, like: Tensor, eps: float = 1e-5) -> None:
        self.eps, self.rows = eps, rows
        self.mean_of_rows = like.new_full((rows,), 1 / rows)  # (M)
        self.ones = like.new_ones(rows)  # (M)
        self.mean, self.var = like.new_empty(width), like.new_empty(width)  # (C)
        self.rstd, self.scale = like.new_empty(width), like.new_empty(width)  # (C)
        self.work = like.new_empty(rows, width)  # (M, C)
        self.a, self.b = like.new_empty(width), like.new_empty(width)  # (C)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor, y: Tensor) -> None:
        """x (M, C) becomes x-hat; y (M, C) gets gamma x-hat + beta."""
        torch.mv(x.t(), self.mean_of_rows, out=self.mean)
        x.sub_(self.mean)
        torch.mul(x, x, out=self.work)
        torch.mv(self.work.t(), self.mean_of_rows, out=self.var)
        torch.add(self.var, self.eps, out=self.rstd)
        self.rstd.rsqrt_()
        x.mul_(self.rstd)
        torch.addcmul(beta, x, gamma, out=y)

    def backward(
        self, dy: Tensor, xhat: Tensor, gamma: Tensor, dgamma: Tensor, dbeta: Tensor
    ) -> None:
        """dy (M, C) becomes dx; writes dgamma and dbeta (C)."""
        torch.mv(dy.t(), self.ones, out=dbeta)
        torch.mul(dy, xhat, out=self.work)
        torch.mv(self.work.t(), self.ones, out=dgamma)
        torch.div(dbeta, self.rows, out=self.a)
        torch.div(dgamma, self.rows, out=self.b)
        dy.sub_(self.a)
        dy.addcmul_(xhat, self.b, value=-1)
        torch.mul(gamma, self.rstd, out=self.scale)
        dy.mul_(self.scale)

    def move(self, mean: Tensor, var: Tensor, momentum: float) -> None:
        """Move running statistics (C) towards those of this batch."""
        mean.lerp_(self.mean, momentum)
        # the running variance estimates that of all data: always the unbiased one
        torch.mul(self.var, self.rows / (self.rows - 1), out=self.a)
        var.lerp_(self.a, momentum)

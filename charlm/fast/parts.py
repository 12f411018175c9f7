"""What fast steps share: the end of the model, and normalisation over rows."""

import torch
from torch import Tensor


class Loss:
    """Mean cross-entropy of logits (M, V), and its gradient in their place."""

    def __init__(self, rows: int, symbols: int, like: Tensor) -> None:
        self.offset = torch.arange(rows, device=like.device) * symbols  # (M)
        self.place = torch.empty_like(self.offset)  # (M)
        self.weight = like.new_empty(rows, 1)  # (M, 1)
        self.picked = like.new_empty(rows)  # (M)

    def gradient(self, logits: Tensor, targets: Tensor) -> float:
        """logits (M, V) become dlogits; returns the loss."""
        kept = targets >= 0  # (M)
        count = int(kept.sum())
        if count == 0:
            raise ValueError("cross_entropy: no target counts; leave this batch out")
        torch.softmax(logits, 1, out=logits)
        torch.add(self.offset, targets.clamp_min(0), out=self.place)
        flat = logits.view(-1)
        torch.index_select(flat, 0, self.place, out=self.picked)
        # a target that underflowed has an infinite loss; its gradient is right
        loss = self.picked.log_().mul_(kept).sum().item() / -count
        flat[self.place] -= 1  # places differ from row to row, so none is lost
        # dividing the booleans would round to single precision first
        self.weight.copy_(kept.unsqueeze(1)).div_(count)
        logits.mul_(self.weight)
        return loss


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

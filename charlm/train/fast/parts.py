"""What fast steps share: both ends of a model, and normalisation over rows."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...ops import cross_entropy


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

    def gradient(
        self, logits: Tensor, targets: Tensor, again: Callable[[], Tensor]
    ) -> float:
        """logits (M, V) become dlogits; returns the loss.

        A probability that is too small for its type is zero, and so is its share of the
        gradient, as it should be; the loss needs the logits ``again`` to be finite.
        """
        some = int(targets.min()) < 0
        loss = self._some(logits, targets) if some else self._all(logits, targets)
        return (
            loss if math.isfinite(loss) else cross_entropy(again(), targets)[0].item()
        )

    def _all(self, logits: Tensor, targets: Tensor) -> float:
        """Where every target counts."""
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


class Table:
    """The symbols' numbers, looked up: C (V, E) at M places."""

    def __init__(self, C: Tensor, dC: Tensor, places: int, new: Pool) -> None:
        self.C, self.dC = C, dC
        self.emb, self.demb = new(places, C.shape[1]), new(places, C.shape[1])

    def forward(self, ix: Tensor) -> None:
        """ix (M)  ->  ``emb`` (M, E)."""
        torch.index_select(self.C, 0, ix, out=self.emb)

    def backward(self, ix: Tensor) -> None:
        """``demb`` (M, E)  ->  dC."""
        self.dC.zero_().index_add_(0, ix, self.demb)


class Head:
    """The last layer and the loss: h (M, H), W (H, V), b (V)."""

    def __init__(self, h: Tensor, dh: Tensor, W: Tensor, b: Tensor, new: Pool) -> None:
        self.h, self.dh, self.W, self.b = h, dh, W, b
        self.logits = new(len(h), len(b))
        self.h_t, self.logits_t, self.W_t = h.t(), self.logits.t(), W.t()
        self.loss, self.ones = Loss(len(h), len(b), W), W.new_ones(len(h))

    def gradient(self, targets: Tensor, dW: Tensor, db: Tensor) -> float:
        """h  ->  dW, db and ``dh``; returns the loss."""
        torch.addmm(self.b, self.h, self.W, out=self.logits)
        loss = self.loss.gradient(self.logits, targets, self._again)
        torch.mm(self.h_t, self.logits, out=dW)
        torch.mv(self.logits_t, self.ones, out=db)
        torch.mm(self.logits, self.W_t, out=self.dh)
        return loss

    def _again(self) -> Tensor:
        return torch.addmm(self.b, self.h, self.W)


class Tanh:
    """The hyperbolic tangent in place, as 2 sigmoid(2x) - 1.

    The kernel of the sigmoid is several times as fast. Near zero the result has the
    absolute precision of the type, not the relative one, which sums do not notice.
    """

    def __init__(self, like: Tensor) -> None:
        # numbers as tensors: a Python number is made into one at every call
        self.two, self.less_one = like.new_full((1,), 2), like.new_full((1,), -1)
        self.one = like.new_ones(1)

    def forward(self, x: Tensor) -> None:
        """x becomes tanh(x)."""
        x.mul_(self.two).sigmoid_()
        torch.add(self.less_one, x, alpha=2, out=x)

    def backward(self, dh: Tensor, h: Tensor, work: Tensor) -> None:
        """dh becomes (1 - h*h) dh."""
        dh.mul_(torch.addcmul(self.one, h, h, value=-1, out=work))


class BatchNorm:
    """Batch normalisation over the rows (M, C), forward and backward in place.

    ``torch.var`` costs many times what two products with a vector cost.

    Args:
        x: (M, C), the buffer that holds the input and then x-hat.
        dy: (M, C), the buffer that holds the gradient.
        work: (M, C), a buffer for anything.
    """

    def __init__(self, x: Tensor, dy: Tensor, work: Tensor, eps: float = 1e-5) -> None:
        rows, width = x.shape
        self.x, self.dy, self.work, self.rows = x, dy, work, rows
        self.x_t, self.dy_t, self.work_t = x.t(), dy.t(), work.t()
        self.eps, self.over = x.new_full((1,), eps), x.new_full((1,), 1 / rows)
        self.mean_of_rows = x.new_full((rows,), 1 / rows)  # (M)
        self.ones = x.new_ones(rows)  # (M)
        self.mean, self.var = x.new_empty(width), x.new_empty(width)  # (C)
        self.rstd, self.scale = x.new_empty(width), x.new_empty(width)  # (C)
        self.a = x.new_empty(width)  # (C)

    def forward(self, gamma: Tensor, beta: Tensor, y: Tensor) -> None:
        """x becomes x-hat; y (M, C) gets gamma x-hat + beta."""
        x, work = self.x, self.work
        torch.mv(self.x_t, self.mean_of_rows, out=self.mean)
        x.sub_(self.mean)
        torch.mul(x, x, out=work)
        torch.mv(self.work_t, self.mean_of_rows, out=self.var)
        torch.add(self.var, self.eps, out=self.rstd).rsqrt_()
        x.mul_(self.rstd)
        torch.addcmul(beta, x, gamma, out=y)

    def backward(self, gamma: Tensor, dgamma: Tensor, dbeta: Tensor) -> None:
        """dy becomes dx; writes dgamma and dbeta (C)."""
        x, dy = self.x, self.dy
        torch.mv(self.dy_t, self.ones, out=dbeta)
        torch.mul(dy, x, out=self.work)
        torch.mv(self.work_t, self.ones, out=dgamma)
        torch.mul(dbeta, self.over, out=self.a)
        dy.sub_(self.a)
        torch.mul(dgamma, self.over, out=self.a)
        dy.addcmul_(x, self.a, value=-1)
        dy.mul_(torch.mul(gamma, self.rstd, out=self.scale))

    def move(self, mean: Tensor, var: Tensor, momentum: float) -> None:
        """Move running statistics (C) towards those of this batch."""
        mean.lerp_(self.mean, momentum)
        # the running variance estimates that of all data: always the unbiased one
        torch.mul(self.var, self.rows / (self.rows - 1), out=self.a)
        var.lerp_(self.a, momentum)

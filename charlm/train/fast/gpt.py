"""A fast step of the GPT."""

import math
from typing import Any

import torch
from torch import Tensor

from ... import ops
from ...ops.activation import CUBIC, SLOPE
from ...ops.position import angles
from .parts import Loss, Pool
from .product import product


class RowNorm:
    """Layer normalisation of rows (M, E), forward and backward in place."""

    def __init__(self, rows: int, width: int, like: Tensor, new: Pool) -> None:
        self.y, self.share = new(rows, width), like.new_empty(width)  # (M, E), (E)
        self.a, self.b = like.new_empty(rows), like.new_empty(rows)  # (M)
        self.ones = like.new_ones(rows)  # (M)
        # without gain and shift PyTorch takes a way of half the speed
        self.gain, self.shift = like.new_ones(width), like.new_zeros(width)  # (E)

    def forward(self, x: Tensor, layer: Any) -> Tensor:
        """x (M, E)  ->  y (M, E)."""
        plain = self.gain, self.shift
        self.xhat, _, self.rstd = torch.native_layer_norm(
            x, self.gain.shape, *plain, 1e-5
        )
        return torch.addcmul(layer.beta, self.xhat, layer.gamma, out=self.y)

    def backward(self, dy: Tensor, layer: Any, work: Tensor) -> Tensor:
        """dy (M, E)  ->  dx, in its place; writes the layer's gradients."""
        torch.mv(dy.t(), self.ones, out=layer.dbeta)
        torch.mul(dy, self.xhat, out=work)
        torch.mv(work.t(), self.ones, out=layer.dgamma)
        # the means of gamma dy and of gamma dy xhat over a row, as weighted sums
        torch.mul(layer.gamma, 1 / len(self.share), out=self.share)
        torch.mv(dy, self.share, out=self.a)
        torch.mv(work, self.share, out=self.b)
        dy.mul_(layer.gamma).sub_(self.a.unsqueeze(1))
        dy.addcmul_(self.xhat, self.b.unsqueeze(1), value=-1).mul_(self.rstd)
        return dy


class Scratch:
    """Buffers that every block uses in turn: nothing in them outlives its block."""

    def __init__(self, B: int, T: int, E: int, F: int, N: int, new: Pool) -> None:
        M, D = B * T, E // N
        self.dqkv, self.heads = new(M, 3 * E), new(3, B * N, T, D)
        self.seen, self.dp = new(B * N, T, D), new(B * N, T, T)
        self.row, self.s, self.work = new(M, E), new(M, F), new(M, F)


class FastBlock:
    """Buffers of one block of the GPT: what its backward needs of its forward."""

    def __init__(
        self,
        block: Any,
        shape: tuple[int, ...],
        angle: Tensor | None,
        new: Pool,
        scratch: Scratch,
    ) -> None:
        self.norm1, self.attention = block.attend.layers[:2]
        self.norm2, self.up, _, self.down, _ = block.think.layers
        like = self.up.W
        E, F = like.shape
        N, (B, T) = self.attention.n_head, shape
        M, self.shape, self.scratch = B * T, (B, T, N, E // N), scratch
        self.row1, self.row2 = RowNorm(M, E, like, new), RowNorm(M, E, like, new)
        # heads of queries, keys and values, each a matrix: (3, B*N, T, D)
        self.heads, self.p = new(3, B * N, T, E // N), new(B * N, T, T)
        self.mask = like.new_full((T, T), float("-inf")).triu(1)  # hides the future
        self.merged = new(M, E)
        self.act, self.slope = new(M, F), new(M, F)
        self.ones = like.new_ones(M)
        self.inner = like.new_full((1,), 2 * SLOPE)
        self.twice = like.new_full((1,), -4 * SLOPE)
        self.rotation = None if angle is None else (angle.cos(), angle.sin())
        self.scale = 1 / math.sqrt(E // N)

    def forward(self, x: Tensor) -> None:
        """x (M, E): the residual path, added to in place."""
        B, T, N, D = self.shape
        a, temp = self.attention, self.scratch
        y = self.row1.forward(x, self.norm1)
        qkv = product(y, a.qkv.W, a.qkv.b)
        self.heads.view(3, B, N, T, D).copy_(
            qkv.view(B, T, 3, N, D).permute(2, 0, 3, 1, 4)
        )
        if self.rotation:
            rotate(self.heads[:2], *self.rotation)
        q, k, v = self.heads
        torch.baddbmm(self.mask, q, k.mT, alpha=self.scale, out=self.p)
        torch.softmax(self.p, -1, out=self.p)
        torch.bmm(self.p, v, out=temp.seen)
        self.merged.view(B, T, N, D).copy_(temp.seen.view(B, N, T, D).transpose(1, 2))
        x.add_(product(self.merged, a.proj.W, a.proj.b))
        y = self.row2.forward(x, self.norm2)
        self._gelu(product(y, self.up.W, self.up.b))
        x.add_(product(self.act, self.down.W, self.down.b))

    def backward(self, dx: Tensor) -> None:
        """dx (M, E): the gradient on the residual path, added to in place."""
        a, temp = self.attention, self.scratch
        product(self.act.t(), dx, out=self.down.dW)
        torch.mv(dx.t(), self.ones, out=self.down.db)
        dact = product(dx, self.down.W.t())
        dact.mul_(self.slope)
        product(self.row2.y.t(), dact, out=self.up.dW)
        torch.mv(dact.t(), self.ones, out=self.up.db)
        branch = product(dact, self.up.W.t())
        dx.add_(self.row2.backward(branch, self.norm2, temp.row))
        product(self.merged.t(), dx, out=a.proj.dW)
        torch.mv(dx.t(), self.ones, out=a.proj.db)
        self._attention_backward(product(dx, a.proj.W.t()))
        product(self.row1.y.t(), temp.dqkv, out=a.qkv.dW)
        torch.mv(temp.dqkv.t(), self.ones, out=a.qkv.db)
        branch = product(temp.dqkv, a.qkv.W.t())
        dx.add_(self.row1.backward(branch, self.norm1, temp.row))

    def _gelu(self, u: Tensor) -> None:
        """From u (M, F) to ``act`` and to dact/du, while all is still in the cache."""
        s, work = self.scratch.s, self.scratch.work
        # (1 + tanh v) / 2 is the sigmoid of 2v, whose kernel is ten times as fast
        torch.addcmul(self.inner, u, u, value=2 * SLOPE * CUBIC, out=work)
        torch.mul(work, u, out=s).sigmoid_()
        torch.mul(u, s, out=self.act)
        # dact/du = s + u s (1 - s) 2v', and 2v' = 3 (2v / u) - 4 SLOPE
        torch.add(self.twice, work, alpha=3, out=work)
        torch.addcmul(self.act, self.act, s, value=-1, out=self.slope)
        torch.addcmul(s, self.slope, work, out=self.slope)

    def _attention_backward(self, dmerged: Tensor) -> None:
        """From the gradient of the merged heads (M, E) to that of ``qkv``."""
        B, T, N, D = self.shape
        temp = self.scratch
        dp, dseen = temp.dp, temp.seen
        dseen.view(B, N, T, D).copy_(dmerged.view(B, T, N, D).transpose(1, 2))
        q, k, v = self.heads
        dq, dk, dv = temp.heads
        torch.bmm(self.p.mT, dseen, out=dv)
        torch.bmm(dseen, v.mT, out=dp)
        # p (dp - sum of p dp) is p dp - p (sum of p dp)
        dp.mul_(self.p)
        dp.addcmul_(self.p, dp.sum(-1, keepdim=True), value=-1)
        torch.baddbmm(dq, dp, k, beta=0, alpha=self.scale, out=dq)
        torch.baddbmm(dk, dp.mT, q, beta=0, alpha=self.scale, out=dk)
        if self.rotation:
            cos, sin = self.rotation
            rotate(temp.heads[:2], cos, -sin)
        temp.dqkv.view(B, T, 3, N, D).copy_(
            temp.heads.view(3, B, N, T, D).permute(1, 3, 0, 2, 4)
        )


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Rotate neighbouring pairs of features of x (..., T, D) in place."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = even * cos - odd * sin
    odd.mul_(cos).addcmul_(even, sin)
    even.copy_(turned)


class FastGPT:
    """Buffers for one shape of minibatch (B, T)."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        self.model = m = model
        B, T = self.shape = shape
        m.check_length(T)
        C = m.wte.C
        V, E = C.shape
        self.x, self.dx, self.logits = new(B * T, E), new(B * T, E), new(B * T, V)
        width = E // m.blocks.layers[0].attend.layers[1].n_head
        angle = angles(T, width, 10_000.0, C) if m.positions == "rope" else None
        N, F = E // width, m.blocks.layers[0].think.layers[1].W.shape[1]
        self.scratch = Scratch(B, T, E, F, N, new)
        self.blocks = [
            FastBlock(block, shape, angle, new, self.scratch)
            for block in m.blocks.layers
        ]
        self.norm, self.loss = RowNorm(B * T, E, C, new), Loss(B * T, V, C)
        self.table = None
        if m.positions == "sinusoid":
            self.table = ops.sinusoid(T, E, C)

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        m, x = self.model, self.x
        B, T = self.shape
        ix, C = X.reshape(-1), m.wte.C
        torch.index_select(C, 0, ix, out=x)
        table = m.wpe.C[:T] if m.positions == "learned" else self.table
        if table is not None:
            x.view(B, T, -1).add_(table)
        for block in self.blocks:
            block.forward(x)
        y = self.norm.forward(x, m.norm)
        W = C.t() if m.tied else m.head.W
        torch.mm(y, W, out=self.logits)
        loss = self.loss.gradient(self.logits, Y.reshape(-1), lambda: y @ W)
        if m.tied:
            torch.mm(self.logits.t(), y, out=m.wte.dC)
            torch.mm(self.logits, C, out=self.dx)
        else:
            m.wte.dC.zero_()
            torch.mm(y.t(), self.logits, out=m.head.dW)
            torch.mm(self.logits, m.head.W.t(), out=self.dx)
        self.norm.backward(self.dx, m.norm, self.scratch.row)
        for block in reversed(self.blocks):
            block.backward(self.dx)
        if m.positions == "learned":
            m.wpe.dC.zero_()
            torch.sum(self.dx.view(B, T, -1), 0, out=m.wpe.dC[:T])
        m.wte.dC.index_add_(0, ix, self.dx)  # the second use of a tied table
        return loss

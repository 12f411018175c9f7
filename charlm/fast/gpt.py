"""A fast step of the GPT."""

import math
from typing import Any

import torch
from torch import Tensor

from ..ops.activation import CUBIC, SLOPE
from ..ops.position import angles
from .parts import Loss, Pool


class RowNorm:
    """Layer normalisation of rows (M, E), forward and backward in place."""

    def __init__(self, rows: int, width: int, like: Tensor, new: Pool) -> None:
        self.xhat, self.work = new(rows, width), new(rows, width)
        self.y = new(rows, width)
        self.mean_of_row = like.new_full((width,), 1 / width)  # (E)
        self.ones = like.new_ones(rows)  # (M)
        self.a, self.b = like.new_empty(rows), like.new_empty(rows)  # (M)
        self.rstd = like.new_empty(rows)  # (M)

    def forward(self, x: Tensor, layer: Any) -> Tensor:
        """x (M, E)  ->  y (M, E)."""
        torch.mv(x, self.mean_of_row, out=self.a)
        torch.sub(x, self.a.unsqueeze(1), out=self.xhat)
        torch.mul(self.xhat, self.xhat, out=self.work)
        torch.mv(self.work, self.mean_of_row, out=self.rstd)
        self.rstd.add_(1e-5).rsqrt_()
        self.xhat.mul_(self.rstd.unsqueeze(1))
        return torch.addcmul(layer.beta, self.xhat, layer.gamma, out=self.y)

    def backward(self, dy: Tensor, layer: Any) -> Tensor:
        """dy (M, E)  ->  dx, in its place; writes the layer's gradients."""
        torch.mv(dy.t(), self.ones, out=layer.dbeta)
        torch.mul(dy, self.xhat, out=self.work)
        torch.mv(self.work.t(), self.ones, out=layer.dgamma)
        dy.mul_(layer.gamma)
        torch.mv(dy, self.mean_of_row, out=self.a)
        torch.mul(dy, self.xhat, out=self.work)
        torch.mv(self.work, self.mean_of_row, out=self.b)
        self.xhat.mul_(self.b.unsqueeze(1))
        dy.sub_(self.a.unsqueeze(1)).sub_(self.xhat).mul_(self.rstd.unsqueeze(1))
        return dy


class FastBlock:
    """Buffers of one block of the GPT."""

    def __init__(
        self, block: Any, B: int, T: int, angle: Tensor | None, new: Pool
    ) -> None:
        self.norm1, self.attention = block.attend.layers[:2]
        self.norm2, self.up, _, self.down, _ = block.think.layers
        like = self.up.W
        E, F = like.shape
        N = self.attention.n_head
        M, self.shape = B * T, (B, T, N, E // N)
        self.row1, self.row2 = RowNorm(M, E, like, new), RowNorm(M, E, like, new)
        self.qkv, self.dqkv = new(M, 3 * E), new(M, 3 * E)
        # heads of queries, keys and values, each a matrix: (3, B*N, T, D)
        self.heads = new(3, B * N, T, E // N)
        self.dheads = new(3, B * N, T, E // N)
        self.p, self.dp = new(B * N, T, T), new(B * N, T, T)
        self.future = torch.ones(T, T, dtype=torch.bool).triu(1)
        self.seen, self.dseen = new(B * N, T, E // N), new(B * N, T, E // N)
        self.merged, self.mixed = new(M, E), new(M, E)
        self.u, self.s, self.act = new(M, F), new(M, F), new(M, F)
        self.dact, self.work, self.square = new(M, F), new(M, F), new(M, F)
        self.dx, self.dbranch = new(M, E), new(M, E)
        self.ones = like.new_ones(M)
        self.rotation = None if angle is None else (angle.cos(), angle.sin())
        self.scale = 1 / math.sqrt(E // N)

    def forward(self, x: Tensor) -> None:
        """x (M, E): the residual path, added to in place."""
        B, T, N, D = self.shape
        a = self.attention
        y = self.row1.forward(x, self.norm1)
        torch.addmm(a.qkv.b, y, a.qkv.W, out=self.qkv)
        self.heads.view(3, B, N, T, D).copy_(
            self.qkv.view(B, T, 3, N, D).permute(2, 0, 3, 1, 4)
        )
        if self.rotation:
            rotate(self.heads[:2], *self.rotation)
        q, k, v = self.heads
        torch.bmm(q, k.mT, out=self.p)
        self.p.mul_(self.scale).masked_fill_(self.future, float("-inf"))
        torch.softmax(self.p, -1, out=self.p)
        torch.bmm(self.p, v, out=self.seen)
        self.merged.view(B, T, N, D).copy_(self.seen.view(B, N, T, D).transpose(1, 2))
        x.addmm_(self.merged, a.proj.W).add_(a.proj.b)
        y = self.row2.forward(x, self.norm2)
        torch.addmm(self.up.b, y, self.up.W, out=self.u)
        torch.mul(self.u, self.u, out=self.square)
        # (1 + tanh v) / 2 is the sigmoid of 2v, whose kernel is ten times as fast
        torch.mul(self.square, 2 * SLOPE * CUBIC, out=self.s).add_(2 * SLOPE)
        self.s.mul_(self.u).sigmoid_()
        torch.mul(self.u, self.s, out=self.act)
        x.addmm_(self.act, self.down.W).add_(self.down.b)

    def backward(self, dx: Tensor) -> None:
        """dx (M, E): the gradient on the residual path, added to in place."""
        a = self.attention
        torch.mm(self.act.t(), dx, out=self.down.dW)
        torch.mv(dx.t(), self.ones, out=self.down.db)
        torch.mm(dx, self.down.W.t(), out=self.dact)
        # dact/du = s + u s (1 - s) 2v' with 2v' = 2 SLOPE (1 + 3 CUBIC u*u)
        torch.addcmul(self.s, self.s, self.s, value=-1, out=self.work)
        self.work.mul_(self.u)
        self.square.mul_(6 * SLOPE * CUBIC).add_(2 * SLOPE)
        self.s.addcmul_(self.work, self.square)
        self.dact.mul_(self.s)
        torch.mm(self.row2.y.t(), self.dact, out=self.up.dW)
        torch.mv(self.dact.t(), self.ones, out=self.up.db)
        torch.mm(self.dact, self.up.W.t(), out=self.dbranch)
        dx.add_(self.row2.backward(self.dbranch, self.norm2))
        torch.mm(self.merged.t(), dx, out=a.proj.dW)
        torch.mv(dx.t(), self.ones, out=a.proj.db)
        torch.mm(dx, a.proj.W.t(), out=self.mixed)
        self._attention_backward()
        torch.mm(self.row1.y.t(), self.dqkv, out=a.qkv.dW)
        torch.mv(self.dqkv.t(), self.ones, out=a.qkv.db)
        torch.mm(self.dqkv, a.qkv.W.t(), out=self.dbranch)
        dx.add_(self.row1.backward(self.dbranch, self.norm1))

    def _attention_backward(self) -> None:
        """From ``mixed``, the gradient of the merged heads, to ``dqkv``."""
        B, T, N, D = self.shape
        self.dseen.view(B, N, T, D).copy_(self.mixed.view(B, T, N, D).transpose(1, 2))
        q, k, v = self.heads
        dq, dk, dv = self.dheads
        torch.bmm(self.p.mT, self.dseen, out=dv)
        torch.bmm(self.dseen, v.mT, out=self.dp)
        # p (dp - sum of p dp) is p dp - p (sum of p dp)
        self.dp.mul_(self.p)
        total = self.dp.sum(-1, keepdim=True)
        self.dp.addcmul_(self.p, total, value=-1).mul_(self.scale)
        torch.bmm(self.dp, k, out=dq)
        torch.bmm(self.dp.mT, q, out=dk)
        if self.rotation:
            cos, sin = self.rotation
            rotate(self.dheads[:2], cos, -sin)
        self.dqkv.view(B, T, 3, N, D).copy_(
            self.dheads.view(3, B, N, T, D).permute(1, 3, 0, 2, 4)
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
        self.blocks = [FastBlock(block, B, T, angle, new) for block in m.blocks.layers]
        self.norm, self.loss = RowNorm(B * T, E, C, new), Loss(B * T, V, C)
        self.table = None
        if m.positions == "sinusoid":
            from ..ops import sinusoid

            self.table = sinusoid(T, E, C)

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
        torch.mm(y, C.t() if m.tied else m.head.W, out=self.logits)
        loss = self.loss.gradient(self.logits, Y.reshape(-1))
        if m.tied:
            torch.mm(self.logits.t(), y, out=m.wte.dC)
            torch.mm(self.logits, C, out=self.dx)
        else:
            m.wte.dC.zero_()
            torch.mm(y.t(), self.logits, out=m.head.dW)
            torch.mm(self.logits, m.head.W.t(), out=self.dx)
        self.norm.backward(self.dx, m.norm)
        for block in reversed(self.blocks):
            block.backward(self.dx)
        if m.positions == "learned":
            m.wpe.dC.zero_()
            torch.sum(self.dx.view(B, T, -1), 0, out=m.wpe.dC[:T])
        m.wte.dC.index_add_(0, ix, self.dx)  # the second use of a tied table
        return loss

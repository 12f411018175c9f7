"""A fast step of the tree."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Loss, Pool, Tanh


class FastLevel:
    """Buffers of one level of the tree: n joined pairs, H features each."""

    def __init__(
        self, linear: Any, norm: Any, below: Tensor, dbelow: Tensor, new: Pool
    ) -> None:
        self.linear, self.layer = linear, norm
        width, H = linear.W.shape
        self.x, self.dx = below.view(-1, width), dbelow.view(-1, width)
        n = len(self.x)
        self.pre, self.h, self.dh, self.work = (new(n, H) for _ in range(4))
        self.x_t, self.W_t = self.x.t(), linear.W.t()
        self.norm = BatchNorm(self.pre, self.dh, self.work)
        self.tanh = Tanh(linear.W)

    def up(self) -> None:
        """From the level below to ``h``."""
        layer = self.layer
        torch.mm(self.x, self.linear.W, out=self.pre)
        self.norm.forward(layer.gamma, layer.beta, self.h)
        self.norm.move(layer.running_mean, layer.running_var, layer.momentum)
        self.tanh.forward(self.h)

    def down(self) -> None:
        """From ``dh`` to the level below."""
        layer, dh = self.layer, self.dh
        self.tanh.backward(dh, self.h, self.work)
        self.norm.backward(layer.gamma, layer.dgamma, layer.dbeta)
        torch.mm(self.x_t, dh, out=self.linear.dW)
        torch.mm(dh, self.W_t, out=self.dx)


class FastTree:
    """Buffers for one shape of minibatch (B, T): a set per level of the tree."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        layers = model.stack.layers
        self.embed, self.out = layers[0], layers[-1]
        B, T = shape
        C = self.embed.C
        V, E = C.shape
        self.emb, self.demb = new(B * T, E), new(B * T, E)
        below, dbelow = self.emb, self.demb
        self.levels = []
        for linear, norm in zip(layers[2:-1:4], layers[3:-1:4], strict=True):
            level = FastLevel(linear, norm, below, dbelow, new)
            self.levels.append(level)
            below, dbelow = level.h, level.dh
        self.logits = new(B, V)
        self.top, self.dtop, self.top_t = below, dbelow, below.t()
        self.logits_t, self.W_t = self.logits.t(), self.out.W.t()
        self.loss, self.ones = Loss(B, V, C), C.new_ones(B)

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        out, ix = self.out, X.reshape(-1)
        torch.index_select(self.embed.C, 0, ix, out=self.emb)
        for level in self.levels:
            level.up()
        torch.addmm(out.b, self.top, out.W, out=self.logits)
        loss = self.loss.gradient(self.logits, Y)
        torch.mm(self.top_t, self.logits, out=out.dW)
        torch.mv(self.logits_t, self.ones, out=out.db)
        torch.mm(self.logits, self.W_t, out=self.dtop)
        for level in reversed(self.levels):
            level.down()
        self.embed.dC.zero_().index_add_(0, ix, self.demb)
        return loss

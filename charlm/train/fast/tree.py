"""A fast step of the tree."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Head, Pool, Table, Tanh


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
        embed, self.out = layers[0], layers[-1]
        B, T = shape
        self.table = Table(embed.C, embed.dC, B * T, new)
        below, dbelow = self.table.emb, self.table.demb
        self.levels = []
        for linear, norm in zip(layers[2:-1:4], layers[3:-1:4], strict=True):
            level = FastLevel(linear, norm, below, dbelow, new)
            self.levels.append(level)
            below, dbelow = level.h, level.dh
        self.head = Head(below, dbelow, self.out.W, self.out.b, new)

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        ix = X.reshape(-1)
        self.table.forward(ix)
        for level in self.levels:
            level.up()
        loss = self.head.gradient(Y, self.out.dW, self.out.db)
        for level in reversed(self.levels):
            level.down()
        self.table.backward(ix)
        return loss

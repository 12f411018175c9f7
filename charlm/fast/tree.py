"""A fast step of the tree."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Loss, Pool, tanh_


class FastTree:
    """Buffers for one shape of minibatch (B, T): a set per level of the tree."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        layers = model.stack.layers
        self.embed, self.out = layers[0], layers[-1]
        self.maps, self.norms = layers[2:-1:4], layers[3:-1:4]
        B, T = shape
        C = self.embed.C
        V, E = C.shape
        H = self.out.W.shape[0]
        self.emb, self.demb = new(B * T, E), new(B * T, E)
        rows = [B * T // 2 ** (i + 1) for i in range(len(self.maps))]
        self.pre = [new(n, H) for n in rows]
        self.h, self.dh = [new(n, H) for n in rows], [new(n, H) for n in rows]
        self.slope = [new(n, H) for n in rows]
        self.batchnorm = [BatchNorm(n, H, C) for n in rows]
        self.one = torch.ones(1, dtype=C.dtype)
        self.logits, self.ones = new(B, V), torch.ones(B, dtype=C.dtype)
        self.loss = Loss(B, V, C)

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        torch.index_select(self.embed.C, 0, X.reshape(-1), out=self.emb)
        below = self.emb
        steps = list(
            zip(
                self.maps,
                self.norms,
                self.batchnorm,
                self.pre,
                self.h,
                strict=True,
            )
        )
        for linear, layer, norm, pre, h in steps:
            torch.mm(below.view(len(pre), -1), linear.W, out=pre)
            norm.forward(pre, layer.gamma, layer.beta, h)
            norm.move(layer.running_mean, layer.running_var, layer.momentum)
            tanh_(h)
            below = h
        torch.addmm(self.out.b, below, self.out.W, out=self.logits)
        loss = self.loss.gradient(self.logits, Y)
        torch.mm(below.t(), self.logits, out=self.out.dW)
        torch.mv(self.logits.t(), self.ones, out=self.out.db)
        torch.mm(self.logits, self.out.W.t(), out=self.dh[-1])
        for i in reversed(range(len(steps))):
            linear, layer, norm, pre, h = steps[i]
            dh, slope = self.dh[i], self.slope[i]
            torch.addcmul(self.one, h, h, value=-1, out=slope)  # 1 - h*h
            dh.mul_(slope)
            norm.backward(dh, pre, layer.gamma, layer.dgamma, layer.dbeta)
            below = self.h[i - 1] if i else self.emb
            dbelow = self.dh[i - 1] if i else self.demb
            torch.mm(below.view(len(dh), -1).t(), dh, out=linear.dW)
            torch.mm(dh, linear.W.t(), out=dbelow.view(len(dh), -1))
        self.embed.dC.zero_().index_add_(0, X.reshape(-1), self.demb)
        return loss

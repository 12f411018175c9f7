"""A fast step of the MLP."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Loss, Pool, tanh_


class FastMLP:
    """Buffers for one shape of minibatch (B, T)."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        self.model = m = model
        B, T = shape
        V, E = m.C.shape
        H = m.W1.shape[1]
        self.emb, self.demb = new(B * T, E), new(B * T, E)
        self.flat, self.dflat = self.emb.view(B, T * E), self.demb.view(B, T * E)
        self.pre, self.h, self.dh = new(B, H), new(B, H), new(B, H)
        self.slope, self.one = new(B, H), torch.ones(1, dtype=m.C.dtype)
        self.logits = new(B, V)
        self.ones = torch.ones(B, dtype=m.C.dtype)
        self.loss = Loss(B, V, m.C)
        self.norm = BatchNorm(B, H, m.C) if m.normalise else None

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        m, h, dh = self.model, self.h, self.dh
        torch.index_select(m.C, 0, X.reshape(-1), out=self.emb)
        torch.addmm(m.b1, self.flat, m.W1, out=self.pre)
        if self.norm:
            self.norm.forward(self.pre, m.gamma, m.beta, h)
            self.norm.move(m.running_mean, m.running_var, m.momentum)
            tanh_(h)
        else:
            h.copy_(self.pre)
            tanh_(h)
        torch.addmm(m.b2, h, m.W2, out=self.logits)
        loss = self.loss.gradient(self.logits, Y)
        torch.mm(h.t(), self.logits, out=m.dW2)
        torch.mv(self.logits.t(), self.ones, out=m.db2)
        torch.mm(self.logits, m.W2.t(), out=dh)
        torch.addcmul(self.one, h, h, value=-1, out=self.slope)  # 1 - h*h
        dh.mul_(self.slope)
        if self.norm:
            self.norm.backward(dh, self.pre, m.gamma, m.dgamma, m.dbeta)
        torch.mm(self.flat.t(), dh, out=m.dW1)
        torch.mv(dh.t(), self.ones, out=m.db1)
        torch.mm(dh, m.W1.t(), out=self.dflat)
        m.dC.zero_().index_add_(0, X.reshape(-1), self.demb)
        return loss

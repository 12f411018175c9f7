"""A fast step of the MLP."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Head, Pool, Table, Tanh


class FastMLP:
    """Buffers for one shape of minibatch (B, T), and transposed views of them."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        self.model = m = model
        B, T = shape
        E, H = m.C.shape[1], m.W1.shape[1]
        self.table = Table(m.C, m.dC, B * T, new)
        self.flat = self.table.emb.view(B, T * E)
        self.dflat = self.table.demb.view(B, T * E)
        self.pre, self.h, self.dh = new(B, H), new(B, H), new(B, H)
        self.work, self.head = new(B, H), Head(self.h, self.dh, m.W2, m.b2, new)
        self.flat_t, self.dh_t, self.W1_t = self.flat.t(), self.dh.t(), m.W1.t()
        self.ones, self.tanh = m.C.new_ones(B), Tanh(m.C)
        self.norm = BatchNorm(self.pre, self.dh, self.work) if m.normalise else None

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        m, h, dh, ix = self.model, self.h, self.dh, X.reshape(-1)
        self.table.forward(ix)
        torch.addmm(m.b1, self.flat, m.W1, out=self.pre)
        if self.norm:
            self.norm.forward(m.gamma, m.beta, h)
            self.norm.move(m.running_mean, m.running_var, m.momentum)
        else:
            h.copy_(self.pre)
        self.tanh.forward(h)
        loss = self.head.gradient(Y, m.dW2, m.db2)
        self.tanh.backward(dh, h, self.work)
        if self.norm:
            self.norm.backward(m.gamma, m.dgamma, m.dbeta)
        torch.mm(self.flat_t, dh, out=m.dW1)
        torch.mv(self.dh_t, self.ones, out=m.db1)
        torch.mm(dh, self.W1_t, out=self.dflat)
        self.table.backward(ix)
        return loss

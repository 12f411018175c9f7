"""A fast step of the MLP."""

from typing import Any

import torch
from torch import Tensor

from .parts import BatchNorm, Loss, Pool, Tanh


class FastMLP:
    """Buffers for one shape of minibatch (B, T), and transposed views of them."""

    def __init__(self, model: Any, shape: tuple[int, ...], new: Pool) -> None:
        self.model = m = model
        B, T = shape
        V, E = m.C.shape
        H = m.W1.shape[1]
        self.emb, self.demb = new(B * T, E), new(B * T, E)
        self.flat, self.dflat = self.emb.view(B, T * E), self.demb.view(B, T * E)
        self.pre, self.h, self.dh = new(B, H), new(B, H), new(B, H)
        self.work, self.logits = new(B, H), new(B, V)
        self.flat_t, self.h_t, self.dh_t = self.flat.t(), self.h.t(), self.dh.t()
        self.logits_t, self.W1_t, self.W2_t = self.logits.t(), m.W1.t(), m.W2.t()
        self.ones = m.C.new_ones(B)
        self.loss, self.tanh = Loss(B, V, m.C), Tanh(m.C)
        self.norm = BatchNorm(self.pre, self.dh, self.work) if m.normalise else None

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Write every gradient of the model; returns the loss."""
        m, h, dh, ix = self.model, self.h, self.dh, X.reshape(-1)
        torch.index_select(m.C, 0, ix, out=self.emb)
        torch.addmm(m.b1, self.flat, m.W1, out=self.pre)
        if self.norm:
            self.norm.forward(m.gamma, m.beta, h)
            self.norm.move(m.running_mean, m.running_var, m.momentum)
        else:
            h.copy_(self.pre)
        self.tanh.forward(h)
        torch.addmm(m.b2, h, m.W2, out=self.logits)
        loss = self.loss.gradient(self.logits, Y)
        torch.mm(self.h_t, self.logits, out=m.dW2)
        torch.mv(self.logits_t, self.ones, out=m.db2)
        torch.mm(self.logits, self.W2_t, out=dh)
        self.tanh.backward(dh, h, self.work)
        if self.norm:
            self.norm.backward(m.gamma, m.dgamma, m.dbeta)
        torch.mm(self.flat_t, dh, out=m.dW1)
        torch.mv(self.dh_t, self.ones, out=m.db1)
        torch.mm(dh, self.W1_t, out=self.dflat)
        m.dC.zero_().index_add_(0, ix, self.demb)
        return loss

"""The same models as others write them, trained with autograd; for comparison only.

Each function returns a step: a callable that does one update on one minibatch.
"""

import torch
import torch.nn.functional as F
from torch import nn


def with_optimiser(model, optimiser, causal):
    """One step of autograd and a torch optimiser."""

    def step(X, Y):
        logits = model(X)
        if causal:
            logits, Y = logits.flatten(0, 1), Y.flatten()
        loss = F.cross_entropy(logits, Y, ignore_index=-1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


class MLP(nn.Module):
    """Embedding, linear, BatchNorm, tanh, linear."""

    def __init__(self, V=27, T=3, E=10, H=200):
        super().__init__()
        self.C, self.one = nn.Embedding(V, E), nn.Linear(T * E, H)
        self.norm, self.two = nn.BatchNorm1d(H), nn.Linear(H, V)

    def forward(self, ix):
        return self.two(self.norm(self.one(self.C(ix).flatten(1))).tanh())


class Tree(nn.Module):
    """The lectures' tree as PyTorch modules."""

    def __init__(self, V=27, E=24, H=128, levels=3):
        super().__init__()
        self.C = nn.Embedding(V, E)
        widths = [E] + [H] * (levels - 1)
        self.maps = nn.ModuleList(nn.Linear(2 * w, H, bias=False) for w in widths)
        self.norms = nn.ModuleList(nn.BatchNorm1d(H) for _ in widths)
        self.out = nn.Linear(H, V)

    def forward(self, ix):
        h = self.C(ix)
        for m, n in zip(self.maps, self.norms, strict=True):
            h = m(h.view(len(h), h.shape[1] // 2, -1))
            h = n(h.flatten(0, 1)).view(h.shape).tanh()
        return self.out(h[:, 0])


class Block(nn.Module):
    """A pre-norm block; attention spelt out, or PyTorch's fused one."""

    def __init__(self, E, N, block, fused):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(E), nn.LayerNorm(E)
        self.qkv, self.proj = nn.Linear(E, 3 * E), nn.Linear(E, E)
        self.up, self.down = nn.Linear(E, 4 * E), nn.Linear(4 * E, E)
        self.N, self.fused = N, fused
        self.register_buffer("mask", torch.tril(torch.ones(block, block))[None, None])

    def forward(self, x):
        B, T, E = x.shape
        q, k, v = self.qkv(self.n1(x)).split(E, 2)
        q, k, v = (t.view(B, T, self.N, -1).transpose(1, 2) for t in (q, k, v))
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            att = (q @ k.transpose(-2, -1)) * (E // self.N) ** -0.5
            att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
            y = F.softmax(att, dim=-1) @ v
        x = x + self.proj(y.transpose(1, 2).contiguous().view(B, T, E))
        u = self.up(self.n2(x))
        if self.fused:
            u = F.gelu(u, approximate="tanh")
        else:  # spelt out, as small published models do
            inner = (2 / torch.pi) ** 0.5 * (u + 0.044715 * torch.pow(u, 3.0))
            u = 0.5 * u * (1.0 + torch.tanh(inner))
        return x + self.down(u)


class GPT(nn.Module):
    """A decoder-only transformer of 204,544 parameters."""

    def __init__(self, V=27, block=16, E=64, N=4, layers=4, fused=False):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, E), nn.Embedding(block, E)
        self.blocks = nn.ModuleList(Block(E, N, block, fused) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(E), nn.Linear(E, V, bias=False)

    def forward(self, ix):
        h = self.wte(ix) + self.wpe(torch.arange(ix.shape[1], device=ix.device))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


def lectures_by_hand(V=27, T=3, E=10, H=200, lr=0.1):
    """The hand-written gradients of the lectures, with their loop over embeddings."""
    g = torch.Generator().manual_seed(0)
    C = torch.randn(V, E, generator=g)
    W1 = torch.randn(T * E, H, generator=g) * (5 / 3) / (T * E) ** 0.5
    b1 = torch.randn(H, generator=g) * 0.1
    W2 = torch.randn(H, V, generator=g) * 0.1
    b2 = torch.randn(V, generator=g) * 0.1
    gain, bias = torch.ones(1, H), torch.zeros(1, H)

    def step(Xb, Yb):
        n = len(Xb)
        with torch.no_grad():
            emb = C[Xb]
            embcat = emb.view(n, -1)
            hprebn = embcat @ W1 + b1
            mean = hprebn.mean(0, keepdim=True)
            var = hprebn.var(0, keepdim=True, unbiased=True)
            var_inv = (var + 1e-5) ** -0.5
            raw = (hprebn - mean) * var_inv
            h = torch.tanh(gain * raw + bias)
            logits = h @ W2 + b2
            loss = F.cross_entropy(logits, Yb)
            dlogits = F.softmax(logits, 1)
            dlogits[range(n), Yb] -= 1
            dlogits /= n
            dh = dlogits @ W2.T
            dW2, db2 = h.T @ dlogits, dlogits.sum(0)
            dpre = (1.0 - h**2) * dh
            dgain = (raw * dpre).sum(0, keepdim=True)
            dbias = dpre.sum(0, keepdim=True)
            dhprebn = (
                gain
                * var_inv
                / n
                * (n * dpre - dpre.sum(0) - n / (n - 1) * raw * (dpre * raw).sum(0))
            )
            dembcat = dhprebn @ W1.T
            dW1, db1 = embcat.T @ dhprebn, dhprebn.sum(0)
            demb = dembcat.view(emb.shape)
            dC = torch.zeros_like(C)
            for k in range(n):
                for j in range(T):
                    dC[Xb[k, j]] += demb[k, j]
            gradients = (dC, dW1, db1, dW2, db2, dgain, dbias)
            for p, d in zip((C, W1, b1, W2, b2, gain, bias), gradients, strict=True):
                p.data += -lr * d
        return loss.item()

    return step

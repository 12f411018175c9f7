"""The models once more, with PyTorch's own modules: what autograd differentiates.

``fill`` copies the parameters of our model, by dotted name; a twin says with ``ours``
which of its tensors each of our names is, and how it is laid out.
"""

import torch
import torch.nn.functional as F
from torch import nn


def fill(twin, model):
    """Give a twin the parameters of our model; every one of them, no other."""
    mine = {name: p for name, p, _ in model.named()}
    theirs = twin.double().ours()
    assert set(mine) == set(theirs)
    with torch.no_grad():
        for name, (tensor, turned) in theirs.items():
            value = mine[name]
            tensor.copy_(turned(value) if turned else value)


def grads(twin):
    """Our name -> the gradient that autograd left, in our layout."""
    back = {None: lambda t: t, T: T, conv: conv_back, inner: inner_back}
    return {name: back[how](t.grad) for name, (t, how) in twin.ours().items()}


def T(t):
    return t.T


def conv(t):
    return t.permute(2, 1, 0)


def conv_back(t):
    return t.permute(2, 1, 0)


def inner(v):
    """Of the GRU's second bias only the last third is not a copy of the first."""
    return torch.cat([torch.zeros_like(v), torch.zeros_like(v), v])


def inner_back(t):
    return t[2 * len(t) // 3 :]


class MLP(nn.Module):
    def __init__(self, V, T_, E, H, normalise=True):
        super().__init__()
        self.C = nn.Embedding(V, E)
        self.one, self.two = nn.Linear(T_ * E, H), nn.Linear(H, V)
        self.norm = nn.BatchNorm1d(H) if normalise else nn.Identity()

    def ours(self):
        found = {
            "C": (self.C.weight, None),
            "W1": (self.one.weight, T),
            "b1": (self.one.bias, None),
            "W2": (self.two.weight, T),
            "b2": (self.two.bias, None),
        }
        if isinstance(self.norm, nn.BatchNorm1d):
            found["gamma"] = self.norm.weight, None
            found["beta"] = self.norm.bias, None
        return found

    def forward(self, ix):
        return self.two(self.norm(self.one(self.C(ix).flatten(1))).tanh())


class Bigram(nn.Module):
    def __init__(self, V):
        super().__init__()
        self.W = nn.Linear(V, V, bias=False)
        self.V = V

    def ours(self):
        return {"W": (self.W.weight, T)}

    def forward(self, ix):
        return self.W(F.one_hot(ix[:, -1], self.V).double())


class Unbiased(nn.BatchNorm1d):
    """Batch normalisation of (B, C, T) as the lectures write it, with torch.var."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        var, mean = torch.var_mean(x, (0, 2), keepdim=True)
        with torch.no_grad():
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(var.flatten(), self.momentum)
        xhat = (x - mean) / (var + self.eps).sqrt()
        return self.weight[:, None] * xhat + self.bias[:, None]


class Tree(nn.Module):
    def __init__(self, V, E, H, levels, correction=0):
        super().__init__()
        self.C = nn.Embedding(V, E)
        widths = [E] + [H] * (levels - 1)
        self.maps = nn.ModuleList(nn.Linear(2 * w, H, bias=False) for w in widths)
        norm = Unbiased if correction else nn.BatchNorm1d
        self.norms = nn.ModuleList(norm(H) for _ in widths)
        self.out = nn.Linear(H, V)

    def ours(self):
        found = {"stack.0.C": (self.C.weight, None)}
        for i, (m, n) in enumerate(zip(self.maps, self.norms, strict=True)):
            found[f"stack.{4 * i + 2}.W"] = m.weight, T
            found[f"stack.{4 * i + 3}.gamma"] = n.weight, None
            found[f"stack.{4 * i + 3}.beta"] = n.bias, None
        last = 4 * len(self.maps) + 1
        found[f"stack.{last}.W"] = self.out.weight, T
        found[f"stack.{last}.b"] = self.out.bias, None
        return found

    def forward(self, ix):
        h = self.C(ix)
        for m, n in zip(self.maps, self.norms, strict=True):
            h = m(torch.cat([h[:, 0::2], h[:, 1::2]], -1))
            h = n(h.mT).mT.tanh()  # BatchNorm1d wants (B, C, T)
        return self.out(h[:, 0])


class ConvTree(Tree):
    def forward(self, ix):
        past = ix.new_zeros(len(ix), 2 ** len(self.maps) - 1)
        h = self.C(torch.cat([past, ix], 1))
        for i, (m, n) in enumerate(zip(self.maps, self.norms, strict=True)):
            h = m(torch.cat([h[:, : -(2**i)], h[:, 2**i :]], -1))
            h = n(h.mT).mT.tanh()
        return self.out(h)


class WaveNet(nn.Module):
    def __init__(self, V, R, S, levels):
        super().__init__()
        self.C = nn.Embedding(V, R)
        self.filters = nn.ModuleList(
            nn.Conv1d(R, 2 * R, 2, dilation=2**i) for i in range(levels)
        )
        self.outs = nn.ModuleList(nn.Linear(R, R + S) for _ in range(levels))
        self.head = nn.Linear(S, V)
        self.R = R

    def ours(self):
        found = {"embed.C": (self.C.weight, None)}
        for i, (f, o) in enumerate(zip(self.filters, self.outs, strict=True)):
            found[f"blocks.{i}.conv.W"] = f.weight, conv
            found[f"blocks.{i}.conv.b"] = f.bias, None
            found[f"blocks.{i}.out.W"] = o.weight, T
            found[f"blocks.{i}.out.b"] = o.bias, None
        found["head.W"] = self.head.weight, T
        found["head.b"] = self.head.bias, None
        return found

    def forward(self, ix):
        h, total = self.C(ix), 0
        for f, o in zip(self.filters, self.outs, strict=True):
            both = f(F.pad(h.mT, (f.dilation[0], 0))).mT
            out = o(both[..., : self.R].tanh() * both[..., self.R :].sigmoid())
            h, total = h + out[..., : self.R], total + out[..., self.R :]
        return self.head(F.relu(total))


class GPTBlock(nn.Module):
    def __init__(self, E, N, turn):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(E), nn.LayerNorm(E)
        self.qkv, self.proj = nn.Linear(E, 3 * E), nn.Linear(E, E)
        self.up, self.down = nn.Linear(E, 4 * E), nn.Linear(4 * E, E)
        self.N, self.turn = N, turn

    def ours(self, i):
        names = {
            "attend.0": self.n1,
            "attend.1.qkv": self.qkv,
            "attend.1.proj": self.proj,
            "think.0": self.n2,
            "think.1": self.up,
            "think.3": self.down,
        }
        found = {}
        for name, m in names.items():
            norm = isinstance(m, nn.LayerNorm)
            w, b = ("gamma", "beta") if norm else ("W", "b")
            found[f"blocks.{i}.{name}.{w}"] = m.weight, None if norm else T
            found[f"blocks.{i}.{name}.{b}"] = m.bias, None
        return found

    def forward(self, x):
        B, T_, E = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, T_, 3, self.N, -1).unbind(2)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        if self.turn:
            q, k = self.turn(q), self.turn(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T_, E))
        return x + self.down(F.gelu(self.up(self.n2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, V, block, E, N, layers, positions, tied, turn=None):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, E), nn.Embedding(block, E)
        rope = positions == "rope"
        self.blocks = nn.ModuleList(
            GPTBlock(E, N, turn if rope else None) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(E)
        self.head = nn.Linear(E, V, bias=False)
        if tied:
            self.head.weight = self.wte.weight
        self.positions, self.tied = positions, tied

    def ours(self):
        found = {"wte.C": (self.wte.weight, None)}
        if self.positions == "learned":
            found["wpe.C"] = self.wpe.weight, None
        for i, block in enumerate(self.blocks):
            found.update(block.ours(i))
        found["norm.gamma"] = self.norm.weight, None
        found["norm.beta"] = self.norm.bias, None
        if not self.tied:
            found["head.W"] = self.head.weight, T
        return found

    def forward(self, ix):
        h = self.wte(ix)
        t = torch.arange(ix.shape[1])
        if self.positions == "learned":
            h = h + self.wpe(t)
        elif self.positions == "sinusoid":
            E = h.shape[-1]
            i = torch.arange(E)
            angle = t[:, None].double() / 10_000 ** ((i - i % 2) / E).double()
            h = h + torch.where(i % 2 == 0, angle.sin(), angle.cos())
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Recurrent(nn.Module):
    """Embedding, one of PyTorch's recurrent nets, scores; ``truncate`` detaches."""

    def __init__(self, V, E, H, kind, truncate=None):
        super().__init__()
        self.C, self.out = nn.Embedding(V, E), nn.Linear(H, V)
        self.net = getattr(nn, kind)(E, H, batch_first=True)
        nn.init.zeros_(self.net.bias_hh_l0)
        self.truncate = truncate

    def ours(self):
        found = {
            "embed.C": (self.C.weight, None),
            "cell.W": (self.net.weight_ih_l0, T),
            "cell.U": (self.net.weight_hh_l0, T),
            "cell.b": (self.net.bias_ih_l0, None),
        }
        if isinstance(self.net, nn.GRU):
            found["cell.v"] = self.net.bias_hh_l0, inner
        return found | {"head.W": (self.out.weight, T), "head.b": (self.out.bias, None)}

    def forward(self, ix):
        state, found = None, []
        for piece in self.C(ix).split(self.truncate or ix.shape[1], 1):
            h, state = self.net(piece, state)
            found.append(h)
            state = tuple(s.detach() for s in state) if type(state) is tuple else state
            state = state if type(state) is tuple else state.detach()
        return self.out(torch.cat(found, 1))


class PaperGRU(nn.Module):
    """The form that PyTorch does not have, step by step."""

    def __init__(self, V, E, H, cell):
        super().__init__()
        self.C, self.out = nn.Embedding(V, E), nn.Linear(H, V)
        self.W, self.U = nn.Parameter(torch.empty(E, 3 * H)), nn.Linear(3 * H, H)
        self.b, self.cell = nn.Parameter(torch.empty(3 * H)), cell

    def ours(self):
        return {
            "embed.C": (self.C.weight, None),
            "cell.W": (self.W, None),
            "cell.U": (self.U.weight, None),
            "cell.b": (self.b, None),
            "head.W": (self.out.weight, T),
            "head.b": (self.out.bias, None),
        }

    def forward(self, ix):
        e, found = self.C(ix), []
        h = e.new_zeros(len(ix), len(self.U.weight))
        for x in e.unbind(1):
            h = self.cell(x, h, self.W, self.U.weight, self.b)
            found.append(h)
        return self.out(torch.stack(found, 1))

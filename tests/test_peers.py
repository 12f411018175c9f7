"""Weights and facts of other teaching projects: the same numbers come out here.

micrograd, makemore and nanoGPT by Andrej Karpathy. Their forms are written once more
with PyTorch's operations, over parameters of their names and layouts.
"""

import pytest
import torch
import torch.nn.functional as F

from charlm.models import GPT, GRU, RNN
from charlm.scalar import Value

F64 = torch.float64
V, T, E, N, H = 13, 7, 8, 2, 5


# micrograd ----------------------------------------------------------------------------


def relu(v):
    return v.relu()


def small(x):
    """Values used several times, a product, two kinks."""
    z = 2 * x + 2 + x
    q = relu(z) + z * x
    return relu(z * z) + q + q * x


def large(a, b):
    """Every operation, and names that are given anew."""
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c - a
    d = d + d * 2 + relu(b + a)
    d = d + 3 * d + relu(b - a)
    e = c - d
    f = e**2
    return f / 2 + 10 / f


@pytest.mark.parametrize(
    ("function", "at", "result", "slopes"),
    [
        (small, [-4.0], -20.0, [46.0]),
        (large, [-4.0, 2.0], 24.70408163265306, [138.8338192419825, 645.5772594752186]),
    ],
)
def test_the_numbers_that_micrograd_prints(function, at, result, slopes):
    leaves = [Value(x) for x in at]
    end = function(*leaves)
    end.backward()
    assert end.data == pytest.approx(result, rel=1e-14)
    assert [leaf.grad for leaf in leaves] == pytest.approx(slopes, rel=1e-13)
    theirs = [torch.tensor(x, dtype=F64, requires_grad=True) for x in at]
    reference = function(*theirs)
    reference.backward()
    assert end.data == pytest.approx(reference.item(), rel=1e-14)
    grads = [t.grad.item() for t in theirs]
    assert [leaf.grad for leaf in leaves] == pytest.approx(grads, rel=1e-13)


# GPT-2's layout, which nanoGPT and makemore share -------------------------------------

MAPS = {  # a module of theirs, and ours
    "ln_1": "attend.0",
    "attn.c_attn": "attend.1.qkv",
    "attn.c_proj": "attend.1.proj",
    "ln_2": "think.0",
    "mlp.c_fc": "think.1",
    "mlp.c_proj": "think.3",
}


def gpt_weights(layers, tied, draw):
    """A state dict: nn.Linear's (out, in), queries, keys and values in one map."""
    out = {"attn.c_attn": (3 * E, E), "attn.c_proj": (E, E)}
    out |= {"mlp.c_fc": (4 * E, E), "mlp.c_proj": (E, 4 * E)}
    p = {"transformer.wte.weight": draw(V, E), "transformer.wpe.weight": draw(T, E)}
    for i in range(layers):
        for name in MAPS:
            shape = out.get(name, (E,))
            p[f"transformer.h.{i}.{name}.weight"] = draw(*shape)
            p[f"transformer.h.{i}.{name}.bias"] = draw(shape[0])
    p["transformer.ln_f.weight"], p["transformer.ln_f.bias"] = draw(E), draw(E)
    if not tied:
        p["lm_head.weight"] = draw(V, E)
    return p


def gpt_forward(p, layers, ix):
    """As they write it: a mask, heads by view and transpose, the tanh form of GELU."""

    def linear(x, name):
        return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, (E,), p[f"{name}.weight"], p[f"{name}.bias"])

    B, t = ix.shape
    mask = torch.ones(t, t).tril() == 0
    x = p["transformer.wte.weight"][ix] + p["transformer.wpe.weight"][:t]
    for i in range(layers):
        at = f"transformer.h.{i}"
        q, k, v = linear(norm(x, f"{at}.ln_1"), f"{at}.attn.c_attn").split(E, dim=2)
        q, k, v = (s.view(B, t, N, E // N).transpose(1, 2) for s in (q, k, v))
        scores = q @ k.transpose(-2, -1) / (E // N) ** 0.5
        y = scores.masked_fill(mask, float("-inf")).softmax(-1) @ v
        x = x + linear(y.transpose(1, 2).reshape(B, t, E), f"{at}.attn.c_proj")
        inner = F.gelu(
            linear(norm(x, f"{at}.ln_2"), f"{at}.mlp.c_fc"), approximate="tanh"
        )
        x = x + linear(inner, f"{at}.mlp.c_proj")
    head = p.get("lm_head.weight", p["transformer.wte.weight"])
    return norm(x, "transformer.ln_f") @ head.T


def gpt_ours(p, layers):
    """Our name -> their tensor in our layout."""
    found = {"wte.C": p["transformer.wte.weight"], "wpe.C": p["transformer.wpe.weight"]}
    for i in range(layers):
        for theirs, ours in MAPS.items():
            w, b = (p[f"transformer.h.{i}.{theirs}.{n}"] for n in ("weight", "bias"))
            norm = theirs.startswith("ln")
            found[f"blocks.{i}.{ours}.{'gamma' if norm else 'W'}"] = w if norm else w.T
            found[f"blocks.{i}.{ours}.{'beta' if norm else 'b'}"] = b
    found["norm.gamma"], found["norm.beta"] = (
        p[f"transformer.ln_f.{n}"] for n in ("weight", "bias")
    )
    if "lm_head.weight" in p:
        found["head.W"] = p["lm_head.weight"].T
    return found


# makemore's recurrent cells: one map of [x, h] for each gate --------------------------


def cell_weights(kind, draw):
    p = {
        "wte.weight": draw(V, E),
        "lm_head.weight": draw(V, H),
        "lm_head.bias": draw(V),
    }
    gates = ["xh_to_h"] if kind is RNN else ["xh_to_r", "xh_to_z", "xh_to_hbar"]
    for gate in gates:
        p[f"cell.{gate}.weight"], p[f"cell.{gate}.bias"] = draw(H, E + H), draw(H)
    return p


def cell_forward(p, kind, ix):
    """From a state of zeros; z weighs the new state, not the old one."""

    def gate(name, x, h):
        both = torch.cat([x, h], 1)
        return F.linear(both, p[f"cell.{name}.weight"], p[f"cell.{name}.bias"])

    h, states = torch.zeros(len(ix), H, dtype=F64), []
    for x in p["wte.weight"][ix].unbind(1):
        if kind is RNN:
            h = gate("xh_to_h", x, h).tanh()
        else:
            r = gate("xh_to_r", x, h).sigmoid()
            z = gate("xh_to_z", x, h).sigmoid()
            h = (1 - z) * h + z * gate("xh_to_hbar", x, r * h).tanh()
        states.append(h)
    return F.linear(torch.stack(states, 1), p["lm_head.weight"], p["lm_head.bias"])


def cell_ours(p, kind):
    """Our z weighs the old state: one minus theirs, so its scores change their sign."""
    signs = {"xh_to_r": 1, "xh_to_z": -1, "xh_to_hbar": 1}
    signs = {"xh_to_h": 1} if kind is RNN else signs
    W = torch.cat([s * p[f"cell.{n}.weight"] for n, s in signs.items()]).T
    b = torch.cat([s * p[f"cell.{n}.bias"] for n, s in signs.items()])
    found = {"embed.C": p["wte.weight"], "cell.W": W[:E], "cell.U": W[E:], "cell.b": b}
    return found | {"head.W": p["lm_head.weight"].T, "head.b": p["lm_head.bias"]}


@pytest.mark.parametrize("case", ["nanoGPT", "makemore", RNN, GRU], ids=str)
@pytest.mark.parametrize("rows", [1, 4])
def test_their_weights_give_the_same_logits_and_gradients(case, rows, g):
    def draw(*shape):
        return (0.5 * torch.randn(shape, generator=g, dtype=F64)).requires_grad_()

    ix = torch.randint(V, (rows, T), generator=g)
    if case in (RNN, GRU):
        p = cell_weights(case, draw)
        reference, layout = cell_forward(p, case, ix), cell_ours(p, case)
        options = {"reset": "before"} if case is GRU else {}
        model = case(V, g, n_embd=E, n_hidden=H, dtype=F64, **options)
    else:
        tied = case == "nanoGPT"
        p = gpt_weights(2, tied, draw)
        reference, layout = gpt_forward(p, 2, ix), gpt_ours(p, 2)
        sizes = {"block": T, "n_embd": E, "n_head": N, "n_layer": 2}
        model = GPT(V, g, tied=tied, dtype=F64, **sizes)
    assert [name for name, _, _ in model.named()] == list(layout)
    for name, mine, _ in model.named():
        mine.copy_(layout[name].detach())
    logits, cache = model.forward(ix)
    torch.testing.assert_close(logits, reference.detach(), rtol=1e-10, atol=1e-11)
    dlogits = torch.randn(logits.shape, generator=g, dtype=F64)
    model.backward(dlogits, cache)
    # the gradient in our layout, put back into theirs by the transpose of the layout
    back = torch.autograd.grad(
        list(layout.values()), list(p.values()), [d for _, _, d in model.named()]
    )
    reference.backward(dlogits)
    for name, ours in zip(p, back, strict=True):
        torch.testing.assert_close(ours, p[name].grad, rtol=1e-9, atol=1e-10)

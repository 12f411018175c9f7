"""Optimisers step by step against torch.optim, schedules and clipping by definition."""

import math

import pytest
import torch

from charlm.layers import CausalConv, LayerNorm, Linear, Sequential
from charlm.models import GPT, MLP
from charlm.train import Flat, optim, schedule

F64 = torch.float64


def net(g):
    return Sequential([Linear(4, 3, g, dtype=F64), LayerNorm(3, F64)])


def run(make_ours, make_theirs, g, steps=200, lr=0.05):
    """Both optimisers on the same random gradients."""
    model = net(g)
    theirs = [p.clone().requires_grad_() for _, p, _ in model.named()]
    reference = make_theirs(theirs)
    flat = Flat(model)
    ours = make_ours(flat)
    for _ in range(steps):
        flat.g.copy_(torch.randn(flat.g.shape, generator=g, dtype=F64))
        for (_, _, d), t in zip(model.named(), theirs, strict=True):
            t.grad = d.clone()
        ours.step(lr)
        reference.step()
        for (_, p, _), t in zip(model.named(), theirs, strict=True):
            torch.testing.assert_close(p, t.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_that_of_torch(g, momentum, nesterov):
    if nesterov and not momentum:
        return
    options = {"momentum": momentum, "nesterov": nesterov}
    run(
        lambda flat: optim.SGD(flat, **options),
        lambda ps: torch.optim.SGD(ps, lr=0.05, **options),
        g,
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_is_that_of_torch(g, decay):
    def theirs(ps):
        groups = [
            {"params": [p for p in ps if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in ps if p.dim() < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=0.05, betas=(0.9, 0.99))

    run(lambda flat: optim.AdamW(flat, decay=decay), theirs, g)


def test_orthogonal_evens_out_singular_values(g):
    for shape in ((20, 30), (30, 20), (8, 8)):
        M = torch.randn(shape, generator=g, dtype=F64)
        before, after = (torch.linalg.svdvals(m) for m in (M, optim.orthogonal(M)))
        assert before.max() / before.min() > 3
        # the smallest may be a little below, which the source allows
        assert after.max() < 1.3
        assert after.quantile(0.1) > 0.5
        U, _, V = torch.linalg.svd(M, full_matrices=False)
        assert (optim.orthogonal(M) * (U @ V)).sum() > 0.8 * len(after)


def test_muon_leaves_tables_and_vectors_to_adam(g):
    flat = Flat(GPT(11, g, block=4, n_embd=8, n_head=2, n_layer=1))
    muon = optim.Muon(flat)
    names = [n for n, yes in zip(flat.names, muon.between, strict=True) if yes]
    assert names == [
        "blocks.0.attend.1.qkv.W",
        "blocks.0.attend.1.proj.W",
        "blocks.0.think.1.W",
        "blocks.0.think.3.W",
    ]
    flat = Flat(Sequential([CausalConv(2, 3, 4, 1, g)]))
    muon = optim.Muon(flat)
    before = flat.p.clone()
    flat.g.normal_(generator=g)
    muon.step(0.1)
    W = (flat.windows(before)[0] - flat.windows(flat.p)[0]).flatten(0, 1)  # (6, 4)
    assert torch.linalg.svdvals(W).max() < 0.1 * 1.3


def test_flat_windows_are_the_parameters(g):
    model = MLP(27, g)
    before = [p.clone() for _, p, _ in model.named()]
    flat = Flat(model)
    for (_, p, d), old in zip(model.named(), before, strict=True):
        assert torch.equal(p, old)
        assert p.untyped_storage().data_ptr() == flat.p.untyped_storage().data_ptr()
        assert d.untyped_storage().data_ptr() == flat.g.untyped_storage().data_ptr()
    flat.p.zero_()
    assert not model.W1.any()
    ix = torch.randint(27, (8, 3), generator=g)
    logits, cache = model.forward(ix)
    model.backward(torch.ones_like(logits), cache)
    assert flat.g.any()
    model.zero_grad()
    assert not flat.g.any()


def test_flat_wants_one_type(g):
    mixed = Sequential([Linear(2, 2, g), Linear(2, 2, g, dtype=F64)])
    with pytest.raises(ValueError, match="float32.*float64.*the same type"):
        Flat(mixed)


@pytest.mark.parametrize("name", optim.OPTIMISERS)
def test_a_loaded_state_goes_on_bit_for_bit(g, name):
    def gradients(seed):
        return torch.randn(19, generator=torch.Generator().manual_seed(seed))

    flat = Flat(Sequential([Linear(4, 3, g), Linear(3, 1, g)]))
    one = optim.OPTIMISERS[name](flat, decay=0.1)
    for i in range(5):
        flat.g.copy_(gradients(i))
        one.step(0.05)
    saved_p = flat.p.clone()
    saved = {k: v.clone() for k, v in one.state().items()}
    flat.g.copy_(gradients(9))
    one.step(0.05)
    wanted = flat.p.clone()
    flat.p.copy_(saved_p)
    two = optim.OPTIMISERS[name](flat, decay=0.1)
    two.load(saved)
    two.step(0.05)
    assert torch.equal(flat.p, wanted)


def test_clipping_keeps_the_direction(g):
    d = torch.randn(50, generator=g, dtype=F64)
    before = d.clone()
    length = optim.clip(d, 1.0)
    assert length == pytest.approx(before.norm().item())
    assert d.norm().item() == pytest.approx(1.0)
    torch.testing.assert_close(d * length, before)
    assert optim.clip(d, 2.0) == pytest.approx(1.0)
    assert d.norm().item() == pytest.approx(1.0)


def test_schedules_begin_and_end_where_they_should():
    for name, f in schedule.SCHEDULES.items():
        values = [f(i / 100) for i in range(101)]
        assert all(0 <= v <= 1 for v in values), name
        assert max(values) == pytest.approx(1.0), name
    assert schedule.cosine(0.5) == pytest.approx(0.5)
    assert schedule.cosine(1.0) == pytest.approx(0.0)
    assert schedule.linear(0.25) == 0.75
    assert schedule.step(0.49) == 1
    assert schedule.step(0.5) == 0.1
    assert schedule.one_cycle(0.3) == pytest.approx(1.0)
    warmed = schedule.warm(schedule.cosine, 0.1)
    assert warmed(0.05) == pytest.approx(0.5)
    assert warmed(0.1) == pytest.approx(1.0)
    assert warmed(0.55) == pytest.approx(0.5)
    assert math.isclose(warmed(1.0), 0.0, abs_tol=1e-15)
    with pytest.raises(ValueError, match="warm-up of 1.5"):
        schedule.warm(schedule.cosine, 1.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", optim.OPTIMISERS)
def test_half_types_take_the_steps_of_float32(g, name, dtype):
    """Gradients whose squares are zero in half precision."""

    class Half:
        def __init__(self):
            self.W, self.dW = torch.randn(6, 4).to(dtype), torch.zeros(6, 4).to(dtype)

        def named(self):
            return [("W", self.W, self.dW)]

    half = Flat(Half())
    single = Flat(Linear(6, 4, g, bias=False))
    single.p.copy_(half.p)
    ours, theirs = (optim.OPTIMISERS[name](flat, decay=0.1) for flat in (half, single))
    begun = single.p.clone()
    for _ in range(10):
        half.g.copy_(1e-4 * torch.randn(24, generator=g))
        single.g.copy_(half.g)
        ours.step(0.1)
        theirs.step(0.1)
    assert half.p.isfinite().all()
    rounding = 10 * torch.finfo(dtype).eps * begun.abs().max()  # one for each step
    assert (half.p - single.p).abs().max() <= rounding
    assert optim.clip(1e3 * torch.ones(10_000).to(dtype), 1.0) == pytest.approx(
        1e5, 0.01
    )

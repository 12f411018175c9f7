"""Fast steps give the gradients of the plain ones, on the same minibatch."""

import math

import pytest
import torch

from charlm import ops
from charlm.models import GPT, MLP, Bigram, Tree
from charlm.train import Compiled, Fast, Flat, Half, Plain, TrainConfig
from charlm.train.fast import product as products
from charlm.train.fast.parts import Loss
from charlm.train.optim import SGD
from charlm.train.way import way

F64 = torch.float64
SMALL = {"n_embd": 8, "n_head": 2, "n_layer": 2, "block": 9}
MODELS = {
    "mlp": lambda g, d: MLP(11, g, n_embd=4, n_hidden=7, normalise=False, dtype=d),
    "mlp norm": lambda g, d: MLP(11, g, n_embd=4, n_hidden=7, dtype=d),
    "tree": lambda g, d: Tree(11, g, n_embd=3, n_hidden=5, dtype=d),
    "gpt": lambda g, d: GPT(11, g, tied=False, dtype=d, **SMALL),
    "gpt tied": lambda g, d: GPT(11, g, dtype=d, **SMALL),
    "gpt rope": lambda g, d: GPT(11, g, positions="rope", dtype=d, **SMALL),
    "gpt sinusoid": lambda g, d: GPT(11, g, positions="sinusoid", dtype=d, **SMALL),
}


def batch(model, rows, length, g):
    T = length if model.causal else model.block
    X = torch.randint(11, (rows, T), generator=g)
    shape = (rows, T) if model.causal else (rows,)
    Y = torch.randint(-1, 11, shape, generator=g)
    Y.view(-1)[0] = 3
    return X, Y


def plain(model, flat, X, Y):
    flat.g.zero_()
    logits, cache = model.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    model.backward(ops.cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
    return loss.item(), flat.g.clone()


def test_the_way_that_a_run_takes(g):
    """The fast one, where there is one that does what is asked, unless it is not to."""
    mlp, bigram = MLP(11, g, n_embd=2, n_hidden=3), Bigram(11, g)
    for model, settings, device, kind in (
        (mlp, {}, "cpu", Fast),
        (mlp, {"fast": False}, "cpu", Plain),
        (mlp, {"smoothing": 0.1}, "cpu", Plain),
        (mlp, {}, "cuda", Plain),
        (bigram, {}, "cpu", Plain),
        (mlp, {"precision": "bfloat16"}, "cpu", Half),
        (mlp, {"compile": True}, "cpu", Compiled),
    ):
        flat = Flat(model)
        made = way(model, flat, TrainConfig(**settings), SGD(flat), device)
        assert type(made) is kind


@pytest.mark.parametrize("length", [1, 4, 9])
@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("name", MODELS)
def test_a_fast_step_has_the_gradient_of_the_plain_one(name, rows, length, g):
    model = MODELS[name](g, F64)
    flat = Flat(model)
    flat.p.add_(0.3 * torch.randn(flat.p.shape, generator=g, dtype=F64))
    kept = [(n, t.clone()) for n, t in model.statistics()]
    X, Y = batch(model, rows, length, g)
    loss, wanted = plain(model, flat, X, Y)
    after = [t.clone() for _, t in model.statistics()]
    fast = Fast(model, flat)
    for _ in range(3):  # buffers are used again
        for (_, t), (_, old) in zip(model.statistics(), kept, strict=True):
            t.copy_(old)
        flat.g.normal_(generator=g)  # whatever was there is written over
        assert fast.gradient(X, Y) == pytest.approx(loss, rel=1e-12)
        assert (flat.g - wanted).abs().max() <= 1e-12 * wanted.abs().max()
    for (_, t), new in zip(model.statistics(), after, strict=True):
        torch.testing.assert_close(t, new)


@pytest.mark.parametrize("name", MODELS)
def test_shapes_may_change_from_step_to_step(name, g):
    model = MODELS[name](g, F64)
    flat = Flat(model)
    fast = Fast(model, flat)
    for rows, length in ((4, 9), (3, 2), (4, 9), (6, 5)):
        X, Y = batch(model, rows, length, g)
        loss, wanted = plain(model, flat, X, Y)
        assert fast.gradient(X, Y) == pytest.approx(loss, rel=1e-12)
        assert (flat.g - wanted).abs().max() <= 1e-12 * wanted.abs().max()


def test_all_shapes_share_the_storages_of_the_largest(g):
    model = MODELS["gpt"](g, torch.float32)
    fast = Fast(model, Flat(model))
    sizes = []
    for length in (9, 3, 7, 9, 1):
        fast.gradient(*batch(model, 6, length, g))
        sizes.append(sum(s.numel() for s in fast.pool.storages))
    assert len(set(sizes)) == 1
    fast.gradient(*batch(model, 12, 9, g))
    assert sum(s.numel() for s in fast.pool.storages) > sizes[0]
    assert len(fast.steps) == 1, "steps with the old storages are gone"


@pytest.mark.parametrize("name", MODELS)
def test_single_precision_is_as_good_as_the_plain_step(name, g):
    """Both against the plain step in double precision."""
    model = MODELS[name](g, F64)
    flat = Flat(model)
    single = MODELS[name](g, torch.float32)
    flat32 = Flat(single)
    flat32.p.copy_(flat.p)
    flat.p.copy_(flat32.p)
    X, Y = batch(model, 5, 7, g)
    _, truth = plain(model, flat, X, Y)
    _, ours = plain(single, flat32, X, Y)
    Fast(single, flat32).gradient(X, Y)
    errors = [
        (d.double() - truth).abs().max() / truth.abs().max() for d in (ours, flat32.g)
    ]
    assert errors[1] <= 4 * errors[0] + 1e-6


def test_what_has_no_fast_form_is_named(g):
    with pytest.raises(
        ValueError, match="no fast form of this Bigram; train it plainly"
    ):
        Fast(Bigram(11, g), None)
    with pytest.raises(ValueError, match="no fast form of this GPT"):
        Fast(GPT(11, g, dropout=0.1, **SMALL), None)
    with pytest.raises(ValueError, match="no fast form of this Tree"):
        Fast(Tree(11, g, correction=1), None)
    for attention in ("tiled", "fused"):
        with pytest.raises(ValueError, match="no fast form of this GPT"):
            Fast(GPT(11, g, attention=attention, **SMALL), None)
    model = GPT(11, g, **SMALL)
    with pytest.raises(ValueError, match="no target counts"):
        Fast(model, Flat(model)).gradient(
            torch.zeros(2, 3).long(), -torch.ones(2, 3).long()
        )


@pytest.mark.parametrize("library", ["PyTorch's choice", "oneDNN", "MKL"])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize(("M", "K", "N"), [(5, 7, 3), (512, 64, 192), (64, 512, 256)])
def test_a_product_is_the_same_by_both_libraries(
    M, K, N, dtype, library, g, monkeypatch
):
    if library != "PyTorch's choice":
        found = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
        if found is None:
            pytest.skip("PyTorch was built without oneDNN here")
        monkeypatch.setattr(products, "ONEDNN", found if library == "oneDNN" else None)
    bias = torch.randn(N, generator=g, dtype=dtype)
    for a in (torch.randn(M, K, generator=g), torch.randn(K, M, generator=g).t()):
        for b in (torch.randn(K, N, generator=g), torch.randn(N, K, generator=g).t()):
            a, b = a.to(dtype), b.to(dtype)
            wanted = (a.double() @ b.double()).to(dtype)
            into = torch.full((M, N), float("nan"), dtype=dtype)
            close = {"rtol": 1e-5, "atol": 1e-4}
            assert products.product(a, b, out=into) is into
            torch.testing.assert_close(into, wanted, **close)
            torch.testing.assert_close(products.product(a, b), wanted, **close)
            into.fill_(float("nan"))
            assert products.product(a, b, bias, into) is into
            torch.testing.assert_close(into, wanted + bias, **close)


@pytest.mark.parametrize(
    ("found", "faster"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_f": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_f": False}, False),
        ({"cpu_name": "AMD EPYC"}, False),
        ({"cpu_name": "Intel Xeon", "avx512_f": True}, False),
        ({}, False),
        (None, False),
    ],
)
def test_which_library_is_the_faster_is_asked_of_the_processor(
    found, faster, monkeypatch
):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    if found is not None:  # older releases of PyTorch cannot say
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    theirs = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    assert products._onednn() is (theirs if faster else None)


@pytest.mark.parametrize("targets", [[0, 1, 2], [-1, 1, 2], [0, -1, 2]])
@pytest.mark.parametrize("far", [30.0, 200.0, 5000.0])
def test_a_target_far_down_has_the_plain_loss(far, targets):
    logits, Y = torch.randn(3, 5), torch.tensor(targets)
    logits[0, 3] = far
    loss, cache = ops.cross_entropy(logits, Y)
    dlogits = ops.cross_entropy_backward(torch.ones_like(loss), cache)
    ours = logits.clone()
    found = Loss(3, 5, logits).gradient(ours, Y, lambda: logits)
    assert found == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(ours, dlogits)


@pytest.mark.parametrize("name", MODELS)
def test_a_fast_step_whose_targets_are_far_down(name, g):
    model = MODELS[name](g, torch.float32)
    flat = Flat(model)
    flat.p.mul_(3000)
    X, Y = batch(model, 4, 4, g)
    wanted, _ = plain(model, flat, X, Y)
    assert 120 < wanted < math.inf
    assert Fast(model, flat).gradient(X, Y) == pytest.approx(wanted, rel=1e-3)

"""Every pair, on every case: right, checked several ways, and pure."""

import pytest
import references
import torch
from torch import Tensor

from charlm import gradcheck, ops
from charlm.gradcheck import cases, ledger

PAIRS = list(ops.pairs())
CASES = [
    pytest.param(case, seed, id=f"{pair}-{case.label}-{seed}".replace(" ", "_"))
    for pair in PAIRS
    for seed in ledger.SEEDS
    for case in cases.cases(pair, seed)
]
SMOOTH = [p for p in CASES if not p.values[0].kink]


def tensors(value):
    """All tensors in nested tuples."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in tensors(item)]
    return []


def upstream(case, seed):
    return gradcheck.upstream(case.forward(*case.inputs)[0], seed)


def gradients(case, dy):
    _, cache = case.forward(*case.inputs)
    return gradcheck.gradients(ops.pairs()[case.pair].backward, dy, cache)


def test_the_pairs_are_found_by_name():
    assert {"linear", "embedding", "tanh", "cross_entropy", "batchnorm"} <= set(PAIRS)
    for name, pair in ops.pairs().items():
        assert pair.forward.__name__ == name
        assert pair.backward.__name__ == f"{name}_backward"
        assert getattr(ops, name) is pair.forward, f"{name} is not exported"


def test_an_unknown_pair_is_named():
    with pytest.raises(ValueError, match="'relu6' is no pair.*layernorm"):
        cases.cases("relu6")


def test_every_pair_is_reached_from_its_room():
    for name, pair in ops.pairs().items():
        assert getattr(ops, name, None) is pair.forward, f"ops/__init__ lacks {name}"
        assert getattr(ops, f"{name}_backward") is pair.backward


def test_a_pair_without_cases_is_named(monkeypatch):
    from charlm.gradcheck.cases import activation

    monkeypatch.delattr(activation, "tanh")
    with pytest.raises(ValueError, match=r"'tanh'.*cases/activation\.py"):
        cases.cases("tanh")


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_forward_equals_torch(case, seed):
    y, _ = case.forward(*case.inputs)
    reference = getattr(references, case.pair)(*case.inputs, **case.options)
    torch.testing.assert_close(y, reference, rtol=1e-12, atol=1e-12)


NO_COMPLEX_FORM = {
    "gelu",  # torch has no error function of complex numbers
    "max_over",  # complex numbers have no order
}


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_backward_agrees_with_every_witness(case, seed):
    backward = ops.pairs()[case.pair].backward
    found = gradcheck.errors(case.forward, backward, case.inputs, seed, case.kink)
    if not case.kink:  # where a function bends suddenly it is not analytic
        assert (found["complex step"] is None) == (case.pair in NO_COMPLEX_FORM)
    for witness, error in found.items():
        if error is not None:
            assert error <= gradcheck.TOLERANCE[witness], witness


@pytest.mark.parametrize(("case", "seed"), SMOOTH)
def test_the_slope_along_a_random_direction(case, seed, g):
    dy = upstream(case, seed)
    along = gradcheck.directions(case.inputs, g)
    ours = gradients(case, dy)
    slope = gradcheck.projection(case.forward, case.inputs, dy, along)
    terms = [(d * v).sum().item() for d, v in zip(ours, along, strict=True)]
    scale = max((d.abs().max().item() for d in ours if d.numel()), default=0.0)
    assert abs(sum(terms) - slope) <= 1e-7 * scale + gradcheck.ZERO


@pytest.mark.parametrize("pair", PAIRS)
def test_the_remainder_is_of_second_order(pair, g):
    for case in cases.cases(pair):
        if case.kink:
            continue
        dy = upstream(case, 0)
        along = gradcheck.directions(case.inputs, g)
        ours = gradients(case, dy)
        order = gradcheck.taylor_order(case.forward, case.inputs, dy, ours, along)
        assert order > 1.8, case.label
        if all(d.numel() and d.abs().max() > 1e-2 for d in ours):
            size = max(d.abs().max() for d in ours)
            wrong = tuple(d + size * v for d, v in zip(ours, along, strict=True))
            order = gradcheck.taylor_order(case.forward, case.inputs, dy, wrong, along)
            assert order < 1.2, case.label


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("pair", PAIRS)
def test_one_gradient_per_floating_input(pair, dtype):
    for case in cases.cases(pair, dtype=dtype):
        y, cache = case.forward(*case.inputs)
        assert y.dtype == dtype
        assert isinstance(cache, tuple)
        found = gradients(case, upstream(case, 0))
        wanted = [case.inputs[i] for i in gradcheck.floating(case.inputs)]
        assert [d.shape for d in found] == [x.shape for x in wanted]
        assert {d.dtype for d in found} == {dtype}
        bare = ops.pairs()[pair].backward(torch.zeros_like(y), cache)
        assert isinstance(bare, Tensor) == (len(wanted) == 1)


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_pairs_are_pure(case, seed):
    pair = ops.pairs()[case.pair]
    before = [t.clone() for t in tensors(case.inputs)]
    y, cache = case.forward(*case.inputs)
    kept = [t.clone() for t in tensors((y, cache))]
    dy = upstream(case, seed)
    dy_before = dy.clone()
    first = tensors(pair.backward(dy, cache))
    again = tensors(pair.backward(dy, cache))
    assert all(map(torch.equal, tensors(case.inputs), before)), (
        "an input was written to"
    )
    assert all(map(torch.equal, tensors((y, cache)), kept)), "the cache was written to"
    assert torch.equal(dy, dy_before), "dy was written to"
    assert all(map(torch.equal, first, again)), "a second call gives another result"
    # whoever gets a gradient may add to it
    assert not any(d is dy for d in first), "dy itself was returned"


@pytest.mark.parametrize("pair", PAIRS)
def test_backward_is_linear_in_dy(pair):
    case = cases.cases(pair)[0]
    one, two = (upstream(case, seed) for seed in (1, 2))
    both = gradients(case, 2 * one - 3 * two)
    parts = zip(gradients(case, one), gradients(case, two), strict=True)
    combined = tuple(2 * a - 3 * b for a, b in parts)
    assert gradcheck.error(both, combined) <= 1e-12


@pytest.mark.parametrize("pair", PAIRS)
def test_single_precision_stays_finite(pair):
    for case in cases.cases(pair, dtype=torch.float32):
        y, _ = case.forward(*case.inputs)
        assert y.isfinite().all()
        found = gradients(case, upstream(case, 0))
        assert all(d.isfinite().all() for d in found)


def plant(monkeypatch, pair, spoil):
    """Replace a backward by one whose gradients went through ``spoil``."""
    right = ops.pairs()[pair].backward
    module = __import__(right.__module__, fromlist=["x"])

    def wrong(dy, cache):
        found = right(dy, cache)
        return spoil(found if isinstance(found, tuple) else (found,))

    monkeypatch.setattr(module, right.__name__, wrong)
    monkeypatch.setattr(ledger, "SEEDS", ledger.SEEDS[:1])  # one is enough to be caught


OUTPUTS = [
    pytest.param(pair, i, id=f"{pair}-{i}")
    for pair in PAIRS
    for i in range(len(gradcheck.floating(cases.cases(pair)[0].inputs)))
]


def scaled(i, factor):
    """A way to spoil: gradient number i times a factor."""
    return lambda grads: (*grads[:i], factor * grads[i], *grads[i + 1 :])


@pytest.mark.parametrize("pair", PAIRS)
def test_the_ledger_passes_what_is_right(pair):
    assert ledger.check(pair).ok


def caught(pair):
    """What the ledger says of the first case where a pair is found wrong."""
    return next((said for _, _, said in ledger.judged(pair) if said), "")


def test_the_ledger_says_what_is_wrong(monkeypatch):
    plant(monkeypatch, "linear", scaled(1, -1))
    row = ledger.check("linear")
    assert not row.ok
    assert row.problem == caught("linear")
    assert row.problem.startswith("linear_backward, case ")


@pytest.mark.parametrize(("pair", "i"), OUTPUTS)
def test_a_wrong_sign_is_caught(monkeypatch, pair, i):
    plant(monkeypatch, pair, scaled(i, -1))
    assert caught(pair)


@pytest.mark.parametrize(("pair", "i"), OUTPUTS)
def test_one_part_in_a_million_is_caught(monkeypatch, pair, i):
    plant(monkeypatch, pair, scaled(i, 1 + 1e-6))
    assert caught(pair)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_wrong_shape_is_caught(monkeypatch, pair):
    plant(monkeypatch, pair, lambda grads: tuple(d.unsqueeze(0) for d in grads))
    assert caught(pair)

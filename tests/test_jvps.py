"""Every JVP, on every case: equal to torch's, the adjoint of the backward, and pure."""

import inspect

import pytest
import torch
from test_pairs import CASES, NO_COMPLEX_FORM, PAIRS, SMOOTH, tensors

from charlm import gradcheck, ops
from charlm.gradcheck import cases


def jvp(pair):
    rule = ops.pairs()[pair].jvp
    assert rule, f"{pair} has no {pair}_jvp: write it beside {pair}_backward"
    return rule


def tangents(case, seed):
    g = torch.Generator().manual_seed(seed)
    where = gradcheck.floating(case.inputs)
    return tuple(
        torch.randn(case.inputs[i].shape, generator=g, dtype=case.inputs[i].dtype)
        for i in where
    )


@pytest.mark.parametrize("pair", PAIRS)
def test_a_jvp_mirrors_its_backward(pair):
    """Tangents of the floating-point inputs, by their names, and the cache."""
    rule = jvp(pair)
    assert rule.__name__ == f"{pair}_jvp"
    assert getattr(ops, rule.__name__) is rule
    names = list(inspect.signature(ops.pairs()[pair].forward).parameters)
    where = gradcheck.floating(cases.cases(pair)[0].inputs)
    wanted = [*(f"{names[i]}_dot" for i in where), "cache"]
    assert list(inspect.signature(rule).parameters) == wanted


# torch has no forward rule for its kernels: it differentiates the function itself
SAME_FUNCTION = {"fused_attention": ops.attention}


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize(("case", "seed"), CASES)
def test_jvp_equals_torch(case, seed):
    where = gradcheck.floating(case.inputs)
    function = SAME_FUNCTION.get(case.pair, getattr(ops, case.pair))

    def forward(*moved):
        values = list(case.inputs)
        for i, value in zip(where, moved, strict=True):
            values[i] = value
        return function(*values, **case.options)[0]

    moving, inputs = tangents(case, seed), tuple(case.inputs[i] for i in where)
    y, theirs = torch.func.jvp(forward, inputs, moving)
    ours = jvp(case.pair)(*moving, case.forward(*case.inputs)[1])
    assert ours.shape == y.shape
    assert gradcheck.error((ours,), (theirs,)) <= 1e-10


@pytest.mark.parametrize(("case", "seed"), SMOOTH)
def test_jvp_equals_a_complex_step(case, seed):
    """f(x + ih v) = f(x) + ih J v + ...: one value, nothing subtracted."""
    if case.pair in NO_COMPLEX_FORM:
        return
    moving, h = iter(tangents(case, seed)), 1e-30
    where = gradcheck.floating(case.inputs)
    values = [
        x + 1j * h * next(moving) if i in where else x
        for i, x in enumerate(case.inputs)
    ]
    ours = jvp(case.pair)(*tangents(case, seed), case.forward(*case.inputs)[1])
    theirs = case.forward(*values)[0].imag / h
    assert gradcheck.error((ours,), (theirs,)) <= 1e-12


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_backward_is_the_adjoint_of_the_jvp(case, seed):
    pair = ops.pairs()[case.pair]
    rules = pair.backward, jvp(case.pair)
    error = gradcheck.adjoint(case.forward, *rules, case.inputs, seed)
    assert error <= gradcheck.TOLERANCE["adjoint"]


@pytest.mark.parametrize("pair", PAIRS)
def test_an_error_of_a_millionth_in_either_rule_is_seen(pair):
    """Scaled as a whole; the adjoint of twice a map is not that of the map."""
    both, seen = ops.pairs()[pair], 0

    def slightly(*moving):
        return (1 + 1e-6) * jvp(pair)(*moving)

    for case in cases.cases(pair):
        error = gradcheck.adjoint(case.forward, both.backward, slightly, case.inputs)
        seen += error > gradcheck.TOLERANCE["adjoint"]
    assert seen


@pytest.mark.parametrize("pair", PAIRS)
def test_a_jvp_that_returns_what_cannot_be_is_seen(pair):
    both, case = ops.pairs()[pair], cases.cases(pair)[0]
    for spoil in (lambda y: y.unsqueeze(0), lambda y: y * float("nan")):

        def wrong(*moving, spoil=spoil):
            return spoil(jvp(pair)(*moving))

        error = gradcheck.adjoint(case.forward, both.backward, wrong, case.inputs)
        assert error == float("inf")


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_jvps_are_pure(case, seed):
    y, cache = case.forward(*case.inputs)
    given = tensors((case.inputs, y, cache, tangents(case, seed)))
    before = [t.clone() for t in given]
    moving = tangents(case, seed)
    kept = [t.clone() for t in moving]
    first, again = (jvp(case.pair)(*moving, cache) for _ in range(2))
    assert all(map(torch.equal, given, before)), "an input or the cache was written to"
    assert all(map(torch.equal, moving, kept)), "a tangent was written to"
    assert torch.equal(first, again)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_jvp_keeps_the_type(pair):
    for case in cases.cases(pair, dtype=torch.float32):
        y, cache = case.forward(*case.inputs)
        y_dot = jvp(pair)(*tangents(case, 0), cache)
        assert (y_dot.dtype, y_dot.shape) == (torch.float32, y.shape)
        assert y_dot.isfinite().all()

"""The judge cannot be fooled: what a function may do wrong is found and named."""

import json
import math
import re

import numpy as np
import pytest
import torch

from charlm import gradcheck, ops
from charlm.gradcheck import (
    BENCH,
    Finding,
    NotAnalytic,
    Refused,
    Verdict,
    central_differences,
    grade,
    verdict,
)
from charlm.gradcheck.judge import Bench, Misbehaved, call, paths, probe, where
from charlm.gradcheck.judge.court import Court
from charlm.gradcheck.judge.guard import _ill
from charlm.gradcheck.judge.inputs import changed, prepared, same, tensors

f64 = torch.float64


def randn(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g, dtype=f64)


def square(x):
    return x * x, (x,)


X = randn(4, 3)


def write_to_dy(dy, cache):
    (x,) = cache
    return dy.mul_(2 * x)


def write_to_cache(dy, cache):
    (x,) = cache
    return x.mul_(2).mul_(dy)


WRITES = {
    "zero dy": (square, lambda dy, c: (dy.zero_(), dy)[1], "dy"),
    "dy in place, right numbers": (square, write_to_dy, "dy"),
    "x through the cache": (square, write_to_cache, "x (kept as cache[0])"),
    "in a dict": (
        lambda x: (x * x, {"two": 2 * x}),
        lambda dy, c: c["two"].mul_(dy),
        "cache['two']",
    ),
    "in a list": (
        lambda x: (x * x, [[2 * x]]),
        lambda dy, c: c[0][0].mul_(dy),
        "cache[0][0]",
    ),
    "taken out of a list": (
        lambda x: (x * x, [x, 2 * x]),
        lambda dy, c: c.pop() * dy,
        "cache[1]",
    ),
    "a view": (
        lambda x: (x * x, (x.T,)),
        lambda dy, c: (2 * c[0].T * dy, c[0].add_(1))[0],
        "x (kept as cache[0])",
    ),
    "numpy": (
        lambda x: (x * x, (2 * x.numpy(),)),
        lambda dy, c: (torch.tensor(c[0]) * dy, c[0].fill(0))[0],
        "cache[0]",
    ),
}


@pytest.mark.parametrize("what", WRITES)
def test_a_write_is_found_and_named(what, capsys):
    forward, backward, name = WRITES[what]
    x = X.clone()
    assert not grade(forward, backward, x)
    assert f"the backward writes to {name};" in capsys.readouterr().out
    assert torch.equal(x, X)
    assert all(
        e == math.inf for e in gradcheck.errors(forward, backward, (x,)).values()
    )


def test_a_write_through_a_closure_is_found():
    x = X.clone()
    found = verdict(square, lambda dy, c: (2 * c[0] * dy, x.zero_())[0], x)
    assert not found.ok
    assert found.findings[0].slip == "writes"
    assert "x was written to" in found.findings[0].words


def test_state_and_chance_are_found():
    calls = []

    def once(dy, cache):
        calls.append(1)
        return (2 if len(calls) % 2 else 3) * cache[0] * dy

    assert verdict(square, once, X).findings[0].slip == "state"
    with pytest.raises(Refused, match="another output for the same inputs"):
        verdict(lambda x: (x * torch.rand(3), (x,)), lambda dy, c: dy, X)


RETURNS = {
    "nothing": (lambda dy, c: None, "nothing returned", "end it with `return dx, dW`"),
    "numpy": (lambda dy, c: (dy.numpy(), c[1]), "type", "dx is a numpy array"),
    "complex": (lambda dy, c: (c[0], c[1] + 0j), "type", "dW is complex"),
    "whole numbers": (lambda dy, c: (c[0], c[1].long()), "type", "dW is torch.int64"),
    "float32": (lambda dy, c: (c[0].float(), c[1]), "type", "dx is torch.float32"),
    "a number": (lambda dy, c: (c[0], 1.0), "type", "dW is a float"),
    "None among them": (lambda dy, c: (None, c[1]), "nothing returned", "dx is None"),
    "too few": (lambda dy, c: c[0], "count", "1 gradient, but 2 are due: dx, dW"),
    "one for integers": (lambda dy, c: (*c, None), "count", "leave the None out"),
    "a dict": (lambda dy, c: {"dx": c[0]}, "type", "returned a dict"),
    "nan": (lambda dy, c: (c[0] / 0, c[1]), "not finite", "at 12 of 12 places"),
    "an error": (lambda dy, c: dy @ dy, "raises", "RuntimeError: mat1 and mat2"),
    "an exit": (lambda dy, c: exit(0), "raises", "it calls sys.exit(0)"),
    "a shape": (lambda dy, c: (c[0][:2], c[0].T @ dy), "shape", "dx has shape (2, 3)"),
    "sparse": (lambda dy, c: (c[0].to_sparse(), c[1]), "type", "dx is sparse"),
    "one place": (
        lambda dy, c: (c[0], c[1] / (c[1] != c[1].max())),
        "not finite",
        "at 1 of 6 places, first at dW[",
    ),
}


@pytest.mark.parametrize("what", RETURNS)
def test_what_is_no_gradient_is_named(what):
    backward, slip, words = RETURNS[what]
    found = verdict(lambda x, W: (x @ W, (x, W)), backward, X, randn(3, 2))
    assert found.status == "wrong"
    assert words in " ".join(f.words for f in found.findings)
    assert slip in {f.slip for f in found.findings}
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_value_is_a_gradient_or_told_why_not():
    for value, kind, words in (
        (X, None, ""),
        (None, "nothing returned", "is None; return"),
        (X.numpy(), "type", "is a numpy array"),
        (1.0, "type", "is a float"),
        (X + 0j, "type", "is complex"),
        (X.to_sparse(), "type", "is sparse; return .to_dense()"),
        (X.float(), "type", "is torch.float32 for inputs in float64"),
        (X / 0, "not finite", "is infinite or not a number at 12 of 12 places"),
    ):
        found = dict(_ill("dx", value))
        assert [*found] == [kind] * (kind is not None)
        assert found.get(kind, "").startswith(words)


def raising(x):
    raise KeyError("no such thing")


REFUSED = {
    "no cache": (lambda x: x * x, (X,), r"no cache; .* return y, \(\)"),
    "three": (lambda x: (x, (), ()), (X,), "^the forward returned a tuple of 3 and no"),
    "a list": (lambda x: [x], (X,), "^the forward returned a list of 1 and no cache"),
    "no tuple": (lambda x: x, (X,), "^the forward returned a Tensor and no cache; it"),
    "a number": (lambda x: (x.sum().item(), ()), (X,), "is a float"),
    "an error": (raising, (X,), "the forward raises KeyError.*line"),
    "nan": (lambda x: (x.log(), ()), (X,), "infinite or not a number"),
    "float32 out": (lambda x: (x.float(), ()), (X,), "returned torch.float32"),
    "writes": (lambda x: (x.mul_(2), ()), (X,), "the forward writes to x"),
    "no floats": (square, (torch.arange(3),), "no input is a floating-point tensor"),
    "numpy": (square, (np.ones(3),), r"torch.from_numpy\(x\)"),
    "complex": (square, (X + 0j,), "x is complex"),
    "tensors": (square, ([X],), "each tensor as an argument of its own"),
    "nan in": (square, (X / 0,), "x is infinite or not a number at 12 of 12"),
    "float32 inside": (
        lambda x: (x @ torch.ones(3, 2), ()),
        (X.float(),),
        "x cannot be made float64.*give that one as an input too",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_judged_is_refused_with_a_remedy(what):
    forward, inputs, words = REFUSED[what]
    with pytest.raises(ValueError, match=f"(?s){words}"):
        grade(forward, lambda dy, cache: dy, *inputs)


def test_inputs_that_prove_nothing_are_not_ok(capsys):
    zeros, empty = torch.zeros(4, 3), torch.zeros(0, 3)
    one = lambda dy, c: (1 - c[0]) * dy  # noqa: E731  right at zero only
    assert verdict(ops.tanh, one, zeros).status == "unproved"
    assert verdict(ops.tanh, ops.tanh_backward, empty).status == "unproved"
    assert verdict(ops.relu, ops.relu_backward, -X.abs()).status == "unproved"
    W, b = randn(3, 2), torch.zeros(2)
    found = verdict(ops.linear, ops.linear_backward, zeros, W, b)
    assert [f.gradient for f in found.findings] == ["dW"]
    assert "x, b is zero throughout" in found.findings[0].words
    assert not grade(ops.linear, ops.linear_backward, zeros, W, b)
    assert "ok   linear" not in capsys.readouterr().out
    assert grade(ops.linear, ops.linear_backward, X, W, b)  # a bias may begin at zero


def test_a_small_gradient_is_not_taken_for_zero():
    cube = lambda x: (x**3, (x,))  # noqa: E731
    assert grade(cube, lambda dy, c: 3 * c[0] ** 2 * dy, 1e-6 * X)
    assert not grade(cube, lambda dy, c: 2 * c[0] ** 2 * dy, 1e-6 * X)
    # nor is one beside which another is huge
    both = lambda a, b: (a * b, (a, b))  # noqa: E731
    wrong = lambda dy, c: (c[1] * dy, 2 * c[0] * dy)  # noqa: E731
    assert not grade(both, wrong, 1e-13 * X, randn(4, 3, seed=1))


def test_an_unused_input_has_a_gradient_of_zeros(capsys):
    unused = lambda x, W: (2 * x, (W,))  # noqa: E731
    assert grade(unused, lambda dy, c: (2 * dy, 0 * c[0]), X, randn(2, 2))
    assert "dW is zero at these inputs" in capsys.readouterr().out
    assert not grade(unused, lambda dy, c: (2 * dy, c[0]), X, randn(2, 2))


def test_a_forward_that_leaves_the_graph(capsys):
    cut = lambda x: (x * x.detach(), (x,))  # noqa: E731
    assert grade(cut, lambda dy, c: 2 * c[0] * dy, X)
    assert "--   autograd             does not apply" in capsys.readouterr().out
    assert not grade(cut, lambda dy, c: c[0] * dy, X)


def test_what_a_verdict_says_to_people_and_to_machines():
    errors = {"one": 1e-12, "two": 3e-7, "three": None, "four": math.inf}
    slow = Finding("dx", "factor 2", "dx is twice too large")
    found = Verdict(
        "wrong",
        errors,
        {"one": 1e-9, "two": 1e-7, "three": 1e-12, "four": 1e-12},
        {"three": "it is a kink"},
        [slow],
        ["so it is"],
        {"dx": [("2", slow)]},
    )
    assert not found.ok
    assert found.lines() == [
        "ok   one                  relative error 1.0e-12 (at most 1e-09)",
        "FAIL two                  relative error 3.0e-07 (at most 1e-07)",
        "--   three                does not apply: it is a kink",
        "FAIL four                 cannot be compared",
        "FAIL dx is twice too large",
        "note so it is",
    ]
    told = found.as_dict()
    assert told["errors"] == {"one": 1e-12, "two": 3e-7, "three": None, "four": None}
    assert (told["status"], told["notes"]) == ("wrong", ["so it is"])
    assert told["findings"] == [vars(slow)]
    assert "slips" not in told
    found.status, found.errors, found.notes = "unproved", {}, []
    assert found.lines() == ["--   dx is twice too large"]
    one, two = Verdict(), Verdict()
    one.notes.append("of one")
    assert (one.ok, two.notes, two.findings, two.silent) == (True, [], [], {})


def test_tensors_are_found_wherever_they_are_kept():
    class Kept:
        def __init__(self):
            self.W = X

    counts = np.arange(3)
    found = dict(tensors({"a": [X, (X.T, "text")], 3: Kept(), "n": counts}, "cache"))
    assert list(found) == [
        "cache['a'][0]",
        "cache['a'][1][0]",
        "cache[3].W",
        "cache['n']",
    ]
    assert torch.equal(found["cache['a'][1][0]"], X.T)
    assert found["cache['n']"].tolist() == [0, 1, 2]
    for empty in (np.array(["a"]), np, Kept, lambda: X, "text", None):
        assert not list(tensors(empty, "cache"))
    ring = [X]
    ring.append(ring)
    assert len(list(tensors(ring, "c"))) == 6, "no deeper than that"


def test_what_is_the_same_and_what_has_changed():
    nan = torch.tensor([1.0, math.nan]).double()
    assert same(nan, nan.clone())
    assert not same(nan, torch.tensor([math.nan, 1.0]).double())
    assert not same(nan, nan.float())
    assert not same(nan, nan[None])
    assert not same(X, X + 1e-15)
    before = [("x", X.clone()), ("cache[0]", X.clone()), ("gone", nan), ("W", nan)]
    now = X + 1
    after = [("x", now), ("cache[0]", now), ("W", nan)]
    assert changed(before, after) == "x (kept as cache[0]), gone"
    assert changed(before[3:], after) == ""


def test_the_evidence_is_a_copy_in_float64():
    given = X.float(), torch.arange(3), "text"
    found = prepared(given, ["x", "ix", "how"])
    assert [getattr(v, "dtype", v) for v in found] == [f64, torch.int64, "text"]
    for one, two in zip(found[:2], given[:2], strict=True):
        assert torch.equal(one.to(two.dtype), two)
        assert one.data_ptr() != two.data_ptr()
    for box in ([X], (X,), {"a": X}):
        with pytest.raises(Refused, match=f"x is a {type(box).__name__} of tensors"):
            prepared((X, box), ["y", "x"])
    assert prepared((X, [1, 2]), ["x", "sizes"])[1] == [1, 2]
    with pytest.raises(Refused, match=r"x is sparse; give x\.to_dense\(\)"):
        prepared((X.to_sparse(),), ["x"])
    with pytest.raises(Refused, match="x is infinite or not a number at 2 of 3 places"):
        prepared((torch.tensor([math.inf, 1.0, math.nan]),), ["x"])


def test_the_size_of_an_input_is_that_of_its_middle_element():
    assert probe.size(torch.tensor([0.0, -3.0, 1.0, 0.0, 2.0])) == 2
    assert probe.size(torch.zeros(3)) == probe.size(torch.zeros(0)) == 1


def test_slopes_of_all_outputs_along_a_direction():
    """By four values, exactly up to the fourth power."""
    x, v = randn(3), randn(3, seed=1)
    found = probe.slopes(lambda x: (x**4, ()), (x,), (v,), 0.5)
    torch.testing.assert_close(found, 4 * x**3 * v, rtol=1e-12, atol=1e-12)
    still = probe.slopes(lambda x: (torch.ones(2).double(), ()), (x,), (v,), 0.5)
    assert not still.any()


@pytest.mark.parametrize(
    ("f", "x", "usual"),
    [
        (torch.exp, randn(4), True),
        (torch.reciprocal, 1e-6 * (1 + randn(4).abs()), False),
        (lambda x: (1e5 * x).sin(), randn(4), False),
        (torch.zeros_like, randn(4), True),
        (torch.exp, torch.zeros(0).double(), True),
    ],
)
def test_a_step_fits_the_function_and_the_input(f, x, usual):
    """With it differences are good to seven digits; the usual one is kept if it is."""
    found = probe.step(lambda x: (f(x), ()), (x,), 0)
    assert (found == 3e-4) == usual
    if x.numel():
        dy = torch.ones_like(x)
        (ours,) = gradcheck.central_differences(
            lambda x: (f(x), ()), (x,), dy, (found,)
        )
        (right,) = gradcheck.autograd(lambda x: (f(x), ()), (x,), dy)
        assert (ours - right).abs().max() <= 1e-7 * right.abs().max()


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e6])
def test_kinks_are_where_the_slope_jumps(scale):
    """Of |x|, W x and a bend, at zero and elsewhere."""
    x, W = randn(2, 3), scale * randn(2, 3, seed=1)
    x[0, 1] = x[1, 2] = 0.0
    f = lambda x, W: (scale * x.abs() + W * x + 9 * scale * x * x, ())  # noqa: E731
    dy = randn(2, 3, seed=2)
    found, other = probe.kinks(f, (x, W), dy, (3e-4, 3e-4 * scale))
    assert torch.equal(found, x == 0)
    assert not other.any()
    turned = (x.T, W.T, dy.T)  # laid out in another order
    by_rows = probe.kinks(f, turned[:2], turned[2], (3e-4, 3e-4 * scale))
    assert torch.equal(by_rows[0], x.T == 0)
    sharp = lambda x, W: (scale * (1e3 * x).sin(), ())  # noqa: E731
    assert not any(m.any() for m in probe.kinks(sharp, (x, W), dy, (3e-4, 3e-4)))
    bounded = lambda x, W: (scale * x.abs().tanh(), ())  # noqa: E731
    found, _ = probe.kinks(bounded, (x, W), dy, (3e-4, 3e-4 * scale))
    assert torch.equal(found, x == 0), "no step leaves the neighbourhood"
    far = lambda x, W: (1e9 * scale + f(x, W)[0], ())  # noqa: E731
    assert not probe.kinks(far, (x + 1, W), dy, (3e-4, 3e-4 * scale))[0].any()


def test_where_a_complex_step_makes_no_sense_is_told():
    def why(f, x=X):
        return probe.why_not_analytic(lambda x: (f(x), ()), (x,))

    for scale in (1e-6, 1.0, 1e6):
        assert why(torch.square, scale * X) == ""
        assert why(torch.reciprocal, scale * X) == ""
        assert (
            why(lambda x: x * x.conj(), scale * X) == "the forward is not analytic here"
        )
    assert why(lambda x: x.real) == (
        "no complex form of the forward (the forward drops the imaginary part)"
    )

    def raising(x):
        raise NotImplementedError if x.is_complex() else KeyError

    # a slope of zero beside others; slopes that are too large along both directions, or
    # too small along both; slopes that are wrong by less
    assert why(lambda x: torch.cat([x.sin(), 0 * x])) == ""
    for sign in (1, -1):
        assert why(lambda x, s=sign: s * x.conj().sum(), X[0]) != ""
    assert why(lambda x: x + 0.25 * x.conj()) != ""
    assert why(raising) == "no complex form of the forward (NotImplementedError)"
    assert why(lambda x: x[:0]) == ""


def court(forward=square, inputs=(X,), **witnesses):
    """A court with other witnesses beside the differences."""
    known = {"exact": gradcheck.autograd, "numbers": central_differences} | witnesses
    limits = dict.fromkeys(known, 1e-7)
    return Court(Bench("exact", known, limits), forward, inputs, ["x"])


@pytest.mark.parametrize(
    ("exact", "numbers", "other", "silent"),
    [
        (1.0, 1.0, 1.0, None),
        (1.0, 1 + 0.9e-5, 7.0, None),
        (1.0, 1 + 1.1e-5, 1 - 0.9e-5, "numbers"),
        (1.0, 1 + 1.1e-5, 1 - 1.1e-5, "exact"),
        (1.0, 2.0, None, "exact"),
        (1.0, 2.0, 2.0, "exact"),
        (None, 2.0, 1.0, None),
        (1.0, None, 3.0, None),
    ],
)
def test_of_witnesses_that_contradict_each_other_one_stands_alone(
    exact, numbers, other, silent
):
    """The differences, if another agrees with the exact one; else the exact one."""
    given = {"numbers": numbers, "other": other, "exact": exact}
    theirs = {w: None if c is None else (c * X,) for w, c in given.items()}
    found = court(other=gradcheck.complex_step)
    found._believe(theirs, (0.0,))
    assert list(found.silent) == ([silent] if silent else [])


def test_who_cannot_say_anything_tells_why_once():
    asked = []

    def mute(forward, inputs, dy):
        asked.append(1)
        raise NotAnalytic("not here")

    def failing(forward, inputs, dy):
        raise KeyError("x")

    found = court(mute=mute, failing=failing)
    dy = torch.ones_like(X)
    for _ in range(2):
        errors = found.hear(dy, (2 * X * dy,), lambda dy, c: 2 * X * dy)
        assert (errors["mute"], errors["failing"]) == (None, None)
        assert errors["exact"] <= 1e-15
        assert errors["numbers"] <= 1e-10
    assert found.silent["mute"] == "not here"
    assert found.silent["failing"].startswith("it cannot run the forward: KeyError")
    assert len(asked) == 1
    none = court(exact=mute, numbers=mute)
    with pytest.raises(
        Refused, match=r"forward \(exact: not here; numbers: not here\)"
    ):
        none.hear(dy, (X,), lambda dy, c: X)
    assert BENCH.differences == "central differences"


def test_without_the_exact_witness_differences_are_right():
    found = court()
    dy = torch.ones_like(X)
    assert torch.equal(found.witness(square, (X,), dy)[0], 2 * X)
    found.silent["exact"] = "it left the graph"
    (ours,) = found.witness(square, (X,), dy)
    assert not torch.equal(ours, 2 * X)
    torch.testing.assert_close(ours, 2 * X)


def test_on_a_kink_gradients_are_compared_beside_it():
    x = X.clone()
    x[1, 2] = 0.0
    found = court(lambda x: (x.abs(), (x,)), (x,))
    (mask,) = found.masks
    assert torch.equal(mask, x == 0)
    assert found.notes == [
        "x lies on a kink at 1 of 12 places, first at x[1, 2]: there every slope "
        "between those of the two sides passes"
    ]
    (smooth,) = found.smooth((X,))
    assert torch.equal(smooth, X.masked_fill(mask, 0.0))
    assert found.smooth((X.T,))[0].shape == (3, 4)
    for at_zero, passes in ((0.5, True), (1.5, False)):
        slope = torch.where(x == 0, at_zero, x.sign())
        dy = torch.ones_like(x)
        errors = found.hear(dy, (slope,), lambda dy, c, s=slope: s * dy)
        assert (errors["numbers"] <= 1e-7) == passes
        assert errors["exact"] <= 1e-7
    # wrong for large dy alone; those by which the two sides are asked are small
    clipped = lambda dy, c: x.sign() * dy.clamp(-1, 1)  # noqa: E731
    errors = found.hear(2 * dy, (clipped(2 * dy, ()),), clipped)
    assert errors == {"exact": pytest.approx(0.5), "numbers": pytest.approx(0.5)}
    off = x.sign() - 2 * (x == x.max())
    errors = found.hear(dy, (off,), lambda dy, c: off * dy)
    assert errors == {"exact": pytest.approx(2), "numbers": pytest.approx(2)}


def test_a_kink_in_one_of_two_inputs_is_enough():
    x = X.clone()
    x[1, 2] = 0.0
    forward = lambda x, W: (x.abs() * W, (x, W))  # noqa: E731
    slope = torch.where(x == 0, 0.3, x.sign())
    found = verdict(forward, lambda dy, c: (slope * c[1] * dy, c[0].abs() * dy), x, X)
    assert found.ok
    assert len(found.notes) == 1


def test_a_small_slope_of_large_numbers_is_held_by_the_exact_witness():
    """Whose rounding is far below that of differences."""
    high = lambda x: (1e6 + x, ())  # noqa: E731
    assert verdict(high, lambda dy, c: dy.clone(), X).ok
    found = verdict(high, lambda dy, c: (1 + 1e-5) * dy, X)
    assert found.status == "wrong"
    assert found.errors["autograd"] == pytest.approx(1e-5, rel=1e-6)


E = torch.zeros(0, dtype=f64)
PROOFS = {
    "no output": ((X,), lambda x: x[:0], "empty", "nothing to compare: y is empty"),
    "no input": ((E,), lambda x: x.sum(), "empty", "nothing to compare: x is empty"),
    "zeros": ((0 * X,), torch.sin, "all zero", "nothing: x is zero throughout"),
    "zeros and no input": (
        (0 * X, E),
        lambda x, e: x.sin() + e.sum(),
        "all zero",
        "zeros prove nothing: x is zero throughout",
    ),
    "no slope": ((-X.abs(),), torch.relu, "zero gradient", "every gradient is zero"),
    "no slope and no input": (
        (-X.abs(), E),
        lambda x, e: x.relu() + e.sum(),
        "zero gradient",
        "every gradient is zero at these inputs",
    ),
    "half": (
        (0 * X, X),
        torch.mul,
        "zero gradient",
        "nothing is proved of dW: it is zero here because x is zero throughout",
    ),
}


@pytest.mark.parametrize("what", PROOFS)
def test_what_proves_nothing_is_named(what):
    inputs, f, slip, words = PROOFS[what]

    def backward(dy, cache):
        return gradcheck.autograd(lambda *v: (f(*v), ()), cache, dy)

    def forward(x, W=None):
        given = (x,) if W is None else (x, W)
        return f(*given), given

    found = verdict(forward, backward, *inputs)
    assert (found.status, [v.slip for v in found.findings]) == ("unproved", [slip])
    assert words in found.findings[0].words


def test_a_gradient_of_zeros_beside_others_is_a_note():
    forward = lambda x, W: (2 * x + 0 * W, (W,))  # noqa: E731
    found = verdict(forward, lambda dy, c: (2 * dy, 0 * dy), X, X)
    assert (found.status, found.notes) == ("right", ["dW is zero at these inputs"])
    some = lambda x, W: (x * W, (x, W))  # noqa: E731
    dy_first = X * (X > 0)
    found = verdict(some, lambda dy, c: (c[1] * dy, c[0] * dy), dy_first, X)
    assert (found.status, found.notes) == ("right", [])


@pytest.mark.parametrize(
    ("types", "note"),
    [
        ((f64, f64), []),
        ((torch.float32, f64), ["judged in float64: x was float32"]),
        (
            (torch.float32, torch.bfloat16),
            ["judged in float64: x, W were float32, bfloat16"],
        ),
        ((torch.float16,) * 2, ["judged in float64: x, W were float16"]),
    ],
)
def test_in_which_type_it_was_judged_is_told(types, note):
    forward = lambda x, W: (x * W, (x, W))  # noqa: E731
    inputs = [t.to(dtype) for t, dtype in zip((X, X + 1), types, strict=True)]
    found = verdict(forward, lambda dy, c: (c[1] * dy, c[0] * dy), *inputs)
    assert (found.status, found.notes) == ("right", note)


def test_what_is_nearly_the_same_is_no_state():
    """Sums in another order differ in their last digits, whatever their scale."""
    calls = []

    def shaken(by):
        def backward(dy, cache):
            calls.append(1)
            dx = 2 * cache[0] * dy
            return dx * (1 + by * (len(calls) % 2))

        return backward

    assert verdict(square, shaken(1e-15), 1e6 * X).ok
    found = verdict(square, shaken(1e-9), 1e6 * X)
    assert [v.slip for v in found.findings] == ["state"]
    noise = [1.0]

    def drawn(x):
        noise[0] += 1e-9
        return noise[0] * x * x, (x,)

    with pytest.raises(Refused, match="another output for the same inputs"):
        verdict(drawn, lambda dy, c: 2 * c[0] * dy, X)


def test_one_of_two_inputs_that_cannot_be_float64_is_named():
    forward = lambda x, W: (x @ torch.ones(3, 2) + W.sum().float(), ())  # noqa: E731
    with pytest.raises(Refused, match="^x cannot be made float64"):
        verdict(forward, lambda dy, c: dy, X.float(), X)


def test_a_list_of_output_and_cache_will_do_and_one_gradient_is_due():
    assert verdict(lambda x: [x * x, x], lambda dy, x: 2 * x * dy, X).ok
    found = verdict(square, lambda dy, c: (dy, dy), X)
    assert "returned 2 gradients, but 1 is due: dx" in found.findings[0].words


def test_an_error_is_told_with_the_line_of_the_reader():
    """Not with one of PyTorch, nor of the judge; of an exit, where it stands."""

    def leaving():
        raise SystemExit(3)

    def inside():
        return torch.split(5, 1)

    for function, line in (
        (leaving, "raise SystemExit(3)"),
        (inside, "torch.split(5, 1)"),
    ):
        try:
            call(function)
        except Exception as error:
            words = where(error)
        assert re.search(rf"\(line \d+ of test_judge.py: .*{re.escape(line)}\)$", words)
    both = Misbehaved(Finding("", "a", "one"), Finding("", "b", "two"))
    assert str(both) == "one; two"


def test_every_seed_is_heard_and_the_first_twice():
    once = []

    def state(dy, cache):
        once.append(1)
        return 2 * cache[0] * dy * (1 + len(once) % 2)

    assert verdict(square, state, X, seeds=1).findings[0].slip == "state"
    for seed in range(3):
        bad = gradcheck.upstream(X, seed)
        wrong = lambda dy, c, bad=bad: 2 * c[0] * dy * (1 + 0.1 * torch.equal(dy, bad))  # noqa: E731
        found = verdict(square, wrong, X)
        assert found.status == "wrong"
        assert found.errors["autograd"] == pytest.approx(0.1)


def test_an_element_of_zero_proves_enough():
    x = X.clone()
    x[0, 0] = 0.0
    assert verdict(square, lambda dy, c: 2 * c[0] * dy, x).ok


def test_the_slip_is_found_beside_a_kink_and_what_is_linear_is_not_called_bent():
    x = X.clone()
    x[1, 2] = 0.0
    slope = torch.where(x == 0, 0.3, 2 * x.sign())
    forward = lambda x, W: (x.abs() * W, (x, W))  # noqa: E731
    wrong = lambda dy, c: (slope * c[1] * dy, c[0].abs() * dy)  # noqa: E731
    found = verdict(forward, wrong, x, X)
    assert [(f.gradient, f.slip) for f in found.findings] == [("dx", "factor 2")]
    odd = 1 + 0.1 * (X > 0)
    found = verdict(square, lambda dy, c: odd * 2 * c[0] * dy, X)
    assert [f.slip for f in found.findings] == ["unknown"]
    assert "linear" not in found.findings[0].words


def test_the_usual_step_is_kept_where_only_rounding_speaks_against_it():
    """Of large numbers, above zero or below."""
    for high in (1e6, -1e6):
        assert probe.step(lambda x, h=high: (h + x.exp(), ()), (randn(4),), 0) == 3e-4


def many_paths(x, W):
    n = len(x) + x.dim() + x.shape[0]
    y = W * x
    y = torch.stack([x, y])
    y = n - y
    y = y.sum(0).clone()
    y = torch.cat(y.chunk(3, 1), 1)
    y[0] = 0.0
    y = y.mul_(2.0)
    return y, ()


def test_every_use_of_a_tensor_can_be_cut():
    """Alone, with those of its call, with those of another; writes in place not."""
    x, W = randn(2, 3), randn(2, 3, seed=1)
    found = list(paths.cuts(many_paths, (x, W)))
    product, stack, minus, total, joined = (
        f"`y = {text}`"
        for text in (
            "W * x",
            "torch.stack([x, y])",
            "n - y",
            "y.sum(0).clone()",
            "torch.cat(y.chunk(3, 1), 1)",
        )
    )
    singles = [*[product] * 2, *[stack] * 2, minus, total, total, *[joined] * 4]
    assert [line for _, line in found[:11]] == singles
    assert {len(edges) for edges, _ in found[:11]} == {1}
    assert [line for _, line in found[11:14]] == [product, stack, joined]
    assert [len(edges) for edges, _ in found[11:14]] == [2, 2, 3]
    assert len(found) == 11 + 3 + 21
    assert found[14][1] == f"{product} and {stack}"
    assert found[-1][1] == joined
    dy = torch.ones_like(x)
    dx, dW = gradcheck.autograd(paths.cut(many_paths, found[11][0]), (x, W), dy)
    assert not dW.any()
    assert torch.equal(dx[1], torch.full((3,), -2.0).double())
    space = {}
    exec("def f(x):\n    return x.sin(), ()", space)
    assert [line for _, line in paths.cuts(space["f"], (x,))] == ["`sin`"]


def test_what_is_written_to_before_a_path_that_is_cut_stays_written_to():
    """A write has no number among the uses: the one that is cut is of the sine."""

    def first_row_less(x):
        y = 2 * x
        y[0] = 0.0
        return y + y.sin(), ()

    forward = paths.cut(first_row_less, frozenset([(1, 0)]))
    (dx,) = gradcheck.autograd(forward, (X,), torch.ones_like(X))
    right = torch.full_like(X, 2.0)
    right[0] = 0.0
    assert torch.equal(dx, right)

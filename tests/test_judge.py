"""The judge cannot be fooled, and does not call right gradients wrong."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm import gradcheck, ops
from charlm.gradcheck import grade, verdict
from charlm.judge import Refused

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
}


@pytest.mark.parametrize("what", RETURNS)
def test_what_is_no_gradient_is_named(what):
    backward, slip, words = RETURNS[what]
    found = verdict(lambda x, W: (x @ W, (x, W)), backward, X, randn(3, 2))
    assert found.status == "wrong"
    assert words in " ".join(f.words for f in found.findings)
    assert slip in {f.slip for f in found.findings}
    json.dumps(found.as_dict(), allow_nan=False)


def raising(x):
    raise KeyError("no such thing")


REFUSED = {
    "no cache": (lambda x: x * x, (X,), r"no cache; .* return y, \(\)"),
    "a number": (lambda x: (x.sum().item(), ()), (X,), "is a float"),
    "an error": (raising, (X,), "the forward raises KeyError.*line"),
    "nan": (lambda x: (x.log(), ()), (X,), "infinite or not a number"),
    "float32 out": (lambda x: (x.float(), ()), (X,), "returned torch.float32"),
    "writes": (lambda x: (x.mul_(2), ()), (X,), "the forward writes to x"),
    "no floats": (square, (torch.arange(3),), "no input is a floating-point tensor"),
    "numpy": (square, (np.ones(3),), r"torch.from_numpy\(x\)"),
    "complex": (square, (X + 0j,), "x is complex"),
    "a list": (square, ([X],), "each tensor as an argument of its own"),
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


def test_kinks_are_found_and_told(capsys):
    x = X.clone()
    x[0, 0], x[1, 1] = (
        0.0,
        1e-5,
    )  # on the kink, and so near that a usual step crosses it
    for at_zero in (0.0, 0.3, 1.0):
        factor = torch.where(x == 0, at_zero, (x > 0).double())
        assert grade(ops.relu, lambda dy, c, factor=factor: factor * dy, x)
        said = capsys.readouterr().out
        assert ("x lies on a kink at 1 of 12 places, first at x[0, 0]" in said) or (
            at_zero == 0
        )
    for wrong in (-0.1, 1.1):
        factor = torch.where(x == 0, wrong, (x > 0).double())
        assert not grade(ops.relu, lambda dy, c, factor=factor: factor * dy, x)
    elsewhere = (x >= 0).double()
    elsewhere[2, 2] += 1e-6
    assert not grade(ops.relu, lambda dy, c: elsewhere * dy, x)
    assert grade(ops.relu, ops.relu_backward, x, kink=True)


def std_backward(dy, cache):
    (x,) = cache
    return dy * (x - x.mean()) / ((x.numel() - 1) * x.std())


def var_backward(dy, cache):
    (x,) = cache
    return dy * 2 * (x - x.mean()) / (x.numel() - 1)


def amax_backward(dy, cache):
    (x,) = cache
    return dy[:, None] * (x == x.amax(1, keepdim=True))


def prod_backward(dy, cache):
    (x,) = cache
    return dy[:, None] * x.prod(1, keepdim=True) / x


def along(f, slope):
    """A function of one number with its derivative."""
    return lambda x: (f(x), (x,)), lambda dy, c: slope(c[0]) * dy


def moving(f, back):
    """A linear map that keeps nothing, with its transpose."""
    return lambda x: (f(x), ()), lambda dy, c: back(dy)


F = torch.nn.functional
TORCH = {
    "abs": along(torch.abs, torch.sign),
    "neg": along(torch.neg, lambda x: -torch.ones_like(x)),
    "exp": along(torch.exp, torch.exp),
    "exp2": along(torch.exp2, lambda x: math.log(2) * 2**x),
    "expm1": along(torch.expm1, torch.exp),
    "sin": along(torch.sin, torch.cos),
    "cos": along(torch.cos, lambda x: -x.sin()),
    "tan": along(torch.tan, lambda x: 1 + x.tan() ** 2),
    "sinh": along(torch.sinh, torch.cosh),
    "cosh": along(torch.cosh, torch.sinh),
    "tanh": along(torch.tanh, lambda x: 1 - x.tanh() ** 2),
    "atan": along(torch.atan, lambda x: 1 / (1 + x * x)),
    "asinh": along(torch.asinh, lambda x: (1 + x * x) ** -0.5),
    "erf": along(torch.erf, lambda x: 2 / math.sqrt(math.pi) * (-x * x).exp()),
    "sigmoid": along(torch.sigmoid, lambda x: x.sigmoid() * (1 - x.sigmoid())),
    "logsigmoid": along(F.logsigmoid, lambda x: 1 - x.sigmoid()),
    "softsign": along(F.softsign, lambda x: (1 + x.abs()) ** -2),
    "elu": along(F.elu, lambda x: torch.where(x > 0, 1.0, x.exp())),
    "hardtanh": along(F.hardtanh, lambda x: (x.abs() < 1).double()),
    "clamp": along(lambda x: x.clamp(-0.5, 0.5), lambda x: (x.abs() < 0.5).double()),
    "square": along(torch.square, lambda x: 2 * x),
    "reciprocal": along(torch.reciprocal, lambda x: -(x**-2)),
    "fifth power": along(lambda x: x**5, lambda x: 5 * x**4),
    "log of the absolute": along(lambda x: x.abs().log(), lambda x: 1 / x),
    "frac": along(torch.frac, torch.ones_like),
    "norm": (lambda x: (x.norm(), (x,)), lambda dy, c: dy * c[0] / c[0].norm()),
    "sum of magnitudes": (
        lambda x: (x.abs().sum(), (x,)),
        lambda dy, c: dy * c[0].sign(),
    ),
    "std": (lambda x: (x.std(), (x,)), std_backward),
    "var": (lambda x: (x.var(), (x,)), var_backward),
    "amax": (lambda x: (x.amax(1), (x,)), amax_backward),
    "prod": (lambda x: (x.prod(1), (x,)), prod_backward),
    "logsumexp": (
        lambda x: (x.logsumexp(1), (x,)),
        lambda dy, c: dy[:, None] * c[0].softmax(1),
    ),
    "mH": moving(lambda x: x.mH, lambda dy: dy.mH),
    "conj": moving(lambda x: x.conj() * 2, lambda dy: 2 * dy),
    "flip": moving(lambda x: x.flip(0), lambda dy: dy.flip(0)),
    "roll": moving(lambda x: x.roll(1, 0), lambda dy: dy.roll(-1, 0)),
    "cumsum": moving(lambda x: x.cumsum(1), lambda dy: dy.flip(1).cumsum(1).flip(1)),
    "tril": moving(torch.tril, torch.tril),
    "median": (
        lambda x: (x.median(1).values, (x,)),
        lambda dy, c: dy[:, None] * (c[0] == c[0].median(1, keepdim=True).values),
    ),
    "unfold and sum": moving(
        lambda x: x.unfold(1, 2, 1).sum(-1),
        lambda dy: F.pad(dy, (1, 1)).unfold(1, 2, 1).sum(-1),
    ),
}
LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: x.T.contiguous().T,
    "strided": lambda x: torch.stack([x, x], -1).flatten(1)[:, ::2],
}


@pytest.mark.parametrize("name", TORCH)
def test_no_right_gradient_of_torch_is_called_wrong(name):
    forward, backward = TORCH[name]
    for k, (layout, dtype) in enumerate(
        [("plain", f64), ("transposed", torch.float32), ("strided", torch.bfloat16)]
    ):
        x = LAYOUTS[layout](randn(4, 3, seed=k).to(dtype))
        found = verdict(forward, backward, x, seeds=1)
        assert found.ok, (layout, *found.lines())


def test_there_are_enough_of_torch():
    assert len(TORCH) >= 30


@pytest.mark.parametrize("name", ["abs", "norm", "std", "var", "mH", "conj"])
def test_the_complex_step_is_silent_where_it_makes_no_sense(name):
    forward, backward = TORCH[name]
    found = verdict(forward, backward, X, seeds=1)
    assert found.errors["complex step"] is None
    assert "complex step         does not apply" in "\n".join(found.lines())
    # and speaks where it does
    assert verdict(*TORCH["sin"], X, seeds=1).errors["complex step"] <= 1e-12


def test_almost_equal_rows_need_a_shorter_step():
    x = torch.tensor([[1.0], [1.001], [1.002]], dtype=f64)
    inputs = x, torch.ones(1).double(), torch.ones(1).double()
    assert grade(ops.batchnorm, ops.batchnorm_backward, *inputs)


KINDS = st.sampled_from([torch.float64, torch.float32, torch.bfloat16])
SCALES = st.sampled_from([1e-6, 1e-3, 1.0, 30.0, 1e3, 1e6])
PAIRS = {
    "product": (lambda a, b: (a * b, (a, b)), lambda dy, c: (c[1] * dy, c[0] * dy)),
    "root": (
        lambda a, b: ((a * a + b * b).sqrt(), (a, b)),
        lambda dy, c: tuple(v * dy / (c[0] ** 2 + c[1] ** 2).sqrt() for v in c),
    ),
    "log": (
        lambda a, b: ((a * a).log() + b, (a,)),
        lambda dy, c: (2 / c[0] * dy, dy),
    ),
    "power": (
        lambda a, b: (a**3 + a * b * b, (a, b)),
        lambda dy, c: ((3 * c[0] ** 2 + c[1] ** 2) * dy, 2 * c[0] * c[1] * dy),
    ),
}


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(PAIRS)),
    KINDS,
    st.sampled_from(list(LAYOUTS)),
    SCALES,
    st.integers(0, 1000),
    st.sampled_from([0, 1]),
    st.sampled_from([-1, 2, 1 + 1e-6]),
)
def test_kind_and_scale_of_the_inputs_change_no_verdict(
    pair, dtype, layout, scale, seed, i, factor
):
    forward, backward = PAIRS[pair]
    a, b = (
        LAYOUTS[layout]((scale * randn(3, 2, seed=seed + k)).to(dtype)) for k in (0, 1)
    )
    found = verdict(forward, backward, a, b, seeds=1)
    assert found.ok, found.lines()

    def wrong(dy, cache):
        grads = list(backward(dy, cache))
        grads[i] = factor * grads[i]
        return tuple(grads)

    found = verdict(forward, wrong, a, b, seeds=1)
    assert found.status == "wrong"
    assert [f.gradient for f in found.findings] == [["da", "db"][i]]
    exchanged = verdict(forward, lambda dy, c: backward(dy, c)[::-1], a, b, seeds=1)
    assert [f.slip for f in exchanged.findings] == ["order"]

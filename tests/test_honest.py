"""The judge does not call right gradients wrong, whatever the inputs."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm import ops
from charlm.gradcheck import grade, verdict

f64 = torch.float64


def randn(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g, dtype=f64)


X = randn(4, 3)


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

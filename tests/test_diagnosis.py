"""The diagnosis is judged: many wrong gradients, each to be named rightly."""

from dataclasses import replace

import pytest
import torch

from charlm import gradcheck, ops
from charlm.gradcheck import cases
from charlm.gradcheck.bugs import zoo
from charlm.gradcheck.judge import (
    Case,
    Trial,
    close,
    common,
    explain,
    guesses,
    input_names,
)


def tried(forward, backward, inputs, names=None, forms=()):
    """A backward at some inputs, with four upstream gradients, the last a sum."""
    names = names or input_names(forward, inputs)
    case = Case(forward, names, gradcheck.autograd, forms=tuple(forms))
    y, cache = forward(*inputs)
    dys = [gradcheck.upstream(y, seed) for seed in range(3)]
    for dy in (*dys, dys[0] + dys[1]):
        ours = gradcheck.gradients(backward, dy.clone(), cache)
        right = gradcheck.autograd(forward, inputs, dy)
        case.trials.append(Trial(inputs, y, dy, ours, right))
    return case


def first_findings(*args, **kwargs):
    """Gradient -> the finding that is told."""
    found = explain(tried(*args, **kwargs))
    return {name: fits[0][1] for name, fits in found.items()}


@pytest.mark.parametrize("bug", zoo(), ids=lambda b: b.name)
def test_every_bug_of_the_zoo_is_named(bug):
    """On all the inputs where it shows, and by no other name."""
    found = []
    for case in cases.cases(bug.pair):
        if not case.forward(*case.inputs)[0].numel():
            continue
        names = input_names(ops.pairs()[bug.pair].forward, case.inputs)
        forms = gradcheck.zoo_forms(case.forward, bug.pair)
        try:
            seen = explain(tried(case.forward, bug.backward, case.inputs, names, forms))
        except RuntimeError:  # some bugs fail where shapes do not fit
            continue
        if seen:
            found.append(seen)
        if len(found) == 4:
            break
    named = common(found)
    assert named
    assert {f.bug for f in named} == {bug.name}, named
    for finding in named:
        assert finding.gradient in finding.words
        assert bug.slip in finding.words


def randn(*shape, seed=0):
    g = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=g, dtype=torch.float64)


# lengths that are all different, none of them 2, so that no factor has two meanings
AT = {
    "linear": (randn(7, 5), randn(5, 3), randn(3)),
    "matmul": (randn(3, 7, 5), randn(3, 5, 11)),
    "unembedding": (randn(7, 5), randn(11, 5)),
    "layernorm": (randn(7, 5), randn(5), randn(5)),
    "batchnorm": (randn(7, 5), randn(5), randn(5)),
    "attention": (randn(3, 7, 5), randn(3, 7, 5, seed=1), randn(3, 7, 11)),
    "gate": (randn(7, 5), randn(7, 5, seed=1)),
    "softmax": (randn(7, 5),),
}
SLIPS = {
    "sign": lambda d: -d,
    "factor 2": lambda d: 2 * d,
    "factor 1/2": lambda d: d / 2,
    "factor N": lambda d: 7 * d,
    "factor 1/N": lambda d: d / 7,
    "factor": lambda d: 1.37 * d,
    "zero": lambda d: 0 * d,
    "transposed": lambda d: d.mT.contiguous(),
    "viewed": lambda d: d.mT.reshape(d.shape),
    "sum too many": lambda d: d.sum(-1, keepdim=True),
    "mean too many": lambda d: d.mean(-1, keepdim=True).expand(d.shape),
    "sum missing": lambda d: torch.stack([0.25 * d, 0.75 * d]),
    "shape": lambda d: d.flatten(),
    "dy forgotten": None,
}


def planted(pair, i, slip):
    """The backward of a pair with a slip in gradient number i."""
    forward, right = ops.pairs()[pair].forward, ops.pairs()[pair].backward

    def wrong(dy, cache):
        found = list(gradcheck.gradients(right, dy, cache))
        if slip == "dy forgotten":
            found[i] = gradcheck.gradients(right, torch.ones_like(dy), cache)[i]
        else:
            found[i] = SLIPS[slip](found[i])
        return tuple(found)

    return forward, wrong


def applies(pair, i, slip):
    d = AT[pair][i]
    if slip in ("transposed", "viewed", "shape") and d.dim() < 2:
        return False
    # what does not see a shift has a gradient of zero for ones, and zero sums
    flat = {("softmax", 0), ("layernorm", 0), ("batchnorm", 0), ("attention", 0)}
    return (pair, i) not in flat or slip not in (
        *("dy forgotten", "sum too many", "mean too many"),
    )


PLANTED = [
    pytest.param(pair, i, slip, id=f"{pair}-{i}-{slip}")
    for pair, inputs in AT.items()
    for i in range(len(inputs))
    for slip in SLIPS
    if applies(pair, i, slip)
]


@pytest.mark.parametrize(("pair", "i", "slip"), PLANTED)
def test_a_planted_slip_is_named(pair, i, slip):
    forward, wrong = planted(pair, i, slip)
    found = first_findings(forward, wrong, AT[pair])
    name = "d" + input_names(forward, AT[pair])[i]
    assert list(found) == [name]
    assert found[name].slip == slip, found[name].words


def test_there_are_enough_of_them():
    assert len(zoo()) + len(PLANTED) >= 60


def test_gradients_in_the_wrong_order():
    forward, right = ops.linear, ops.linear_backward
    found = first_findings(
        forward, lambda dy, cache: right(dy, cache)[::-1], AT["linear"]
    )
    assert list(found) == [""]
    assert found[""].slip == "order"
    assert "returned as db, dW, dx; return dx, dW, db" in found[""].words


def normalise(x):
    mean = x.mean(0)
    centred = x - mean
    var = (centred * centred).mean(0)
    rstd = (var + 1e-5) ** -0.5
    return centred * rstd, (centred, rstd)


def normalise_with(mean=1.0, var=1.0):
    """Its backward, with a factor at the paths through mean and variance."""

    def backward(dy, cache):
        centred, rstd = cache
        xhat = centred * rstd
        dcentred = rstd * (dy - var * xhat * (dy * xhat).mean(0))
        return dcentred - mean * (rstd * dy).mean(0)

    return backward


@pytest.mark.parametrize(
    ("factors", "slip", "words"),
    [
        ({"mean": 0.0}, "term missing", "lacks the path through `mean = x.mean(0)`"),
        ({"var": 0.0}, "term missing", "var = (centred * centred).mean(0)"),
        ({"mean": -1.0}, "term sign", "wrong sign on the path through `mean"),
        ({"mean": 2.0}, "term twice", "counts twice the path through `mean"),
        ({"mean": 0.8}, "term factor", "factor 0.8 on the path through `mean"),
        ({"mean": 0.0, "var": 0.0}, "term missing", "`mean = x.mean(0)` and `"),
    ],
)
def test_a_path_that_is_left_out_is_named_by_its_line(factors, slip, words):
    x = randn(7, 3)
    assert not first_findings(normalise, normalise_with(), (x,))
    found = first_findings(normalise, normalise_with(**factors), (x,))["dx"]
    assert found.slip == slip
    assert words in found.words


def test_at_the_output_and_through_the_transpose():
    x, W = randn(7, 3), randn(3, 3)
    tanh = first_findings(ops.tanh, lambda dy, c: (1 - c[0].tanh() ** 2) * dy, (x,))
    assert tanh["dx"].slip == "at the output"
    matrix = first_findings(
        lambda x, W: (x @ W, (x, W)), lambda dy, c: (dy @ c[1], c[0].T @ dy), (x, W)
    )
    assert matrix["dx"].slip == "transposed factor"
    assert "through W instead of its transpose" in matrix["dx"].words


def test_a_gradient_for_another_dy_is_told_so():
    x, right = randn(4, 3), ops.tanh_backward
    told = {
        "dx is the local derivative alone: dy is not multiplied in": torch.ones_like,
        "dx is that for dy with its negative numbers cut off": torch.relu,
    }
    for words, other in told.items():
        mine = lambda dy, c, f=other: right(f(dy), c)  # noqa: E731
        assert first_findings(ops.tanh, mine, (x,))["dx"].words == words


def test_what_no_slip_explains_is_told_by_place():
    x = randn(4, 3)

    def one_wrong(dy, cache):
        (y,) = cache
        dx = (1 - y * y) * dy
        dx[2, 1] += 0.5
        return dx

    found = first_findings(ops.tanh, one_wrong, (x,))["dx"]
    assert found.slip == "unknown"
    assert "wrong at 1 of 12 places, first at dx[2, 1]" in found.words
    bent = first_findings(ops.tanh, lambda dy, c: (1 - c[0] ** 2) * dy**3, (x,))["dx"]
    assert "not linear in dy" in bent.words


def test_only_the_wrong_gradient_is_blamed():
    forward, wrong = planted("linear", 1, "transposed")
    case = tried(forward, wrong, AT["linear"])
    assert list(explain(case)) == ["dW"]
    trial = case.trials[0]
    case.trials = [replace(t, ours=t.right) for t in case.trials]
    assert explain(case) == {}
    assert not close(trial.ours[1], trial.right[1])


def test_what_is_close_and_what_is_a_constant_times_another():
    a = randn(3, 4)
    top = a.abs().max()
    for scale in (1e-9, 1.0, 1e9):
        off = torch.zeros_like(a)
        off[1, 2] = -0.9e-7 * top
        assert close(scale * a, scale * (a + off))
        assert close(scale * (a + off), scale * a)
        assert not close(scale * a, scale * (a + 1.3 * off))
    assert not close(a, a[None])
    assert close(a[:0], a[:0])
    assert not close(-a, a)
    for c in (-3.0, 0.2, 1e6):
        assert guesses.factor(c * a, a) == pytest.approx(c, rel=1e-12)
    bad = a.clone()
    bad[0, 0] = torch.inf
    for other in (None, 0 * a, a[:2], bad, a + 1):
        assert guesses.factor(a, other) is None
    assert guesses.factor(0 * a, a) is None
    assert guesses.factor(a[:0], a[:0]) is None
    assert guesses.near(-2 * (1 + 0.9e-6), -2)
    assert not guesses.near(2 * (1 + 1.1e-6), 2)
    assert not guesses.near(2 * (1 - 1.1e-6), 2)


# three targets count, two lengths are one, and no length is another's
GIVEN = {"W": randn(1, 3, 11), "ix": torch.tensor([0, 3, -1, 1]), "n": 4}
AROUND = Trial(tuple(GIVEN.values()), torch.zeros(()), randn(7, 5), (), ())


def constants(c):
    """Key -> kind and words of a constant factor, the first of each key."""
    found = [*guesses.constants(c, AROUND, list(GIVEN))]
    return {key: (kind, words) for key, kind, words in reversed(found)}


def test_constants_are_explained_the_simplest_first():
    assert constants(-1) == {"sign": ("sign", "has the wrong sign")}
    too, sign = "is twice too large", ", and has the wrong sign"
    assert constants(2)["2"] == ("factor 2", too)
    assert constants(-2)["-2"] == ("factor 2", too + sign)
    half = "is half of what it should be"
    assert constants(0.5)["1/2"] == ("factor 1/2", half)
    assert constants(-0.5)["-1/2"] == ("factor 1/2", half + sign)
    plain = {"1.37": ("factor", "is 1.37 times what it should be")}
    assert constants(1.37) == plain
    turned = {"-1.37": ("factor", f"is 1.37 times what it should be{sign}")}
    assert constants(-1.37) == turned


def test_constants_are_lengths_of_what_is_there():
    """And their roots, over or under; keys do not depend on sizes."""
    lengths = {
        "the length of axis -2 of dy": 7,
        "the length of axis -1 of dy": 5,
        "the number of elements of dy, to axis 0": 35,
        "the length of axis -2 of W": 3,
        "the length of axis -1 of W": 11,
        "the number of rows of W, to axis -1": 3,
        "the number of elements of W, to axis 0": 33,
        "the length of axis -1 of ix": 4,
        "the number of ix that count": 3,
    }
    assert dict(guesses._lengths(AROUND, list(GIVEN))) == lengths
    for where, n in lengths.items():
        for sign, turned in ((1, ""), (-1, ", and has the wrong sign")):
            minus = "-" if sign < 0 else ""
            by = f"{where}: divide by it{turned}"
            found = constants(sign * n)
            assert found[f"{minus}{where}^1.0"] == (
                "factor N",
                f"is too large by {n}, {by}",
            )
            found = constants(sign * n**0.5)[f"{minus}{where}^0.5"]
            assert found == ("factor N", f"is too large by the root of {n}, {by}")
            by = f"{where}: one division too many (a mean in place of a sum?){turned}"
            found = constants(sign / n)[f"{minus}{where}^-1.0"]
            assert found == ("factor 1/N", f"is too small by {n}, {by}")
            found = constants(sign / n**0.5)[f"{minus}{where}^-0.5"]
            assert found == ("factor 1/N", f"is too small by the root of {n}, {by}")


def test_axes_in_another_order_are_named_by_it():
    """Where there are two of them, transposed."""
    for order in ((1, 0), (0, 2, 1), (2, 0, 1), (0, 2, 1, 3)):
        x = randn(*range(3, 3 + len(order)))
        found = first_findings(
            ops.tanh,
            lambda dy, c, o=order: (
                ops.tanh_backward(dy, c)[0].permute(o)
                if isinstance(ops.tanh_backward(dy, c), tuple)
                else ops.tanh_backward(dy, c).permute(o)
            ),
            (x,),
        )["dx"]
        text = "is transposed" if len(order) == 2 else f"axes permuted {order}"
        assert found.slip == "transposed"
        assert text in found.words


def test_a_view_where_a_transpose_is_needed_is_told_so():
    """The shape is right then, and the numbers are in another order."""
    x, right = randn(4, 3), ops.tanh_backward
    mine = lambda dy, c: right(dy, c).mT.reshape(4, 3)  # noqa: E731
    found = first_findings(ops.tanh, mine, (x,))["dx"]
    assert (found.slip, found.words) == (
        "viewed",
        "dx has its numbers in the wrong order: a view where a transpose is needed",
    )


def test_one_gradient_in_the_place_of_another():
    a, b = randn(4, 3), randn(4, 3, seed=1)
    forward = lambda a, b: (a * b.sin(), (a, b))  # noqa: E731

    def wrong(dy, cache):
        a, b = cache
        return a * b.cos() * dy, a * b.cos() * dy

    found = first_findings(forward, wrong, (a, b))
    assert list(found) == ["da"]
    assert (found["da"].slip, found["da"].words) == (
        "mixed up",
        "da is what db should be",
    )


def test_two_elements_are_a_length():
    t = Trial((), torch.zeros(()), randn(2, 1), (), ())
    assert dict(guesses._lengths(t, [])) == {
        "the length of axis -2 of dy": 2,
        "the number of elements of dy, to axis 0": 2,
    }


def test_a_slip_and_a_factor_are_told_together():
    x = randn(4, 3)
    found = first_findings(
        ops.tanh, lambda dy, c: 2 * ops.tanh_backward(dy, c).mT, (x,)
    )["dx"]
    assert (found.slip, found.words) == (
        "transposed",
        "dx is transposed; is twice too large",
    )
    odd = first_findings(
        ops.tanh, lambda dy, c: 1.37 * ops.tanh_backward(dy, c).mT, (x,)
    )["dx"]
    assert odd.slip == "shape", "two slips are no explanation"


def test_the_right_numbers_in_another_shape_are_told_apart_from_wrong_ones():
    x = randn(4, 3)
    right = ops.tanh_backward
    flat = first_findings(ops.tanh, lambda dy, c: right(dy, c).flatten(), (x,))["dx"]
    assert (flat.slip, flat.words) == (
        "shape",
        "dx has the right numbers in another shape: shape (12,) should be (4, 3)",
    )
    bent = first_findings(ops.tanh, lambda dy, c: right(dy, c).flatten() ** 2, (x,))
    assert bent["dx"].slip == "shape"
    assert "the right numbers" not in bent["dx"].words


def test_sums_are_told_with_their_axes_and_shapes():
    x = randn(4, 3)
    right = ops.tanh_backward
    parts = first_findings(
        ops.tanh,
        lambda dy, c: torch.stack([right(dy, c) / 4, right(dy, c) * 0.75]),
        (x,),
    )["dx"]
    words = "dx is not summed over axis -3 yet: shape (2, 4, 3) should be (4, 3)"
    assert parts.words == words
    for axes, text in (((-1,), "axis -1"), ((-2, -1), "axis -2 and -1")):
        found = first_findings(
            ops.tanh, lambda dy, c, a=axes: right(dy, c).sum(a, keepdim=True), (x,)
        )["dx"]
        assert found.words == f"dx has a sum over {text} too many"


def test_what_differs_in_one_trial_or_from_trial_to_trial_is_unknown():
    x = randn(4, 3)

    def mine(wrong):
        calls = []

        def backward(dy, cache):
            calls.append(1)
            return wrong(len(calls) - 1, ops.tanh_backward(dy, cache))

        return backward

    once = first_findings(ops.tanh, mine(lambda k, d: d + (k == 1)), (x,))["dx"]
    assert once.slip == "unknown"
    moving = mine(lambda k, d: 2 * d if k == 0 else d + k)
    assert first_findings(ops.tanh, moving, (x,))["dx"].slip == "unknown"
    case = tried(ops.tanh, lambda dy, c: ops.tanh_backward(dy, c) + 1, (x,))
    case.trials = case.trials[:2]
    ((_, finding),) = explain(case)["dx"]
    t = case.trials[0]
    found, due = t.ours[0][0, 0].item(), t.right[0][0, 0].item()
    assert finding.words == (
        f"dx is wrong at 12 of 12 places, first at dx[0, 0]: {found:.6g} instead of "
        f"{due:.6g}; no slip known here explains it"
    )

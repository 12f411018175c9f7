"""The judge is judged: comparisons and witnesses on functions with known answers."""

import math

import pytest
import torch

from charlm.gradcheck import (
    WITNESSES,
    Comparison,
    NotAnalytic,
    adjoint,
    autograd,
    bracket,
    central_differences,
    cmp,
    compare,
    complex_step,
    directions,
    error,
    one_sided,
    projection,
    taylor_order,
    upstream,
)
from charlm.gradcheck.judge.measure import distance


def cube(x, scale):
    return scale * x**3, ()


@pytest.mark.parametrize("witness", WITNESSES.values(), ids=list(WITNESSES))
def test_witness_on_a_known_derivative(witness, g):
    x = torch.randn(3, 2, generator=g, dtype=torch.float64)
    scale = torch.tensor(0.7, dtype=torch.float64)
    dy = torch.randn(3, 2, generator=g, dtype=torch.float64)
    dx, dscale = witness(cube, (x, scale), dy)
    torch.testing.assert_close(dx, 3 * scale * x**2 * dy, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(dscale, (x**3 * dy).sum(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("witness", WITNESSES.values(), ids=list(WITNESSES))
def test_witness_leaves_its_inputs_alone(witness, g):
    x = torch.randn(4, generator=g, dtype=torch.float64)
    before = x.clone()
    witness(lambda x: (x * x, ()), (x,), torch.ones(4, dtype=torch.float64))
    assert torch.equal(x, before)
    assert not x.requires_grad


@pytest.mark.parametrize("witness", WITNESSES.values(), ids=list(WITNESSES))
def test_witness_skips_integers(witness):
    ix, C = torch.tensor([0, 2]), torch.eye(3, dtype=torch.float64)
    found = witness(lambda ix, C: (C[ix], ()), (ix, C), torch.ones(2, 3).double())
    assert len(found) == 1
    torch.testing.assert_close(found[0].sum(1), torch.tensor([3.0, 0, 3]).double())


def test_what_nothing_flows_to_has_a_gradient_of_zeros():
    x, y = torch.ones(3, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    (dx,) = autograd(lambda x: (y, ()), (x,), y)
    assert torch.equal(dx, torch.zeros_like(x))


def test_autograd_works_in_inference_mode():
    with torch.inference_mode():
        x = torch.ones(2, dtype=torch.float64)
        (dx,) = autograd(lambda x: (x * x, ()), (x,), torch.ones_like(x))
    assert dx.tolist() == [2.0, 2.0]


def test_central_differences_are_of_fourth_order():
    x = torch.tensor([1.0], dtype=torch.float64)
    dy = torch.ones_like(x)
    error = [
        abs(central_differences(lambda x: (x.exp(), ()), (x,), dy, h)[0] - math.e)
        for h in (0.1, 0.05)
    ]
    assert 15 < (error[0] / error[1]).item() < 17


def test_complex_step_is_exact_to_the_last_bits():
    x = torch.tensor([1.5], dtype=torch.float64)
    (dx,) = complex_step(lambda x: (x.exp(), ()), (x,), torch.ones_like(x))
    assert abs(dx.item() - math.exp(1.5)) <= 2e-15


def test_compare_looks_at_the_shape_first():
    # broadcasting would make these look equal
    result = compare("b", torch.ones(1, 3), torch.ones(3))
    assert not result.ok
    assert "shape (1, 3) is not (3,)" in str(result)


def test_compare_exact_and_nearly():
    a = torch.tensor([1.0, -2.0], dtype=torch.float64)
    assert compare("a", a, a.clone()).exact
    near = compare("a", a * (1 + 1e-11), a)
    assert near.ok
    assert not near.exact
    assert near.relative == pytest.approx(1e-11, rel=1e-4)
    assert not compare("a", a * (1 + 1e-8), a).ok


def test_compare_judges_against_the_largest_element():
    reference = torch.tensor([1.0, 1e-12], dtype=torch.float64)
    assert compare("a", torch.tensor([1.0, 2e-12]).double(), reference).ok


def test_compare_knows_a_zero_gradient():
    ours, reference = torch.tensor([3e-9]), torch.tensor([-2e-9])
    result = compare("b1", ours, reference)
    assert result.ok
    assert result.zero
    assert "both zero" in str(result)
    assert not compare("b1", torch.tensor([3e-4]), reference).ok
    assert not compare("b1", ours, torch.tensor([3e-4])).ok


def test_compare_refuses_what_is_not_finite():
    bad = torch.tensor([float("nan")])
    assert not compare("x", bad, bad).ok
    assert not compare("x", torch.tensor([1.0]), torch.tensor([float("inf")])).ok


def test_compare_of_empty_gradients():
    assert compare("x", torch.empty(0, 3), torch.empty(0, 3)).ok
    assert not compare("x", torch.empty(0, 3), torch.empty(3, 0)).ok


def test_cmp_prints_one_line(capsys):
    x = torch.tensor([2.0], requires_grad=True)
    h = x * x
    h.retain_grad()
    (3 * h).sum().backward()
    assert cmp("h", torch.tensor([3.0]), h).exact
    assert cmp("x", torch.tensor([12.0]), x).ok
    assert not cmp("x", torch.tensor([-12.0]), x).ok
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("ok   h")
    assert lines[2].startswith("FAIL x")


def test_cmp_without_a_gradient_says_what_to_do():
    x = torch.tensor([2.0], requires_grad=True)
    h = x * x
    h.sum().backward()
    with pytest.raises(ValueError, match=r"'h'.*retain_grad\(\)"):
        cmp("h", torch.tensor([1.0]), h)
    with pytest.raises(ValueError, match="requires_grad"):
        cmp("y", torch.tensor([1.0]), torch.tensor([1.0]))


def test_directions_are_drawn_and_of_length_one_together():
    inputs = torch.zeros(3, 2).double(), torch.tensor([1]), torch.zeros(4).double()
    one, two = directions(inputs, torch.Generator().manual_seed(3))
    assert (one.shape, two.shape) == ((3, 2), (4,))
    assert one.dtype == two.dtype == torch.float64
    assert (one.square().sum() + two.square().sum()).item() == pytest.approx(1)
    again = directions(inputs, torch.Generator().manual_seed(3))
    assert torch.equal(one, again[0])
    assert directions((torch.zeros(0).double(),), torch.Generator())[0].numel() == 0


def test_slopes_on_both_sides_of_a_kink():
    """Of 2 |x| + x at 0, upwards; of a square to the last digits but some."""
    x, up = torch.zeros(1).double(), (torch.ones(1).double(),)
    left, right = one_sided(lambda x: (2 * x.abs() + x, ()), (x,), 3 * up[0], up)
    assert (left, right) == (pytest.approx(-3), pytest.approx(9))
    found = one_sided(lambda x: (x * x, ()), (x + 1,), up[0], up, 0.5)
    assert found == (pytest.approx(2), pytest.approx(2))
    cubes = one_sided(lambda x: (x**3, ()), (x + 1,), up[0], up)
    assert cubes == (pytest.approx(3, abs=1e-8), pytest.approx(3, abs=1e-8))
    three = torch.zeros(3).double(), torch.tensor([1.0, 2.0, 3.0]).double()
    found = one_sided(
        lambda x: (2 * x.abs() + x, ()), three[:1], three[1], (three[0] + 1,)
    )
    assert found == (pytest.approx(-6), pytest.approx(18))


def test_compare_tells_all_that_it_found():
    """Every field by its definition."""
    inf, none = math.inf, torch.zeros(2).double()
    a, b = torch.tensor([3.0, -4.0]).double(), torch.tensor([3.0, -2.0]).double()
    off = Comparison("a", "", False, False, 2.0, 2 / 3, False)
    assert compare("a", a, b) == off
    assert compare("a", a, b, rtol=2 / 3).ok
    assert not compare("a", a, b, rtol=0.66).ok
    assert compare("a", a, a) == Comparison("a", "", True, False, 0.0, 0.0, True)
    assert compare("a", a, none) == Comparison("a", "", False, False, 4.0, inf, False)
    both = Comparison("a", "", False, True, 2.0, 2 / 3, True)
    assert compare("a", a, b, zero=4.0) == both
    assert not compare("a", a, b, zero=3.9).zero
    assert not compare("a", b, a, zero=3.9).zero
    said = "shape (2,) is not (1, 2)"
    other = Comparison("a", said, False, False, inf, inf, False)
    assert compare("a", a, a[None]) == other
    bad = torch.tensor([1.0, math.nan]).double()
    said = "infinite or not a number"
    wrong = Comparison("a", said, False, False, inf, inf, False)
    assert compare("a", a, bad) == compare("a", bad, a) == wrong
    empty = torch.empty(0, 3)
    assert compare("e", empty, empty) == Comparison("e", "", True, True, 0.0, 0.0, True)


@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [(torch.float64, 1e-9), (torch.float32, 1e-5), (torch.bfloat16, 1e-2)],
)
def test_how_near_is_near_is_a_matter_of_the_type(dtype, rtol):
    one = torch.ones(1, dtype=dtype)
    assert compare("a", one * (1 + 0.8 * rtol), one).ok
    assert not compare("a", one * (1 + 1.6 * rtol), one).ok


def test_the_slope_along_a_line_is_exact_up_to_the_fourth_power():
    """Four values are; those of exp near to it are good to ten digits."""
    x, scale = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor(0.7).double()
    dy, v = torch.tensor([1.0, 3.0, -2.0]).double(), torch.tensor([0.2, 0.1, -0.4])
    along = v.double(), torch.tensor(0.3).double()
    slope = (dy * (3 * scale * x**2 * along[0] + x**3 * along[1])).sum().item()
    found = projection(cube, (x, scale), dy, along, h=0.5)
    assert found == pytest.approx(slope, rel=1e-13)
    slope = (dy * x.exp() * along[0]).sum().item()
    found = projection(lambda x: (x.exp(), ()), (x,), dy, along[:1])
    assert found == pytest.approx(slope, rel=1e-10)


def test_the_order_of_a_remainder():
    """2 of a square, 3 of a cube at zero, 1 if the gradient is wrong."""
    x, dy = torch.tensor([1.0, -2.0]).double(), torch.tensor([3.0, 2.0]).double()
    v = (torch.tensor([0.6, 0.8]).double(),)
    square = lambda x: (x * x, ())  # noqa: E731
    right = (2 * x * dy,)
    for h in (1e-3, 0.5):
        assert taylor_order(square, (x,), dy, right, v, h) == pytest.approx(2, abs=1e-6)
    assert taylor_order(square, (x,), dy, right, v) == pytest.approx(2, abs=1e-6)
    wrong = taylor_order(square, (x,), dy, (1.1 * right[0],), v)
    assert wrong == pytest.approx(1, abs=0.01)
    both = taylor_order(lambda x: (x**3, ()), (0 * x,), dy, (0 * x,), v)
    assert both == pytest.approx(3, abs=1e-6)


@pytest.mark.parametrize(("y", "d"), [(1e6, 1.0), (1.0, 1e6), (-1e6, 1.0), (0.1, 0.1)])
def test_a_straight_line_has_no_remainder_but_rounding(y, d):
    """Whatever its values and what they are multiplied by."""
    g = torch.Generator().manual_seed(0)
    for _ in range(20):
        x = y + torch.randn(3, generator=g).double()
        dy = d * torch.randn(3, generator=g).double()
        v = (torch.randn(3, generator=g).double(),)
        assert taylor_order(lambda x: (x / 3, ()), (x,), dy, (dy / 3,), v) == math.inf


def vectors(*lists):
    return tuple(torch.tensor(each, dtype=torch.float64) for each in lists)


def test_the_error_of_gradients_has_one_scale():
    theirs = vectors([1.0, -8.0], [2.0])
    assert error(theirs, theirs) == 0
    assert error(vectors([1.0, -8.0], [1.0]), theirs) == 1 / 8
    assert error(vectors([1.0, -10.0], [2.5]), theirs) == 2 / 8
    assert error(vectors([1.0, -8.0]), theirs) == math.inf
    assert error(vectors([1.0, -8.0], 2.0), theirs) == math.inf
    assert error(vectors([1.0, -8.0], [math.nan]), theirs) == math.inf
    assert error(theirs, vectors([1.0, math.inf], [2.0])) == math.inf
    nothing = vectors([0.0, 0.0], [0.0])
    assert error(vectors([0.0, 1.0], [0.0]), nothing) == math.inf
    assert error(vectors([0.0, 9e-12], [0.0]), nothing) == 0
    assert error(vectors([0.0, -2e-11], [0.0]), nothing) == math.inf
    assert error(vectors([]), vectors([])) == 0


def test_the_distance_of_gradients_has_a_scale_for_each():
    theirs, floors = vectors([1.0, -8.0], [2.0], []), (0.0, 0.0, 0.0)
    assert distance(theirs, theirs, floors) <= 2.3e-16
    assert distance(vectors([2.0, -8.0], [1.5], []), theirs, floors) == 1 / 4
    assert distance(vectors([1.0, -5.0], [2.0], []), theirs, floors) == 3 / 8
    for other in (vectors([1.0, -8.0], [2.0]), vectors([1.0, -8.0], [[2.0]], [])):
        assert distance(other, theirs, floors) == math.inf
    for bad in (math.nan, -math.inf):
        other = vectors([1.0, bad], [2.0], [])
        assert distance(other, theirs, floors) == math.inf
        assert distance(theirs, other, floors) == math.inf
    # what rounding may make is measured by the scale of all, and passes
    floors, near = (0.0, 0.5, 0.0), vectors([1.0, -8.0], [1.6], [])
    assert distance(near, theirs, floors, 0.1) == pytest.approx(0.4 / 8)
    assert distance(near, theirs, floors, 0.04) == torch.finfo(torch.float64).eps
    nothing = vectors([0.0], [3.0])
    assert distance(vectors([1.0], [3.0]), nothing, (0.0, 0.0)) == math.inf
    assert distance(vectors([0.3], [3.0]), nothing, (0.5, 0.0), 1.0) == 0.3 / 3
    assert distance(vectors([0.3]), vectors([0.0]), (0.5,)) == 0
    assert distance(vectors([]), vectors([]), (0.0,)) == 0


def test_a_gradient_of_an_output_is_drawn_by_its_seed():
    """Other numbers would be other studies."""
    y = torch.zeros(2, 3)
    g = torch.Generator().manual_seed(10_003)
    wanted = torch.randn(2, 3, generator=g, dtype=torch.float64)
    assert torch.equal(upstream(y, 3), wanted.float())
    assert upstream(y).dtype == torch.float32


@pytest.mark.parametrize(("slope", "outside"), [(1.0, 0), (-0.3, 0), (1.5, 1 / 3)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", [0, 1])
def test_how_far_a_slope_lies_outside_those_of_a_kink(slope, outside, sign, place):
    """Of sizes at zero, whose slopes are -1 and 1; any output may be wrong."""
    x = torch.zeros(2).double()
    slopes = torch.zeros(2).double()
    slopes[place] = sign * slope
    found = bracket(lambda x: (x.abs(), ()), lambda dy, c: slopes * dy, (x,))
    # a direction along that element alone would show all of it
    assert found == 0 if not outside else 0.1 < found <= outside + 1e-9
    single = bracket(lambda x: (x.abs(), ()), lambda dy, c: sign * slope * dy, (x[:1],))
    assert single == pytest.approx(outside, abs=1e-9)
    wrong = bracket(lambda x: (x.abs(), ()), lambda dy, c: dy[None], (x,))
    assert wrong == math.inf


def test_how_far_a_jvp_is_from_its_backward():
    """A JVP that is c times the right one, relative to the largest gradient."""
    x, none = torch.ones(1).double(), torch.zeros(0).double()

    def found(jvp, backward=lambda dy, c: (3 * dy, none)):
        return adjoint(lambda x, e: (3 * x, ()), backward, jvp, (x, none))

    for c in (1.0, 1.25, 0.5, -1.0):
        off = found(lambda v, e, cache, c=c: 3 * c * v)
        assert off == pytest.approx(abs(c - 1), abs=1e-12)
    assert found(lambda v, e, cache: v[None]) == math.inf
    assert found(lambda v, e, cache: v * math.nan) == math.inf
    nothing = lambda dy, c: (0 * dy, none)  # noqa: E731
    assert found(lambda v, e, cache: 3 * v, nothing) == math.inf
    assert found(lambda v, e, cache: 0 * v, nothing) == 0
    assert found(lambda v, e, cache: 3 * v, lambda dy, c: (3 * dy,)) == math.inf


@pytest.mark.parametrize("witness", WITNESSES.values(), ids=list(WITNESSES))
def test_witness_on_inputs_that_are_laid_out_otherwise(witness, g):
    x = torch.randn(2, 3, generator=g).double().T
    dy = torch.randn(3, 2, generator=g).double()
    before = x.clone()
    (dx,) = witness(lambda x: (x * x, ()), (x,), dy)
    torch.testing.assert_close(dx, 2 * x * dy, rtol=1e-9, atol=1e-10)
    assert torch.equal(x, before)


def test_what_is_not_analytic_is_told_in_a_line():
    x = torch.ones(2).double()

    def why(f):
        with pytest.raises(NotAnalytic) as found:
            complex_step(lambda x: (f(x), ()), (x,), x)
        return str(found.value)

    def failing(*words):
        raise KeyError(*words)

    assert why(torch.real) == "complex step: the forward drops the imaginary part"
    assert why(lambda x: failing("one")) == "complex step: 'one'"
    assert why(lambda x: failing()) == "complex step: KeyError"

"""The judge is judged: comparisons and witnesses on functions with known answers."""

import math

import pytest
import torch

from charlm.gradcheck import (
    WITNESSES,
    autograd,
    central_differences,
    cmp,
    compare,
    complex_step,
    directions,
    one_sided,
)


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

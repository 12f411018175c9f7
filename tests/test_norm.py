"""What the mathematics of normalisation says must be so, whatever the formula."""

import pytest
import torch

from charlm import gradcheck, ops


@pytest.fixture(params=[0, 1], ids=["biased", "Bessel"])
def correction(request):
    return request.param


def randn(g, *shape):
    return torch.randn(shape, generator=g, dtype=torch.float64)


def batchnorm(g, rows, correction, eps=1e-5):
    x, gamma, beta = randn(g, rows, 4), randn(g, 4), randn(g, 4)
    y, cache = ops.batchnorm(x, gamma, beta, eps=eps, correction=correction)
    dy = randn(g, rows, 4)
    return x, cache, dy, ops.batchnorm_backward(dy, cache)[0]


@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.5])
def test_every_column_of_the_gradient_sums_to_zero(g, correction, eps):
    *_, dx = batchnorm(g, 9, correction, eps)
    assert dx.abs().max() > 0.1
    assert dx.sum(0).abs().max() < 1e-14


def test_the_gradient_is_at_right_angles_to_xhat(g, correction):
    _, cache, _, dx = batchnorm(g, 9, correction, eps=0.0)
    assert (cache[0] * dx).sum(0).abs().max() < 1e-13


def test_with_eps_the_angle_is_off_by_a_known_amount(g):
    _, cache, dy, dx = batchnorm(g, 9, 0, eps=0.3)
    xhat, gamma, rstd, _, _, var = cache
    known = rstd * 0.3 / (var + 0.3) * (xhat * gamma * dy).sum(0)
    torch.testing.assert_close((xhat * dx).sum(0), known, rtol=1e-12, atol=1e-14)


def test_two_rows_teach_nothing(g, correction):
    *_, dx = batchnorm(g, 2, correction, eps=0.0)
    assert dx.abs().max() < 1e-11


def test_scale_and_shift_of_the_input_do_not_matter(g, correction):
    x, gamma, beta, dy = randn(g, 7, 3), randn(g, 3), randn(g, 3), randn(g, 7, 3)
    found = []
    for scale, shift in ((1.0, 0.0), (8.0, -5.0)):
        y, cache = ops.batchnorm(
            scale * x + shift, gamma, beta, eps=0.0, correction=correction
        )
        found.append((y, scale * ops.batchnorm_backward(dy, cache)[0]))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_a_constant_feature_stays_finite(g):
    x, gamma, beta = torch.full((6, 2), 3.0).double(), randn(g, 2), randn(g, 2)
    y, cache = ops.batchnorm(x, gamma, beta)
    dx, *_ = ops.batchnorm_backward(randn(g, 6, 2), cache)
    torch.testing.assert_close(y, beta.expand(6, 2))
    assert dx.isfinite().all()


def test_three_axes_are_rows(g):
    x, gamma, beta, dy = randn(g, 4, 3, 2), randn(g, 2), randn(g, 2), randn(g, 4, 3, 2)
    y, cache = ops.batchnorm(x, gamma, beta)
    flat, flat_cache = ops.batchnorm(x.reshape(12, 2), gamma, beta)
    assert torch.equal(y.reshape(12, 2), flat)
    wanted = ops.batchnorm_backward(dy.reshape(12, 2), flat_cache)
    found = ops.batchnorm_backward(dy, cache)
    assert gradcheck.error((found[0].reshape(12, 2), *found[1:]), wanted) == 0


def test_training_is_evaluation_with_moving_statistics(g):
    """Three paths: the row itself, the mean, the variance."""
    x, gamma, beta, dy = randn(g, 8, 3), randn(g, 3), randn(g, 3), randn(g, 8, 3)
    _, cache = ops.batchnorm(x, gamma, beta)
    mean, var = cache[-2:]
    _, c_eval = ops.batchnorm_eval(x, gamma, beta, mean, var)
    dx, _, _, dmean, dvar = ops.batchnorm_eval_backward(dy, c_eval)
    paths = dx + dmean / 8 + 2 * (x - mean) / 8 * dvar
    torch.testing.assert_close(ops.batchnorm_backward(dy, cache)[0], paths)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused_in_words(rows):
    with pytest.raises(ValueError, match="batch of [01] row.*larger batch"):
        ops.batchnorm(torch.zeros(rows, 2), torch.ones(2), torch.ones(2), correction=1)

"""What the mathematics says must be so, whatever the formula: structure theorems."""

import pytest
import torch

from charlm import ops
from charlm.models import GPT, MLP

F64 = torch.float64


def randn(g, *shape):
    return torch.randn(shape, generator=g, dtype=F64)


def loss_gradient(g, rows=6, V=5, **options):
    logits, targets = 3 * randn(g, rows, V), torch.randint(V, (rows,), generator=g)
    loss, cache = ops.cross_entropy(logits, targets, **options)
    return logits, ops.cross_entropy_backward(torch.ones_like(loss), cache)


@pytest.mark.parametrize(
    "options", [{}, {"smoothing": 0.2}, {"temperature": 3.0}], ids=str
)
def test_rows_of_dlogits_sum_to_zero(g, options):
    _, dlogits = loss_gradient(g, **options)
    assert dlogits.abs().max() > 1e-2
    assert dlogits.sum(-1).abs().max() < 1e-15


def test_ignored_rows_get_nothing(g):
    loss, cache = ops.cross_entropy(randn(g, 3, 4), torch.tensor([1, -1, 2]))
    dlogits = ops.cross_entropy_backward(torch.ones_like(loss), cache)
    assert not dlogits[1].any()
    assert dlogits[0].any()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_shift_of_all_scores_changes_nothing(g, name):
    pair = ops.pairs()[name]
    x, shift, dy = randn(g, 4, 5), 100 * randn(g, 4, 1), randn(g, 4, 5)
    (y, cache), (moved, moved_cache) = pair.forward(x), pair.forward(x + shift)
    torch.testing.assert_close(y, moved, rtol=1e-12, atol=1e-12)
    dx = pair.backward(dy, cache)
    assert dx.sum(-1).abs().max() < 1e-14  # no part along the direction of the shift
    torch.testing.assert_close(dx, pair.backward(dy, moved_cache))


def test_layernorm_takes_two_directions_away(g):
    x, gamma, dy = randn(g, 6, 8), randn(g, 8), randn(g, 6, 8)
    _, cache = ops.layernorm(x, gamma, randn(g, 8), eps=0.0)
    dx = ops.layernorm_backward(dy, cache)[0]
    assert dx.abs().max() > 0.1
    assert dx.sum(-1).abs().max() < 1e-14
    assert (dx * cache[0]).sum(-1).abs().max() < 1e-13


def test_rmsnorm_takes_one_direction_away(g):
    x, gamma, dy = randn(g, 6, 8), randn(g, 8), randn(g, 6, 8)
    _, cache = ops.rmsnorm(x, gamma, eps=0.0)
    dx = ops.rmsnorm_backward(dy, cache)[0]
    assert (dx * cache[0]).sum(-1).abs().max() < 1e-13
    assert dx.sum(-1).abs().max() > 0.1


def test_one_group_is_layer_normalisation(g):
    x, gamma, beta, dy = randn(g, 4, 6), randn(g, 6), randn(g, 6), randn(g, 4, 6)
    y, cache = ops.groupnorm(x, gamma, beta, groups=1)
    same, same_cache = ops.layernorm(x, gamma, beta)
    torch.testing.assert_close(y, same)
    for a, b in zip(
        ops.groupnorm_backward(dy, cache),
        ops.layernorm_backward(dy, same_cache),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_batchnorm_of_the_transpose_is_layernorm(g):
    """One theorem, two index sets: with gain 1 the roles of rows and features swap."""
    x, dy = randn(g, 5, 7), randn(g, 5, 7)
    one = torch.ones(7, dtype=F64), torch.zeros(7, dtype=F64)
    other = torch.ones(5, dtype=F64), torch.zeros(5, dtype=F64)
    _, cache = ops.layernorm(x, *one)
    _, batch_cache = ops.batchnorm(x.T, *other)
    torch.testing.assert_close(
        ops.layernorm_backward(dy, cache)[0],
        ops.batchnorm_backward(dy.T, batch_cache)[0].T,
    )


def test_a_bias_before_batchnorm_gets_nothing(g):
    model = MLP(27, g, n_hidden=20, dtype=F64)
    ix = torch.randint(27, (9, 3), generator=g)
    logits, cache = model.forward(ix)
    model.backward(randn(g, *logits.shape), cache)
    assert model.db1.abs().max() < 1e-13
    assert model.dW1.abs().max() > 1e-2


def test_weights_before_a_norm_are_at_right_angles_to_their_gradient(g):
    """Scaling a column of W changes nothing, so the gradient has no part along it."""
    x, W, dy = randn(g, 9, 4), randn(g, 4, 3), randn(g, 9, 3)
    pre, c_pre = ops.linear(x, W, torch.zeros(3, dtype=F64))
    one = torch.ones(3, dtype=F64), torch.zeros(3, dtype=F64)
    _, c_norm = ops.batchnorm(pre, *one, eps=0.0)
    dW = ops.linear_backward(ops.batchnorm_backward(dy, c_norm)[0], c_pre)[1]
    assert dW.abs().max() > 1e-2
    assert (dW * W).sum(0).abs().max() < 1e-13


def test_a_key_bias_gets_nothing_a_query_bias_does(g):
    """It adds the same to all scores of a query, and softmax does not see a shift."""
    model = GPT(11, g, block=6, n_embd=8, n_head=2, n_layer=1, dtype=F64)
    for _, p, _ in model.named():
        p += 0.3 * randn(g, *p.shape)
    logits, cache = model.forward(torch.randint(11, (3, 6), generator=g))
    model.backward(randn(g, *logits.shape), cache)
    db = {name: d for name, _, d in model.named()}["blocks.0.attend.1.qkv.b"]
    query, key, value = db.split(8)
    assert key.abs().max() < 1e-14
    assert query.abs().max() > 1e-4
    assert value.abs().max() > 1e-3


def test_rope_keeps_lengths_and_sees_only_distances(g):
    q, k = randn(g, 1, 6), randn(g, 1, 6)
    turned_q, _ = ops.rope(q.expand(7, 6))
    turned_k, _ = ops.rope(k.expand(7, 6))
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(7))
    fit = turned_q @ turned_k.T
    for distance in range(-6, 7):
        same = fit.diagonal(distance)
        torch.testing.assert_close(same, same[:1].expand_as(same))


def test_expectation_of_dropout_is_its_input(g):
    x = randn(g, 4)
    keep = torch.rand(200_000, 4, generator=g) >= 0.3
    y, _ = ops.dropout(x.expand(200_000, 4), keep, 0.3)
    # 5 standard errors: deviation sqrt(p / (1 - p)) |x| of each element
    spread = 5 * x.abs() * (0.3 / 0.7 / 200_000) ** 0.5
    assert ((y.mean(0) - x).abs() <= spread).all()


def test_the_tree_read_at_one_place_is_a_dilated_filter(g):
    """Two places side by side times W is a filter of two taps."""
    x, W, b = randn(g, 2, 8, 3), randn(g, 6, 4), randn(g, 4)
    flat, _ = ops.flatten_consecutive(x, 2)
    tree, _ = ops.linear(flat, W, b)
    conv, _ = ops.causal_conv(x, W.reshape(2, 3, 4), b)
    torch.testing.assert_close(tree, conv[:, 1::2])


def test_reversing_pairs_of_moves(g):
    """The backward of a move is its inverse: there and back again changes nothing."""
    x = randn(g, 2, 6, 4)
    for forward, backward in (
        (lambda x: ops.permute(x, (2, 0, 1)), ops.permute_backward),
        (lambda x: ops.split_heads(x, 2), ops.split_heads_backward),
        (lambda x: ops.flatten_consecutive(x, 3), ops.flatten_consecutive_backward),
        (ops.rope, ops.rope_backward),
    ):
        y, cache = forward(x)
        torch.testing.assert_close(backward(y, cache), x, rtol=1e-14, atol=1e-14)

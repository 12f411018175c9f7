"""Any shape, any type, any size of number: what must hold for all of them."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm import gradcheck, ops

DTYPES = st.sampled_from([torch.float64, torch.float32])
# 0 where legal, 1, primes, and sizes around those that kernels treat specially
LENGTHS = st.sampled_from([1, 2, 3, 5, 7, 8, 13, 16, 17, 31])
WITH_ZERO = st.sampled_from([0, 1, 2, 3, 5, 7, 17])
SIZES = st.sampled_from([0.0, 1e-30, 1e-8, 1.0, 30.0, 1e4])
SEEDS = st.integers(0, 2**31)
every = settings(max_examples=40, deadline=None)

ELEMENTWISE = """tanh sigmoid relu leaky_relu softplus silu gelu gelu_tanh""".split()
ROWWISE = ["softmax", "log_softmax"]


def tensor(shape, size, dtype, seed):
    g = torch.Generator().manual_seed(seed)
    return (size * torch.randn(shape, generator=g, dtype=torch.float64)).to(dtype)


def sound(pair, inputs, options=None, seed=0):
    """Forward and backward are finite, of the right shapes and type."""
    y, cache = getattr(ops, pair)(*inputs, **(options or {}))
    dy = gradcheck.upstream(y, seed)
    found = gradcheck.gradients(ops.pairs()[pair].backward, dy, cache)
    floats = [inputs[i] for i in gradcheck.floating(inputs)]
    assert y.isfinite().all()
    assert len(found) == len(floats)
    for d, x in zip(found, floats, strict=True):
        assert d.shape == x.shape
        assert d.dtype == x.dtype
        assert d.isfinite().all()
    return y, found


@every
@given(st.lists(WITH_ZERO, max_size=3), SIZES, DTYPES, SEEDS)
def test_elementwise(shape, size, dtype, seed):
    x = tensor(tuple(shape), size, dtype, seed)
    for pair in ELEMENTWISE:
        y, _ = sound(pair, (x,), seed=seed)
        assert y.shape == x.shape
    for pair in ("gate", "swiglu", "residual"):
        sound(pair, (x, tensor(tuple(shape), size, dtype, seed + 1)), seed=seed)


@every
@given(st.lists(WITH_ZERO, max_size=2), LENGTHS, SIZES, DTYPES, SEEDS)
def test_scores(lead, V, size, dtype, seed):
    x = tensor((*lead, V), size, dtype, seed)
    for pair in ROWWISE:
        y, (dx,) = sound(pair, (x,), seed=seed)
        total = (y if pair == "softmax" else y.exp()).sum(-1)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-5, atol=1e-5)
        # softmax does not see a shift, so the gradient has no part along it
        assert (dx.sum(-1).abs() <= 1e-4 * (1 + V)).all()


@every
@given(LENGTHS, LENGTHS, SIZES, DTYPES, SEEDS, st.sampled_from([0.0, 0.1, 0.9]))
def test_the_loss(N, V, size, dtype, seed, smoothing):
    g = torch.Generator().manual_seed(seed)
    targets = torch.randint(-1, V, (N,), generator=g)
    targets[0] = 0  # one has to count
    logits = tensor((N, V), size, dtype, seed)
    loss, (dlogits,) = sound(
        "cross_entropy", (logits, targets), {"smoothing": smoothing}
    )
    assert loss >= -1e-6
    assert (dlogits[targets < 0] == 0).all()
    # every element of p - q lies between -1 and 1, before the mean and dloss
    kept = (targets >= 0).sum()
    assert dlogits.abs().max() * kept <= 1.001 * gradcheck.upstream(loss).abs()


@every
@given(st.lists(LENGTHS, min_size=1, max_size=2), LENGTHS, SIZES, DTYPES, SEEDS)
def test_normalisation(lead, C, size, dtype, seed):
    x = tensor((*lead, C), size, dtype, seed)
    gamma, beta = (tensor((C,), 1.0, dtype, seed + i) for i in (1, 2))
    sound("batchnorm", (x, gamma, beta))
    sound("layernorm", (x, gamma, beta))
    sound("rmsnorm", (x, gamma))
    sound("groupnorm", (x, gamma, beta), {"groups": C})


@every
@given(WITH_ZERO, LENGTHS, st.sampled_from([2, 4, 6]), SIZES, DTYPES, SEEDS)
def test_along_time(B, T, D, size, dtype, seed):
    q, k, v = (
        tensor((B, T, D), s, dtype, seed + i) for i, s in enumerate((size, 1, 1))
    )
    y, _ = sound("attention", (q, k, v))
    assert y.shape == v.shape
    if B:  # the first place sees itself alone
        torch.testing.assert_close(y[:, 0], v[:, 0])
    sound("rope", (q,))
    W, b = tensor((2, D, 3), 1.0, dtype, seed), tensor((3,), 1.0, dtype, seed)
    sound("causal_conv", (q, W, b), {"dilation": 2})
    sound("add_positions", (q, tensor((T + 1, D), 1.0, dtype, seed)))


@every
@given(WITH_ZERO, LENGTHS, LENGTHS, SIZES, DTYPES, SEEDS)
def test_products_and_lookups(N, n_in, n_out, size, dtype, seed):
    x, W = tensor((N, n_in), size, dtype, seed), tensor((n_in, n_out), 1.0, dtype, seed)
    sound("linear", (x, W, tensor((n_out,), 1.0, dtype, seed)))
    sound("unembedding", (x, W.T.contiguous()))
    if N:
        sound("matmul", (x[None], W[None]))
    ix = torch.randint(n_in, (N, 2), generator=torch.Generator().manual_seed(seed))
    sound("embedding", (ix, W))
    sound("gather", (x, ix))
    sound("scatter_add", (tensor((N, 2), size, dtype, seed), ix), {"size": n_in})


@every
@given(st.lists(LENGTHS, min_size=1, max_size=3), SIZES, DTYPES, SEEDS, st.data())
def test_sums_and_copies_are_transposes(shape, size, dtype, seed, data):
    """<dy, A x> = <A^T dy, x> for every linear map A of the reduce family."""
    x = tensor(tuple(shape), size, dtype, seed)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    for pair in ("sum_over", "mean_over", "max_over"):
        y, (dx,) = sound(pair, (x,), {"axis": axis})
        dy = gradcheck.upstream(y)
        if pair != "max_over":
            a, b = (dy.double() * y.double()).sum(), (dx.double() * x.double()).sum()
            scale = (dx.double() * x.double()).abs().sum()
            assert abs(a - b) <= 1e-5 * scale + 1e-30
    sound("broadcast_to", (x,), {"shape": (2, *shape)})


@every
@given(LENGTHS, LENGTHS, st.floats(0, 0.99), SEEDS)
def test_dropout(N, C, p, seed):
    g = torch.Generator().manual_seed(seed)
    x, keep = (
        tensor((N, C), 1.0, torch.float64, seed),
        torch.rand(N, C, generator=g) >= p,
    )
    y, (dx,) = sound("dropout", (x, keep), {"p": p})
    assert ((y == 0) == (~keep | (x == 0))).all()
    assert ((dx == 0) == ~keep).all()

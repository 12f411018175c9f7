"""Steps of every optimiser by its formula, written out again; flat vectors."""

import math

import pytest
import torch

from charlm.layers import CausalConv, Linear, Sequential
from charlm.train import Flat, optim
from charlm.train.flat import Swapped

F64 = torch.float64
DECAY, RATE = 0.1, 0.05


def flat(g, n_in=4, n_out=3):
    return Flat(Linear(n_in, n_out, g, dtype=F64))


@pytest.mark.parametrize("name", optim.OPTIMISERS)
def test_decay_pulls_matrices_and_leaves_vectors(g, name):
    """Without a gradient nothing else happens: W goes to (1 - rate * decay) W."""
    vector = flat(g)
    vector.p[12:] = torch.tensor([1.0, -2.0, 3.0], dtype=F64)
    before = vector.p.clone()
    optimiser = optim.OPTIMISERS[name](vector, decay=DECAY)
    for _ in range(2):
        optimiser.step(RATE)
    scale = (1 - RATE * DECAY) ** 2
    torch.testing.assert_close(vector.p[:12], before[:12] * scale)
    assert torch.equal(vector.p[12:], before[12:])
    assert optim.OPTIMISERS[name](vector).decay == 0


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_decay(g, momentum, nesterov):
    """The decay acts on the parameter, not through the momentum."""
    vector = flat(g)
    p, v = vector.p.clone(), torch.zeros_like(vector.p)
    optimiser = optim.SGD(vector, momentum, nesterov, decay=DECAY)
    for _ in range(5):
        d = torch.randn(15, generator=g, dtype=F64)
        vector.g.copy_(d)
        optimiser.step(RATE)
        v = momentum * v + d
        ahead = d + momentum * v if nesterov and momentum else v
        p[:12] *= 1 - RATE * DECAY
        p -= RATE * ahead
        torch.testing.assert_close(vector.p, p)
    assert optimiser.t == 5
    assert set(optimiser.state()) == ({"v", "t"} if momentum else {"t"})


def test_the_optimisers_by_name(g):
    found = {name: make(flat(g)) for name, make in optim.OPTIMISERS.items()}
    kinds = [optim.SGD, optim.SGD, optim.AdamW, optim.AdamW, optim.Muon]
    assert [type(o) for o in found.values()] == kinds
    assert optim.Optimiser(flat(g)).decay == 0
    assert (found["sgd"].momentum, found["momentum"].momentum) == (0, 0.9)
    assert not found["momentum"].nesterov
    assert found["adamw"].betas == (0.9, 0.99)
    assert found["adamw"].eps == 1e-8


def test_adam_with_other_settings(g):
    vector = flat(g)
    p, m, s = (vector.p.clone(), *torch.zeros(2, 15, dtype=F64))
    optimiser = optim.AdamW(vector, betas=(0.8, 0.95), eps=0.1, decay=DECAY)
    for t in range(1, 6):
        d = torch.randn(15, generator=g, dtype=F64)
        vector.g.copy_(d)
        optimiser.step(RATE)
        p[:12] *= 1 - RATE * DECAY
        m, s = 0.8 * m + 0.2 * d, 0.95 * s + 0.05 * d * d
        root = (s / (1 - 0.95**t)).sqrt() + 0.1
        p -= RATE * m / (1 - 0.8**t) / root
        torch.testing.assert_close(vector.p, p)


def polynomial(M, steps):
    """The iteration of Jordan et al. (2024), from singular values alone."""
    U, S, V = torch.linalg.svd(M, full_matrices=False)
    S = S / max(M.norm().item(), 1e-7)
    for _ in range(steps):
        S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
    return U * S @ V


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_orthogonal_is_a_polynomial_of_the_singular_values(g, shape, steps):
    M = torch.randn(shape, generator=g, dtype=F64)
    torch.testing.assert_close(optim.orthogonal(M, steps), polynomial(M, steps))
    torch.testing.assert_close(optim.orthogonal(M), polynomial(M, 5))
    assert not optim.orthogonal(M * 0).any()


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_muon_by_its_formula(g, shape):
    """Matrices by momentum made even, all else by Adam at a share of the rate."""
    vector = flat(g, *shape)
    size = vector.p.numel() - shape[1]
    muon = optim.Muon(vector, decay=DECAY)
    p, v = vector.p.clone(), torch.zeros(size, dtype=F64)
    other = Flat(Linear(*shape, g, dtype=F64))
    other.p.copy_(p)
    adam = optim.AdamW(other, decay=DECAY * 4)
    for _ in range(4):
        d = torch.randn(len(p), generator=g, dtype=F64)
        vector.g.copy_(d)
        other.g.copy_(d)
        muon.step(RATE)
        adam.step(RATE / 4)
        v = 0.95 * v + 0.05 * d[:size]
        ahead = 0.05 * d[:size] + 0.95 * v
        even = polynomial(ahead.view(shape), 5) * max(1, shape[1] / shape[0]) ** 0.5
        p[:size] = p[:size] * (1 - RATE * DECAY) - RATE * even.flatten()
        torch.testing.assert_close(vector.p[:size], p[:size])
        torch.testing.assert_close(vector.p[size:], other.p[size:])
    assert set(muon.state()) == {"m", "s", "v", "t"}


def test_muon_takes_a_filter_for_a_matrix_and_no_table(g):
    vector = Flat(Sequential([CausalConv(2, 3, 9, 1, g, dtype=F64)]))
    before = vector.p.clone()
    vector.g.normal_(generator=g)
    optim.Muon(vector).step(RATE)
    W = (before - vector.p)[:54].view(6, 9)
    wanted = polynomial(vector.g[:54].view(6, 9), 5) * math.sqrt(9 / 6)
    torch.testing.assert_close(W, RATE * wanted)

    class Named:
        def named(self):
            names = ("C", "head.W", "a.C", "a.b", "a.W")
            shapes = ((4, 3), (3, 4), (4, 3), (3,), (3, 3))
            return [
                (n, torch.ones(s), torch.zeros(s))
                for n, s in zip(names, shapes, strict=True)
            ]

    assert optim.Muon(Flat(Named())).between == [False, False, False, False, True]


@pytest.mark.parametrize("name", optim.OPTIMISERS)
def test_a_step_reads_no_number_where_rate_and_count_are_tensors(name):
    """Tensors without any numbers take it: nothing waits for a graphics processor."""
    with torch.device("meta"):
        layer = Linear(4, 3, None, dtype=F64)
        optimiser = optim.OPTIMISERS[name](Flat(layer, "meta"), decay=DECAY)
        optimiser.t = torch.zeros(())
        optimiser.step(torch.zeros(()))
        optim.shorten(optimiser.flat.g, 1.0)


def test_clipping_leaves_what_is_short_enough():
    d = torch.tensor([3.0, 4.0])
    assert optim.clip(d, 5.1) == 5
    assert d.tolist() == [3, 4]
    assert optim.clip(d, 2.5) == 5
    assert d.tolist() == [1.5, 2]


def test_flat_has_every_parameter_once_and_in_order(g):
    model = Sequential([Linear(2, 3, g), Linear(3, 1, g)])
    found = Flat(model)
    assert found.names == ["0.W", "0.b", "1.W", "1.b"]
    assert found.shapes == [(2, 3), (3,), (3, 1), (1,)]
    assert [(s.start, s.stop) for s in found.places] == [
        (0, 6),
        (6, 9),
        (9, 12),
        (12, 13),
    ]
    assert found.p.shape == found.g.shape == (13,)
    mask = found.mask([False, True, False, True])
    assert mask.tolist() == [0] * 6 + [1] * 3 + [0] * 3 + [1]
    ramp = torch.arange(13.0)
    windows = found.windows(ramp)
    assert [tuple(w.shape) for w in windows] == found.shapes
    assert torch.equal(torch.cat([w.flatten() for w in windows]), ramp)


def test_gradients_that_were_there_are_taken_over(g):
    layer = Linear(2, 2, g)
    layer.db += 3
    assert Flat(layer).g.tolist() == [0, 0, 0, 0, 3, 3]


def test_within_a_swap_two_vectors_have_each_others_values():
    p, mean = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    with Swapped(p, mean):
        assert (p.tolist(), mean.tolist()) == ([3, 4], [1, 2])
    assert (p.tolist(), mean.tolist()) == ([1, 2], [3, 4])
    with Swapped(p, None):
        assert p.tolist() == [1, 2]

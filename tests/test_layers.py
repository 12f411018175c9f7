"""Layers: parameters around pairs, against PyTorch's modules and against themselves."""

import pytest
import torch
from torch import nn

from charlm import layers, ops
from charlm.layers import basic

F64 = torch.float64


def randn(g, *shape):
    return torch.randn(shape, generator=g, dtype=F64)


def test_named_is_dotted_and_in_order(g):
    net = layers.Sequential(
        [
            layers.Linear(3, 4, g),
            layers.Apply("tanh"),
            layers.Residual(layers.Sequential([layers.LayerNorm(4)])),
        ]
    )
    names = [name for name, _, _ in net.named()]
    assert names == ["0.W", "0.b", "2.branch.0.gamma", "2.branch.0.beta"]


def test_a_layer_that_stands_twice_is_named_once(g):
    """And so takes one step, as the same module in PyTorch does."""
    shared = layers.Sequential([layers.Linear(4, 4, g, dtype=F64), layers.BatchNorm(4)])
    net = layers.Sequential([shared, layers.Apply("tanh"), layers.Residual(shared)])
    assert [n for n, _, _ in net.named()] == ["0.0.W", "0.0.b", "0.1.gamma", "0.1.beta"]
    assert [n for n, _ in net.statistics()] == ["0.1.running_mean", "0.1.running_var"]
    layer = shared.layers[0]
    net = layers.Sequential([layer, layers.Apply("tanh"), layer])
    x, dy = randn(g, 5, 4), randn(g, 5, 4)
    twin = nn.Linear(4, 4, dtype=F64)
    with torch.no_grad():
        twin.weight.copy_(layer.W.T)
        twin.bias.copy_(layer.b)
    _, cache = net.forward(x)
    net.backward(dy, cache)
    for _, p, d in net.named():
        p -= 0.1 * d
    (nn.Sequential(twin, nn.Tanh(), twin)(x) * dy).sum().backward()
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    torch.testing.assert_close(layer.W, twin.weight.T.detach())
    torch.testing.assert_close(layer.b, twin.bias.detach())


def test_a_layer_used_twice_adds_both_gradients(g):
    layer = layers.Linear(4, 4, g, dtype=F64)
    x, dy = randn(g, 5, 4), randn(g, 5, 4)
    h, c1 = layer.forward(x)
    y, c2 = layer.forward(h)
    dh = layer.backward(dy, c2)
    dx = layer.backward(dh, c1)
    W, b = layer.W.clone().requires_grad_(), layer.b.clone().requires_grad_()
    x = x.clone().requires_grad_()
    ((((x @ W + b) @ W + b) * dy).sum()).backward()
    torch.testing.assert_close(dx, x.grad)
    torch.testing.assert_close(layer.dW, W.grad)
    torch.testing.assert_close(layer.db, b.grad)


def test_without_a_bias_there_is_none(g):
    layer = layers.Linear(3, 2, g, bias=False, dtype=F64)
    assert [n for n, _, _ in layer.named()] == ["W"]
    x = randn(g, 4, 3)
    y, cache = layer.forward(x)
    torch.testing.assert_close(y, x @ layer.W)
    assert layer.backward(torch.ones_like(y), cache).shape == x.shape


@pytest.mark.parametrize("correction", [0, 1])
def test_running_statistics_are_those_of_torch(g, correction):
    ours = layers.BatchNorm(3, momentum=0.2, correction=correction, dtype=F64)
    theirs = nn.BatchNorm1d(3, momentum=0.2, dtype=F64)
    for _ in range(4):
        x = 2 * randn(g, 6, 3) + 1
        ours.forward(x)
        theirs(x)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    x = randn(g, 1, 3)  # evaluation: one row is enough
    y, cache = ours.forward(x, training=False)
    torch.testing.assert_close(y, theirs.eval()(x).detach())
    assert ours.backward(torch.ones_like(y), cache).shape == x.shape


def test_by_default_it_is_the_batch_normalisation_of_torch(g):
    ours, theirs = layers.BatchNorm(3, dtype=F64), nn.BatchNorm1d(3, dtype=F64)
    for _ in range(2):
        x = 2 * randn(g, 4, 3) + 1
        torch.testing.assert_close(ours.forward(x)[0], theirs(x).detach())
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_a_residual_layer_adds_its_branch(g):
    inner = layers.Linear(4, 4, g, dtype=F64)
    x, dy = randn(g, 5, 4), randn(g, 5, 4)
    y, cache = layers.Residual(inner).forward(x)
    torch.testing.assert_close(y, x + x @ inner.W)
    dx = layers.Residual(inner).backward(dy, cache)
    torch.testing.assert_close(dx, dy + dy @ inner.W.T)
    half = layers.Residual(layers.Dropout(0.5, g))
    assert torch.equal(half.forward(x, training=False)[0], 2 * x)
    assert not torch.equal(half.forward(x)[0], 2 * x)


def test_one_row_has_no_statistics(g):
    with pytest.raises(ValueError, match="at least two rows"):
        layers.BatchNorm(3).forward(torch.zeros(1, 3))


def test_dropout_only_in_training(g):
    layer = layers.Dropout(0.4, g)
    x = randn(g, 200, 50)
    y, cache = layer.forward(x)
    share = (y == 0).double().mean().item()
    assert 0.35 < share < 0.45
    dx = layer.backward(torch.ones_like(y), cache)
    assert torch.equal(dx == 0, y == 0)
    y, cache = layer.forward(x, training=False)
    assert y is x
    assert torch.equal(layer.backward(x, cache), x)


def test_the_generator_decides_what_is_dropped_and_is_not_asked_in_vain(g):
    x = randn(g, 20, 5)
    a, b = (torch.Generator().manual_seed(7) for _ in range(2))
    first, second = (layers.Dropout(0.5, s).forward(x)[0] for s in (a, b))
    assert torch.equal(first, second)
    before = a.get_state()
    assert layers.Dropout(0.0, a).forward(x)[0] is x
    assert torch.equal(a.get_state(), before)


def test_on_the_processor_the_mask_is_what_the_generator_draws():
    x = torch.ones(20, 5)
    y, _ = layers.Dropout(0.4, torch.Generator().manual_seed(7)).forward(x)
    drawn = torch.rand(20, 5, generator=torch.Generator().manual_seed(7))
    assert torch.equal(y == 0, drawn < 0.4)


def test_another_device_draws_by_a_seed_that_the_generator_draws(monkeypatch):
    """A device without numbers stands for it."""
    asked = []

    class There:
        def __init__(self, device):
            self.device = device

        def manual_seed(self, seed):
            asked.append((self.device.type, seed))
            return self

    def rand(shape, generator, device):
        asked.append((shape, generator.device.type, device.type))
        return torch.empty(shape, device=device)

    monkeypatch.setattr(basic, "Generator", There)
    monkeypatch.setattr(torch, "rand", rand)
    layer = layers.Dropout(0.4, torch.Generator().manual_seed(7))
    for _ in range(2):
        y, _ = layer.forward(torch.ones(20, 5, device="meta"))
        assert y.is_meta
    g = torch.Generator().manual_seed(7)
    seeds = [torch.randint(2**31, (), generator=g).item() for _ in range(2)]
    drawn = (torch.Size([20, 5]), "meta", "meta")
    assert asked == [("meta", seeds[0]), drawn, ("meta", seeds[1]), drawn]
    assert all(type(seed) is int for _, seed in asked[::2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics processor")
def test_masks_for_a_graphics_processor_are_drawn_there_from_the_same_seeds():
    x, found = torch.ones(200, 50, device="cuda"), []
    for _ in range(2):
        layer = layers.Dropout(0.4, torch.Generator().manual_seed(7))
        found.append([layer.forward(x)[0] for _ in range(2)])
    assert torch.equal(found[0][0], found[1][0])
    assert not torch.equal(found[0][0], found[0][1])
    assert 0.35 < (found[0][0] == 0).double().mean().item() < 0.45


def test_a_layer_has_to_say_what_it_computes(g):
    for method in (layers.Layer().forward, layers.Layer().backward):
        with pytest.raises(NotImplementedError):
            method(randn(g, 2), ())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: layers.LayerNorm(6, F64), lambda: nn.LayerNorm(6, dtype=F64)),
        (
            lambda: layers.RMSNorm(6, F64),
            lambda: nn.RMSNorm(6, eps=1e-5, dtype=F64),
        ),
        (lambda: layers.GroupNorm(6, 3, F64), lambda: nn.GroupNorm(3, 6, dtype=F64)),
    ],
    ids=["layer", "rms", "group"],
)
def test_norms_against_torch(g, ours, theirs):
    mine, other = ours(), theirs()
    for name, p, _ in mine.named():
        p.copy_(randn(g, 6))
        with torch.no_grad():
            getattr(other, {"gamma": "weight", "beta": "bias"}[name]).copy_(p)
    x, dy = randn(g, 4, 6).requires_grad_(), randn(g, 4, 6)
    y, cache = mine.forward(x.detach())
    reference = other(x)
    reference.backward(dy)
    torch.testing.assert_close(y, reference.detach())
    torch.testing.assert_close(mine.backward(dy, cache), x.grad)
    torch.testing.assert_close(mine.dgamma, other.weight.grad)
    if hasattr(mine, "beta"):
        torch.testing.assert_close(mine.dbeta, other.bias.grad)


def test_apply_takes_any_pair_by_name(g):
    x = randn(g, 3, 4)
    y, cache = layers.Apply("leaky_relu", slope=0.2).forward(x)
    torch.testing.assert_close(y, ops.leaky_relu(x, 0.2)[0])
    with pytest.raises(ValueError, match="'mish' is no pair; those are: .*tanh"):
        layers.Apply("mish")


def test_convolution_layer(g):
    layer = layers.CausalConv(3, 2, 4, dilation=2, generator=g, dtype=F64)
    x, dy = randn(g, 2, 9, 2), randn(g, 2, 9, 4)
    y, cache = layer.forward(x)
    dx = layer.backward(dy, cache)
    wanted = ops.causal_conv_backward(dy, cache)
    assert torch.equal(dx, wanted[0])
    assert torch.equal(layer.dW, wanted[1])
    assert torch.equal(layer.db, wanted[2])
    usual, near = (ops.causal_conv(x, layer.W, layer.b, *d)[0] for d in ((), (1,)))
    assert torch.equal(usual, near)


def test_nothing_is_kept_between_forward_and_backward(g):
    """Two forwards, then the backward of the first: the layer holds no activations."""
    net = layers.Sequential([layers.Linear(3, 3, g, dtype=F64), layers.Apply("tanh")])
    a, b, dy = randn(g, 2, 3), randn(g, 2, 3), randn(g, 2, 3)
    _, cache = net.forward(a)
    alone = net.backward(dy, cache)
    _, cache = net.forward(a)
    net.forward(b)
    assert torch.equal(net.backward(dy, cache), alone)

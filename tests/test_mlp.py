"""The MLP: gradients against a twin made of torch.nn, statistics, training."""

import math

import pytest
import torch
from torch import Generator, nn

from charlm import ops
from charlm.gradcheck import compare
from charlm.models import MLP
from charlm.train import sgd, step

V = 27


class Twin(nn.Module):
    """The same network in PyTorch's own layers."""

    def __init__(self, model):
        super().__init__()
        E, H = model.C.shape[1], model.W1.shape[1]
        dtype = model.C.dtype
        self.embedding = nn.Embedding(V, E, dtype=dtype)
        self.hidden = nn.Linear(model.block * E, H, dtype=dtype)
        norm = nn.BatchNorm1d(H, momentum=model.momentum, dtype=dtype)
        self.norm = norm if model.normalise else nn.Identity()
        self.out = nn.Linear(H, V, dtype=dtype)
        own = {"C": self.embedding.weight, "b1": self.hidden.bias, "b2": self.out.bias}
        own |= {"W1": self.hidden.weight, "W2": self.out.weight}
        if model.normalise:
            own |= {"gamma": norm.weight, "beta": norm.bias}
        self.own = own
        for name, p, _ in model.named():
            own[name].data.copy_(p.T if name in ("W1", "W2") else p)

    def forward(self, ix):
        flat = self.embedding(ix).flatten(1)
        return self.out(self.norm(self.hidden(flat)).tanh())

    def gradient(self, name):
        grad = self.own[name].grad
        return grad.T if name in ("W1", "W2") else grad


def make(normalise=True, seed=0, **kwargs):
    g = Generator().manual_seed(seed)
    model = MLP(
        V, g, n_embd=4, n_hidden=7, normalise=normalise, dtype=torch.float64, **kwargs
    )
    # away from the special values that they start with
    for _, p, _ in model.named():
        if p.dim() == 1:
            p += 0.3 * torch.randn(p.shape, generator=g, dtype=p.dtype)
    return model, g


@pytest.mark.parametrize("batch", [2, 5, 33])
@pytest.mark.parametrize("block", [1, 3, 8])
@pytest.mark.parametrize("normalise", [True, False])
def test_gradients_equal_the_twin(normalise, block, batch):
    model, g = make(normalise, block=block, momentum=0.1)
    twin = Twin(model)
    X = torch.randint(V, (batch, block), generator=g)
    Y = torch.randint(V, (batch,), generator=g)
    nn.functional.cross_entropy(twin(X), Y).backward()

    logits, cache = model.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    dloss = torch.ones_like(loss)
    model.backward(ops.cross_entropy_backward(dloss, c_loss), cache)
    for name, _, grad in model.named():
        result = compare(name, grad, twin.gradient(name), rtol=1e-8, zero=1e-14)
        assert result.ok, str(result)
    if normalise:
        torch.testing.assert_close(model.running_mean, twin.norm.running_mean)
        torch.testing.assert_close(model.running_var, twin.norm.running_var)


@pytest.mark.parametrize("batch", [1, 6])
def test_evaluation_mode_equals_the_twin(batch):
    model, g = make()
    model.running_mean += 0.3
    model.running_var *= 2.5
    twin = Twin(model).eval()
    twin.norm.running_mean.copy_(model.running_mean)
    twin.norm.running_var.copy_(model.running_var)
    X = torch.randint(V, (batch, 3), generator=g)
    Y = torch.randint(V, (batch,), generator=g)
    nn.functional.cross_entropy(twin(X), Y).backward()
    logits, cache = model.forward(X, training=False)
    loss, c_loss = ops.cross_entropy(logits, Y)
    dloss = torch.ones_like(loss)
    model.backward(ops.cross_entropy_backward(dloss, c_loss), cache)
    for name, _, grad in model.named():
        result = compare(name, grad, twin.gradient(name), rtol=1e-8)
        assert result.ok, str(result)


def test_the_running_variance_is_unbiased_with_either_correction():
    kept = []
    for correction in (0, 1):
        model, g = make(correction=correction, momentum=1.0)
        model.forward(torch.randint(V, (6, 3), generator=g))
        kept.append(model.running_var)
    torch.testing.assert_close(*kept)


@pytest.mark.parametrize("correction", [0, 1])
def test_running_statistics_over_several_batches_are_those_of_torch(correction):
    model, g = make(momentum=0.3, correction=correction)
    twin = nn.BatchNorm1d(7, momentum=0.3, dtype=torch.float64)
    for _ in range(3):
        ix = torch.randint(V, (5, model.block), generator=g)
        model.forward(ix)
        twin(model.C[ix].flatten(1) @ model.W1 + model.b1)
    torch.testing.assert_close(model.running_mean, twin.running_mean)
    torch.testing.assert_close(model.running_var, twin.running_var)
    assert [n for n, _ in model.statistics()] == ["running_mean", "running_var"]
    assert make(normalise=False)[0].statistics() == []


def test_parameters_of_the_lectures():
    sizes = {
        normalise: sum(
            p.numel() for _, p, _ in MLP(V, Generator(), normalise=normalise).named()
        )
        for normalise in (True, False)
    }
    assert sizes == {True: 12_297, False: 11_897}


def test_gradients_add_up_until_they_are_zeroed():
    model, g = make()
    X, dlogits = torch.randint(V, (5, 3), generator=g), torch.ones(5, V).double()
    _, cache = model.forward(X)
    model.backward(dlogits, cache)
    once = {name: grad.clone() for name, _, grad in model.named()}
    model.backward(dlogits, cache)
    for name, _, grad in model.named():
        torch.testing.assert_close(grad, 2 * once[name])
    model.zero_grad()
    assert all(not grad.any() for _, _, grad in model.named())


def test_structure_theorems_in_the_whole_model():
    model, g = make()
    model.b1.zero_()
    X = torch.randint(V, (20, 3), generator=g)
    Y = torch.randint(V, (20,), generator=g)
    logits, cache = model.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    dlogits = ops.cross_entropy_backward(torch.ones_like(loss), c_loss)
    model.backward(dlogits, cache)
    assert dlogits.sum(1).abs().max() < 1e-16
    assert model.db1.abs().max() < 1e-15 < 1e-6 < model.db2.abs().max()
    cosine = nn.functional.cosine_similarity(model.W1, model.dW1, dim=0)
    assert cosine.abs().max() < 1e-4  # zero but for eps


def test_a_batch_of_one_row_is_refused_in_words():
    model, _ = make()
    with pytest.raises(ValueError, match="at least two rows"):
        model.forward(torch.zeros(1, 3, dtype=torch.long))


def pattern(g, rows=600):
    """Data with something to learn: the next symbol is the last one plus one."""
    X = torch.randint(V, (rows, 3), generator=g)
    return X, (X[:, -1] + 1) % V


@pytest.mark.parametrize("normalise", [True, False])
def test_training_learns_without_any_recording(normalise):
    g = Generator().manual_seed(0)
    model = MLP(V, g, n_hidden=32, normalise=normalise)
    X, Y = pattern(g)
    losses = sgd(model, X, Y, 600, lambda i: 0.5, 32, g)
    assert abs(losses[0] - math.log(V)) < 0.2
    assert sum(losses[-20:]) / 20 < 0.3
    assert not any(p.requires_grad or p.grad_fn for _, p, _ in model.named())


def test_training_is_repeatable_to_the_bit():
    runs = []
    for _ in range(2):
        g = Generator().manual_seed(3)
        model = MLP(V, g, n_hidden=16)
        losses = sgd(model, *pattern(g), 50, lambda i: 0.3, 16, g)
        runs.append((losses, model.W1))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])


def test_one_step_is_plain_gradient_descent():
    model, g = make()
    X, Y = pattern(g, 8)
    twin = Twin(model)
    loss = nn.functional.cross_entropy(twin(X), Y)
    loss.backward()
    torch.optim.SGD(twin.parameters(), lr=0.2).step()
    assert step(model, X, Y, 0.2) == pytest.approx(loss.item(), rel=1e-12)
    for name, p, _ in model.named():
        own = twin.own[name].detach()
        torch.testing.assert_close(p, own.T if name in ("W1", "W2") else own)


def test_a_loss_that_is_not_finite_is_named():
    model, g = make()
    model.W2[0, 0] = float("nan")
    with pytest.raises(ValueError, match="learning rate below 0.1"):
        step(model, *pattern(g, 8), 0.1)

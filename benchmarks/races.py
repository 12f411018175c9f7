"""Who runs against whom: the makers of steps that do the same work.

A race is a pair: a dictionary from the name of each contestant to a function that makes
its step, and the minibatches that all of them get.
"""

import rivals
import torch

from charlm.models import GPT, MLP, Tree
from charlm.train import TrainConfig, Trainer
from charlm.train.fast.product import product

FLOOR = "matrix products alone"
SPELT = "nn.Module, attention spelt out, AdamW"
FUSED = "nn.Module, fused attention, AdamW"


def ours(model, data, batch, optimiser, fast):
    """A step of this package on given minibatches."""
    config = TrainConfig(
        batch=batch, optimiser=optimiser, schedule="constant", warmup=0.0, fast=fast
    )
    trainer = Trainer(model, data, config=config)

    def step(X, Y):
        with torch.inference_mode():
            loss = trainer.gradient(X, Y)
            trainer.optimiser.step(1e-3)
        return loss

    return step


def products(shapes):
    """The matrix products of a step alone, each by the faster library: the floor."""
    pairs = [(torch.randn(m, k), torch.randn(k, n)) for m, k, n in shapes]

    def step(X, Y):
        for a, b in pairs:
            y = product(a, b)
            product(y, b.T)
            product(a.T, y)

    return step


def minibatches(data, batch, cut=False):
    """A few fixed minibatches."""
    g = torch.Generator().manual_seed(0)
    found = []
    for _ in range(8):
        rows = torch.randint(len(data[0]), (batch,), generator=g)
        X, Y = data[0][rows], data[1][rows]
        if cut and Y.dim() == 2:
            longest = int((Y >= 0).sum(1).max())
            X, Y = X[:, :longest], Y[:, :longest]
        found.append((X, Y))
    return found


def generator():
    """Randomness of the models' first weights."""
    return torch.Generator().manual_seed(0)


def by_windows(names, batch, kind, rival, shapes, others=()):
    """A model of ours that reads windows, and the same one of PyTorch's modules."""
    data = names.encode(kind(27, generator()), "train")

    def module():
        net = rival()
        sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        return rivals.with_optimiser(net, sgd, False)

    def hand(fast):
        return lambda: ours(kind(27, generator()), data, batch, "sgd", fast)

    field = {
        "nn.Module, autograd, SGD": module,
        **dict(others),
        "charlm, plain": hand(False),
        "charlm, fast": hand(True),
        FLOOR: lambda: products(shapes),
    }
    return field, minibatches(data, batch)


def mlp(names, batch):
    """MLP with batch normalisation, 12,297 parameters."""
    shapes = [(batch, 30, 200), (batch, 200, 27)]
    others = {"the lectures' gradients by hand": rivals.lectures_by_hand}
    return by_windows(names, batch, MLP, rivals.MLP, shapes, others)


def tree(names, batch):
    """The tree, 76,579 parameters, by windows of 8."""
    shapes = [(4 * batch, 48, 128), (2 * batch, 256, 128), (batch, 256, 128)]
    shapes.append((batch, 128, 27))
    return by_windows(names, batch, Tree, rivals.Tree, shapes)


def transformers(data, batch, compiled=False, **size):
    """GPTs of one size, each with AdamW: makers of their steps."""
    block, E, layers = (size[key] for key in ("block", "n_embd", "n_layer"))

    def module(fused, compiled=False):
        net = rivals.GPT(block=block, E=E, layers=layers, fused=fused)
        net = torch.compile(net) if compiled else net
        adam = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.99))
        return rivals.with_optimiser(net, adam, True)

    def hand(fast):
        model = GPT(27, generator(), tied=False, **size)
        return ours(model, data, batch, "adamw", fast)

    M = block * batch
    one = [(M, E, 3 * E), (M, E, E), (M, E, 4 * E), (M, 4 * E, E)]
    field = {
        SPELT: lambda: module(False),
        FUSED: lambda: module(True),
        "torch.compile, fused attention, AdamW": lambda: module(True, True),
        "charlm, plain": lambda: hand(False),
        "charlm, fast": lambda: hand(True),
        FLOOR: lambda: products([*one * layers, (M, E, 27)]),
    }
    if not compiled:
        del field["torch.compile, fused attention, AdamW"]
    return field


SIZE = {"block": 16, "n_embd": 64, "n_layer": 4}


def gpt(names, batch, compiled=False):
    """A GPT of 204,544 parameters, on names padded to 16."""
    data = names.encode(GPT(27, generator(), **SIZE), "train")
    return transformers(data, batch, compiled, **SIZE), minibatches(data, batch)


RACES = {"mlp": mlp, "tree": tree, "gpt": gpt}

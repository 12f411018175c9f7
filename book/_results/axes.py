"""The lectures' tree, right and wrong groups in its BatchNorm; ``make results``.

Three seeds each on the lectures' list, at the size they use when they repair this slip.
Writes ``normalisation-axes.json``.
"""

import time
from statistics import mean
from typing import Any

import torch
from record import provenance, write
from torch import Generator, Tensor

from charlm import data, ops
from charlm.layers import BatchNorm
from charlm.models import Tree
from charlm.sample import nll
from charlm.train import sgd

SEEDS, STEPS, SIZE, RATE, MOMENTUM = (0, 1, 2), 10_000, 32, 0.3, 0.01


class PerPosition(BatchNorm):
    """The slip: x (B, T, C) has statistics over B only, so one pair for each place."""

    def __init__(self, width: int, places: int) -> None:
        super().__init__(width, MOMENTUM)
        self.places = places
        self.running_mean = torch.zeros(places * width)
        self.running_var = torch.ones(places * width)

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, T, C)  ->  y (B, T, C)."""
        affine = self.gamma.repeat(self.places), self.beta.repeat(self.places)
        if not training:
            running = self.running_mean, self.running_var
            return ops.batchnorm_eval(x.flatten(1), *affine, *running)[0].view_as(x), ()
        y, cache = ops.batchnorm(x.flatten(1), *affine)
        self.running_mean += self.momentum * (cache[-2] - self.running_mean)
        unbiased = cache[-1] * len(x) / (len(x) - 1)
        self.running_var += self.momentum * (unbiased - self.running_var)
        return y.view_as(x), cache

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        """dy (B, T, C)  ->  dx (B, T, C); of the training mode."""
        dx, *own = ops.batchnorm_backward(dy.flatten(1), cache)
        self.add(*(d.view(self.places, -1).sum(0) for d in own))
        return dx.view_as(dy)


def tree(vocab_size: int, seed: int, right: bool) -> Tree:
    """The tree net; with ``right`` false every place has its own statistics."""
    g = Generator().manual_seed(seed)
    net = Tree(vocab_size, g, n_embd=10, n_hidden=68, momentum=MOMENTUM)
    if not right:
        layers = net.stack.layers
        found = [i for i, layer in enumerate(layers) if isinstance(layer, BatchNorm)]
        for i, places in zip(found, (4, 2, 1), strict=True):
            layers[i] = PerPosition(68, places)
    return net


def main() -> None:
    """Train both nets from every seed, on the same minibatches; write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = data.load("makemore")
    vocab = data.Vocab.of(names)
    (X, Y), dev = (data.windows(p, vocab, 8) for p in data.split(names, seed=42)[:2])
    started, runs = time.process_time(), {}

    def rate(step: int) -> float:
        return RATE if step < 0.7 * STEPS else RATE / 10

    for right, label in ((True, "right"), (False, "wrong")):
        runs[label] = []
        for seed in SEEDS:
            net = tree(len(vocab), seed, right)
            g = Generator().manual_seed(1_000 + seed)
            sgd(net, X, Y, STEPS, rate, SIZE, g)
            runs[label].append(round(nll(net, *dev), 4))
            print(label, seed, runs[label][-1], flush=True)
    record = {
        "label": "tree, right and wrong groups of BatchNorm",
        "command": "python book/_results/axes.py",
        "parameters": sum(p.numel() for _, p, _ in net.named()),
        "settings": {"steps": STEPS, "size": SIZE, "rate": RATE, "momentum": MOMENTUM},
        "seeds": list(SEEDS),
        "dev": runs,
        "mean": {label: round(mean(devs), 4) for label, devs in runs.items()},
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, {"train": len(X), "dev": len(dev[0])}),
    }
    write("normalisation-axes", record)


if __name__ == "__main__":
    main()

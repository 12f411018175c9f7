"""How fast is a training step? Ours against others', interleaved, medians and ratios.

``make bench`` runs it. All contestants of a row do the same work on the same
minibatches, one after the other in every round, so that what else the machine does hits
all alike. One thread. The times of one machine mean little; the ratios travel.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import rivals
import torch

from charlm.config import TrainConfig
from charlm.corpus import corpus
from charlm.models import GPT, MLP, Tree
from charlm.train import Trainer


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
    """The matrix products of a step alone: the floor under every implementation."""
    pairs = [(torch.randn(m, k), torch.randn(k, n)) for m, k, n in shapes]

    def step(X, Y):
        for a, b in pairs:
            y = a @ b
            y @ b.T  # noqa: B018
            a.T @ y  # noqa: B018

    return step


def race(contestants, batches, rounds):
    """Median seconds of each contestant, interleaved."""
    times = {name: [] for name in contestants}
    for i in range(rounds + 3):
        X, Y = batches[i % len(batches)]
        for name, step in contestants.items():
            begin = time.perf_counter()
            step(X, Y)
            if i >= 3:  # the first rounds warm up
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(t) for name, t in times.items()}


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


def mlp(names, batch, rounds):
    """MLP with batch normalisation, 12,297 parameters."""
    g = torch.Generator().manual_seed(0)
    data = names.encode(MLP(27, g), "train")
    module = rivals.MLP()
    sgd = torch.optim.SGD(module.parameters(), lr=0.1)
    field = {
        "nn.Module, autograd, SGD": rivals.with_optimiser(module, sgd, False),
        "the lectures' gradients by hand": rivals.lectures_by_hand(),
        "charlm, plain": ours(MLP(27, g), data, batch, "sgd", fast=False),
        "charlm, fast": ours(MLP(27, g), data, batch, "sgd", fast=True),
        "matrix products alone": products([(batch, 30, 200), (batch, 200, 27)]),
    }
    return race(field, minibatches(data, batch), rounds)


def tree(names, batch, rounds):
    """The tree, 76,579 parameters, by windows of 8."""
    g = torch.Generator().manual_seed(0)
    data = names.encode(Tree(27, g), "train")
    module = rivals.Tree()
    sgd = torch.optim.SGD(module.parameters(), lr=0.1)
    shapes = [(4 * batch, 48, 128), (2 * batch, 256, 128), (batch, 256, 128)]
    field = {
        "nn.Module, autograd, SGD": rivals.with_optimiser(module, sgd, False),
        "charlm, plain": ours(Tree(27, g), data, batch, "sgd", fast=False),
        "charlm, fast": ours(Tree(27, g), data, batch, "sgd", fast=True),
        "matrix products alone": products([*shapes, (batch, 128, 27)]),
    }
    return race(field, minibatches(data, batch), rounds)


def gpt(names, batch, rounds, compiled=True):
    """A GPT of 204,544 parameters; others pad to 16, ours is cut to the longest."""
    g = torch.Generator().manual_seed(0)
    model = GPT(27, g, tied=False)
    data = names.encode(model, "train")
    field = {}
    for name, fused in (("attention spelt out", False), ("fused attention", True)):
        module = rivals.GPT(fused=fused)
        adam = torch.optim.AdamW(module.parameters(), lr=1e-3, betas=(0.9, 0.99))
        field[f"nn.Module, {name}, AdamW"] = rivals.with_optimiser(module, adam, True)
    if compiled:
        module = torch.compile(rivals.GPT(fused=True))
        adam = torch.optim.AdamW(module.parameters(), lr=1e-3, betas=(0.9, 0.99))
        step = rivals.with_optimiser(module, adam, True)
        field["torch.compile, fused attention, AdamW"] = step
    field["charlm, plain"] = ours(model, data, batch, "adamw", fast=False)
    model = GPT(27, g, tied=False)
    field["charlm, fast"] = ours(model, data, batch, "adamw", fast=True)
    M = 16 * batch
    one = [(M, 64, 192), (M, 64, 64), (M, 64, 256), (M, 256, 64)]
    field["matrix products alone"] = products([*one * 4, (M, 64, 27)])
    whole = minibatches(data, batch)
    same = race(field, whole, rounds)
    cut = {n: step for n, step in field.items() if n.startswith("charlm")}
    for name, seconds in race(cut, minibatches(data, batch, cut=True), rounds).items():
        same[f"{name}, cut to the longest name"] = seconds
    return same


def main():
    """Run all races and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--large", action="store_true", help="large batches too")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--out", help="write the table as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = corpus("names")
    races = {
        "mlp 32": mlp(names, 32, args.rounds),
        "tree 32": tree(names, 32, args.rounds),
    }
    races["gpt 32"] = gpt(names, 32, args.rounds // 4, not args.no_compile)
    if args.large:
        races["mlp 1024"] = mlp(names, 1024, args.rounds // 4)
        races["tree 1024"] = tree(names, 1024, args.rounds // 10)
        races["gpt 256"] = gpt(names, 256, args.rounds // 20, False)
    for title, times in races.items():
        base = next(iter(times.values()))
        print(f"\n{title}: times faster than the first line")
        for name, seconds in times.items():
            print(f"  {name:45s} {base / seconds:6.2f}   {1e6 * seconds:9.0f} us")
    if args.out:
        Path(args.out).write_text(json.dumps(races, indent=1) + "\n")


if __name__ == "__main__":
    main()

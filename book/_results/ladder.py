"""Train the ladder of initialisations on the lectures' list; ``make results``.

The same MLP without normalisation from four initial scales, three seeds of each, by
hand-written gradients: everything of deviation one; the last layer almost silent; the
layer before tanh small as well; that layer by its fan-in and the gain of tanh. One
file for all rungs: settings, losses with their spread, curves, checksum of the data,
versions.
"""

import math
import sys
import time
from statistics import mean, stdev

import torch
from record import CURVE, SEEDS, SIZE, STEPS, provenance, write
from torch import Generator, Tensor

from charlm import data
from charlm.models import MLP
from charlm.sample import nll
from charlm.train import Fast, Flat

RUNGS = {
    "as is": {"W1": 1.0, "b1": 1.0, "W2": 1.0, "b2": 1.0},
    "softmax fixed": {"W1": 1.0, "b1": 1.0, "W2": 0.01, "b2": 0.0},
    "tanh fixed": {"W1": 0.2, "b1": 0.01, "W2": 0.01, "b2": 0.0},
    "Kaiming": {"W1": 5 / 3 / math.sqrt(30), "b1": 0.01, "W2": 0.01, "b2": 0.0},
}
"""Deviation of the normal law that each parameter is drawn from."""

Parts = dict[str, tuple[Tensor, Tensor]]


def rate(step: int) -> float:
    """As in the lectures: a tenth from the middle of the run on."""
    return 0.1 if step < STEPS // 2 else 0.01


def begun(deviations: dict[str, float], symbols: int, generator: Generator) -> MLP:
    """The MLP with parameters drawn anew; the table C keeps its deviation of one."""
    model = MLP(symbols, generator, normalise=False)
    for name, p, _ in model.named():
        if name in deviations:
            p.copy_(torch.randn(p.shape, generator=generator) * deviations[name])
    return model


def train(rung: str, seed: int, symbols: int, parts: Parts) -> dict:
    """One run; the result is plain numbers."""
    g = Generator().manual_seed(seed)
    model = begun(RUNGS[rung], symbols, g)
    first = nll(model, *parts["train"])
    flat = Flat(model)
    fast = Fast(model, flat)
    losses = []
    started = time.process_time()
    for i in range(STEPS):
        X, Y = data.minibatch(*parts["train"], SIZE, g)
        losses.append(fast.gradient(X, Y))
        flat.p.add_(flat.g, alpha=-rate(i))
    seconds = time.process_time() - started
    return {
        "seed": seed,
        "first": round(first, 4),
        "train": round(nll(model, *parts["train"]), 4),
        "dev": round(nll(model, *parts["dev"]), 4),
        "cpu_seconds": round(seconds, 1),
        "curve": [
            round(mean(losses[i : i + CURVE]), 4) for i in range(0, STEPS, CURVE)
        ],
    }


def summary(rung: str, runs: list[dict]) -> dict:
    """A rung with mean and spread (the deviation of the runs, unbiased)."""
    keys = ("first", "train", "dev")
    return {
        "deviations": {name: round(d, 6) for name, d in RUNGS[rung].items()},
        "mean": {key: round(mean(run[key] for run in runs), 4) for key in keys},
        "spread": {key: round(stdev(run[key] for run in runs), 4) for key in keys},
        "runs": runs,
    }


def main() -> None:
    """Train every rung from every seed, in this process; write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    words = data.load("makemore")
    vocab = data.Vocab.of(words)
    items = dict(zip(("train", "dev"), data.split(words, seed=42), strict=False))
    parts = {key: data.windows(part, vocab, block=3) for key, part in items.items()}
    rungs = {}
    for rung in RUNGS:
        with torch.inference_mode():
            runs = [train(rung, seed, len(vocab), parts) for seed in SEEDS]
        rungs[rung] = summary(rung, runs)
        print(f"{rung}: dev {rungs[rung]['mean']['dev']}", file=sys.stderr)
    record = {
        "label": "ladder of initialisations",
        "model": "charlm.models.MLP",
        "settings": {
            "normalise": False,
            "block": 3,
            "n_embd": 10,
            "n_hidden": 200,
            "steps": STEPS,
            "batch": SIZE,
            "rate": "0.1, from the middle on 0.01",
            "optimiser": "plain gradient descent on hand-written gradients",
        },
        **provenance(words, {key: len(X) for key, (X, _) in parts.items()}),
        "command": "make results",
        "rungs": rungs,
    }
    write("ladder", record)
    print("ladder.json", file=sys.stderr)


if __name__ == "__main__":
    main()

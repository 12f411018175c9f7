"""What came after this symbol? GPTs of one and of two layers; ``make results``.

A text is eight different symbols in random order, then twelve of them drawn at random;
asked for is the one that followed the drawn one in the first part. Three seeds of every
model, which differ in first weights and in texts; no text is read twice. Quoted by the
chapter on the GPT. Writes ``induction.json``.
"""

import time
from dataclasses import asdict
from statistics import mean

import torch
from record import made, write
from torch import Generator, Tensor

from charlm import ops
from charlm.models import GPT
from charlm.train import TrainConfig, Trainer

SEEDS = (0, 1, 2)
SYMBOLS, FIRST, DRAWN = 16, 8, 12
SETTINGS = {"steps": 800, "batch": 64, "optimiser": "muon", "lr": 0.03, "evals": 10}
MODELS: dict[str, dict] = {
    "two layers": {"n_layer": 2, "n_head": 1},
    "one layer": {"n_layer": 1, "n_head": 1},
    "one layer, as many parameters": {"n_layer": 1, "n_head": 1, "n_embd": 46},
    "two layers, no positions": {"n_layer": 2, "n_head": 1, "positions": "none"},
    "two layers, two heads": {"n_layer": 2, "n_head": 2},
}


def followed(count: int, g: Generator) -> tuple[Tensor, Tensor]:
    """X and Y (count, T); only what follows a drawn symbol counts."""
    first = torch.rand(count, SYMBOLS, generator=g).argsort(1)[:, :FIRST]
    at = torch.randint(FIRST - 1, (count, DRAWN), generator=g)  # all but the last
    X = torch.cat([first, first.gather(1, at)], 1)  # (count, T)
    Y = torch.cat([torch.full_like(first, -1), first.gather(1, at + 1)], 1)
    return X, Y


def fresh(seed: int, options: dict) -> GPT:
    """A GPT; positions "none" are a table of zeros that is no parameter."""
    kept = {"block": FIRST + DRAWN, "n_embd": 32} | options
    bare = kept.pop("positions", "") == "none"
    model = GPT(SYMBOLS, Generator().manual_seed(seed), **kept)
    if bare:
        model.positions = "none"
        del model.wpe
    return model


def maps(model: GPT, X: Tensor) -> list[Tensor]:
    """Weights of the first head of each layer, (B, T, T)."""
    _, cache = model.forward(X, training=False)
    return [attend[1][2][-1][:, 0] for attend, _ in cache[3]]


def reads(A: Tensor, X: Tensor) -> dict:
    """Mean weights (B, T, T) of a head on two kinds of places.

    In the first part that on the position before; at the drawn symbols that on the one
    place which holds the answer.
    """
    holds = X[:, FIRST:, None] == X[:, None, : FIRST - 1]  # (B, DRAWN, FIRST - 1)
    before = A.diagonal(-1, 1, 2)[:, 1 : FIRST - 1]  # (B, FIRST - 2)
    answer = (A[:, FIRST:, 1:FIRST] * holds).sum(-1)  # (B, DRAWN)
    return {
        "before": round(before.mean().item(), 4),
        "answer": round(answer.mean().item(), 4),
    }


def loss_without(model: GPT, layer: int, X: Tensor, Y: Tensor) -> float:
    """Loss with the attention of one layer taken out of the trained model."""
    attention = model.blocks.layers[layer].attend.layers[1]  # type: ignore[attr-defined]
    kept = [p.clone() for _, p, _ in attention.proj.named()]
    for _, p, _ in attention.proj.named():
        p.zero_()
    loss = ops.cross_entropy(model.forward(X, training=False)[0], Y)[0].item()
    for (_, p, _), before in zip(attention.proj.named(), kept, strict=True):
        p.copy_(before)
    return round(loss, 4)


def look(model: GPT, X: Tensor, Y: Tensor) -> dict:
    """What the heads of a model read, what it is without them, one text as a map."""
    layers = maps(model, X)
    even = torch.ones(X.shape[1], X.shape[1]).tril()
    even = (even / even.sum(1, keepdim=True)).expand(len(X), -1, -1)
    return {
        "reads": [reads(A, X) for A in layers],
        "even weights": reads(even, X),
        "loss without": [loss_without(model, i, X, Y) for i in range(len(layers))],
        "text": X[0].tolist(),
        "maps": [[" ".join(f"{w:.3f}" for w in row) for row in A[0]] for A in layers],
    }


def run(options: dict, seed: int) -> dict:
    """One model: its loss along the run and at the end, and what its heads read."""
    model, g = fresh(seed, options), Generator().manual_seed(seed)
    train = followed(SETTINGS["steps"] * SETTINGS["batch"], g)
    dev = followed(1000, Generator().manual_seed(1000))
    trainer = Trainer(model, train, dev, TrainConfig(seed=seed, **SETTINGS))
    began = time.process_time()
    result = trainer.run()
    return {
        "seed": seed,
        "dev": round(result.dev[-1][1], 4),
        "curve": [[step, round(loss, 4)] for step, loss in result.dev],
        "parameters": trainer.flat.p.numel(),
        "cpu_seconds": round(time.process_time() - began, 1),
        **(look(model, *dev) if options == MODELS["two layers"] else {}),
    }


def main() -> None:
    """Train all of them, and write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    began, models = time.process_time(), {}
    for name, options in MODELS.items():
        runs = [run(options, seed) for seed in SEEDS]
        models[name] = {
            "options": options,
            "parameters": [r.pop("parameters") for r in runs][0],
            "mean": round(mean(r["dev"] for r in runs), 4),
            "runs": runs,
        }
        print(name, models[name]["parameters"], [r["dev"] for r in runs], flush=True)
    record = {
        "label": "what came after this symbol",
        "command": "python book/_results/induction.py",
        "seeds": list(SEEDS),
        "settings": asdict(TrainConfig(**SETTINGS)),
        "texts": {"symbols": SYMBOLS, "first": FIRST, "drawn": DRAWN},
        **made(),
        "cpu_seconds": round(time.process_time() - began, 1),
        "models": models,
    }
    write("induction", record)


if __name__ == "__main__":
    main()

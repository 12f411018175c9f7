"""Train what the chapter on the GPT quotes, on the bundled names and on a larger text.

``python book/_results/gpt.py`` runs all of it, about ten minutes on one thread; give
``names`` or ``text`` to run only that. The text is tiny Shakespeare, downloaded once or
taken from ``CHARLM_DATA``. All gradients are those of the package; a file holds
settings, losses, curves, time, checksum, versions.
"""

import sys
import time
from dataclasses import asdict
from statistics import mean
from types import SimpleNamespace

import torch
from record import provenance, write

from charlm.data import PARTS, corpus
from charlm.models import KneserNey, build
from charlm.sample import nll, sample
from charlm.train import TrainConfig, Trainer

SEEDS = (0, 1, 2)
MUON = {"optimiser": "muon", "lr": 2e-2, "decay": 0.1}
NAMES = {
    "mlp": ({"normalise": False}, {"epochs": 40, "batch": 1024, "lr": 1e-2}),
    "gpt": (
        {},
        {**MUON, "lr": 1.5e-2, "decay": 0.2, "epochs": 14, "batch": 128}
        | {"schedule": "linear", "warmup": 0.02, "token_dropout": 0.06},
    ),
}
TEXT = (
    {"block": 64, "positions": "rope"},
    {**MUON, "epochs": 2, "batch": 32, "evals": 10},
)


def run(data, kind, options, settings, seed):
    """One run: plain numbers, and the model."""
    config = TrainConfig(seed=seed, **settings)
    model = build(kind, len(data.vocab), torch.Generator().manual_seed(seed), **options)
    parts = {part: data.encode(model, part) for part in PARTS}
    began = time.process_time()
    trainer = Trainer(model, parts["train"], parts["dev"], config)
    result = trainer.run()
    seconds = time.process_time() - began
    every = max(1, result.steps // 100)
    curve = [
        [i, round(mean(result.losses[i - every : i]), 4)]
        for i in range(every, result.steps + 1, every)
    ]
    found = {
        "seed": seed,
        **{part: round(nll(model, *pair), 4) for part, pair in parts.items()},
        "cpu_seconds": round(seconds, 1),
        "steps": result.steps,
        "parameters": trainer.flat.p.numel(),
        "curve": curve,
        "dev_curve": [[step, round(loss, 4)] for step, loss in result.dev],
        "settings": asdict(config),
    }
    print(kind, options, seed, found["dev"], found["cpu_seconds"], flush=True)
    return found, model


def counted(data, block):
    """Kneser-Ney on the same data."""
    windows = SimpleNamespace(block=block, causal=False)
    train = data.encode(windows, "train")
    model = KneserNey(len(data.vocab), *train, block=block, discount=0.9)
    losses = {part: nll(model, *data.encode(model, part)) for part in PARTS}
    return {part: round(loss, 4) for part, loss in losses.items()}


def finish(name, data, record):
    """Add where it came from, and write the file."""
    source = provenance([x for part in PARTS for x in data.parts[part]])
    cut = "in place, 90/5/5" if data.running else "seed 42, 80/10/10"
    source["data"] |= {"name": data.source, "split": cut}
    source["data"]["rows"] = {part: sum(map(len, data.parts[part])) for part in PARTS}
    record |= source | {"command": f"python book/_results/gpt.py {name}"}
    write(f"gpt-{name}", record)


def summed(runs):
    """Runs of several seeds as one entry."""
    means = {part: round(mean(r[part] for r in runs), 4) for part in PARTS}
    return {"parameters": runs[0]["parameters"], "mean": means, "runs": runs}


def names():
    """The MLP and the GPT on the bundled names, three seeds each, and counting."""
    data = corpus("names")
    record = {"label": "GPT and MLP on the bundled names"}
    for kind, (options, settings) in NAMES.items():
        runs = [run(data, kind, options, settings, seed)[0] for seed in SEEDS]
        record[kind] = {"options": options, **summed(runs)}
    record["kneser-ney"] = counted(data, 5)
    finish("names", data, record)


def text():
    """One run on running text, and what it writes."""
    data = corpus("tinyshakespeare")
    options, settings = TEXT
    found, model = run(data, "gpt", options, settings, 0)
    g = torch.Generator().manual_seed(0)
    prose = sample(model, data.vocab, 1, g, 400, "\n", temperature=0.8)[0]
    record = {"label": "GPT on tiny Shakespeare", "options": options, "run": found}
    record |= {"sample": {"seed": 0, "temperature": 0.8, "text": prose}}
    record["kneser-ney"] = {str(block): counted(data, block) for block in (5, 7)}
    finish("text", data, record)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for part in sys.argv[1:] or ["names", "text"]:
        {"names": names, "text": text}[part]()

"""Train the models of the league table on the lectures' list; ``make results``.

Three seeds of each, by hand-written gradients, one thread a run. A file per model:
settings, losses of all parts, time, checksum of the data, versions. Give names to train
only those: ``python book/_results/league.py tree``.
"""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from statistics import mean

import torch
from record import HERE, provenance

from charlm import data
from charlm.config import TrainConfig
from charlm.corpus import PARTS, corpus
from charlm.models import build
from charlm.models.ensemble import Ensemble
from charlm.sample import nll
from charlm.train import Trainer

SEEDS = (0, 1, 2)
ENTRIES = {
    "mlp": (
        "MLP, 3 characters",
        "mlp",
        {"normalise": False},
        {"epochs": 40, "batch": 1024, "lr": 1e-2},
    ),
    "tree": (
        "tree, 8 characters",
        "tree",
        {},
        {"epochs": 10, "batch": 64, "lr": 1e-2, "optimiser": "muon", "decay": 0.1},
    ),
    "gpt": (
        "GPT, 4 blocks, 64 wide",
        "gpt",
        {"tied": False},
        {
            "epochs": 18,
            "batch": 128,
            "lr": 2e-2,
            "optimiser": "muon",
            "decay": 0.1,
            "token_dropout": 0.06,
        },
    ),
}


def measured(model, names):
    """Losses of all parts, in nats per character."""
    return {part: round(nll(model, *names.encode(model, part)), 4) for part in PARTS}


def trained(job):
    """One run: plain numbers, and the parameters."""
    name, seed = job
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    _, kind, options, settings = ENTRIES[name]
    names = corpus("makemore")
    config = TrainConfig(seed=seed, evals=1, **settings)
    model = build(kind, 27, torch.Generator().manual_seed(seed), **options)
    train, dev = (names.encode(model, part) for part in ("train", "dev"))
    began = time.process_time()
    trainer = Trainer(model, train, dev, config)
    result = trainer.run()
    run = {
        "seed": seed,
        **measured(model, names),
        "cpu_seconds": round(time.process_time() - began, 1),
        "steps": result.steps,
        "parameters": trainer.flat.p.numel(),
        "targets": {p: int((names.encode(model, p)[1] >= 0).sum()) for p in PARTS},
        "settings": asdict(config),
    }
    return run, {n: p for n, p, _ in model.named()}, model.statistics()


def average(name, finished):
    """The mean of the predictions of the first two runs."""
    _, kind, options, _ = ENTRIES[name]
    models = []
    for _, parameters, _ in finished[:2]:
        model = build(kind, 27, torch.Generator(), **options)
        for n, p, _ in model.named():
            p.copy_(parameters[n])
        models.append(model)
    return measured(Ensemble(models), corpus("makemore"))


def main(names):
    """Train what is named, all if nothing is."""
    for name in names or ENTRIES:
        with ProcessPoolExecutor(max_workers=2) as pool:
            finished = list(pool.map(trained, [(name, seed) for seed in SEEDS]))
        runs = [run for run, _, _ in finished]
        record = {
            "label": ENTRIES[name][0],
            "model": ENTRIES[name][1],
            "options": ENTRIES[name][2],
            "parameters": runs[0].pop("parameters"),
            "runs": runs,
            "mean": {part: round(mean(r[part] for r in runs), 4) for part in PARTS},
            **provenance(data.load("makemore"), runs[0].pop("targets")),
            "command": "make results",
        }
        if name == "gpt":
            record["average_of_two"] = average(name, finished)
        path = HERE / f"league-{name}.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")
        print(name, record["mean"], record.get("average_of_two", ""), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

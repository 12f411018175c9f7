"""Train the models of the league table on the lectures' list; ``make results``.

Three seeds of each, by hand-written gradients, one thread a run; what is counted has no
seed. A file per model: settings, losses of all parts with their standard errors, time,
sampled names, checksum of the data, versions. Then ``distinct``, the same recipes on
the list without repeats, and ``together``: differences between models name by name,
averages and mixtures. Give names to do only those: ``python book/_results/league.py
tree together``. ``LEAGUE_WORKERS`` is how many runs go side by side, by default 2.
"""

import hashlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from statistics import mean
from typing import Any

import torch
from record import HERE, provenance, write
from recurrent import NAMES as RECURRENT
from torch import Generator, Tensor

from charlm import data
from charlm.data import PARTS, Corpus, corpus
from charlm.models import KneserNey, NGram, build
from charlm.sample import nll, sample
from charlm.train import TrainConfig, Trainer

SEEDS = (0, 1, 2)
WORKERS = int(os.environ.get("LEAGUE_WORKERS", "2"))
KEPT = HERE.parents[1] / "_build" / "league"
"""Probabilities of the targets, run by run: what ``together`` works with."""

ADAM = {"epochs": 40, "batch": 1024, "lr": 1e-2}
MUON = {"epochs": 10, "batch": 64, "lr": 1e-2, "optimiser": "muon", "decay": 0.1}
LONG = {"epochs": 18, "batch": 128, "lr": 2e-2, "optimiser": "muon"}
ENTRIES: dict[str, tuple[str, str, dict, dict | None]] = {
    "counts-1": (
        "counts, 1 character",
        "counts",
        {"block": 1, "alpha": 0.5},
        None,
    ),
    "counts-3": (
        "counts, 3 characters",
        "counts",
        {"block": 3, "alpha": 0.1},
        None,
    ),
    "kneser-ney": (
        "Kneser-Ney, 5 characters",
        "kneser-ney",
        {"block": 5, "discount": 0.9},
        None,
    ),
    "bigram": (
        "bigram net",
        "bigram",
        {},
        {"epochs": 10, "batch": 1024, "lr": 1e-1},
    ),
    "gpt": (
        "GPT, 4 blocks, 64 wide",
        "gpt",
        {"tied": False},
        {**LONG, "decay": 0.15, "token_dropout": 0.09},
    ),
    "wavenet": (
        "gated WaveNet, 8 characters",
        "wavenet",
        {"n_residual": 64, "n_skip": 128},
        MUON,
    ),
    "mlp-bn": (
        "MLP with batch norm, 3 characters",
        "mlp",
        {"normalise": True},
        ADAM,
    ),
    "tree": ("tree, 8 characters", "tree", {}, MUON),
    "mlp": ("MLP, 3 characters", "mlp", {"normalise": False}, ADAM),
    **{  # as large as the MLP; larger ones stand in recurrent.json
        kind: (f"{kind.upper()}, {options['n_hidden']} wide", kind, options, settings)
        for kind, options, settings in (
            RECURRENT[f"{kind} 12K"] for kind in ("rnn", "gru", "lstm")
        )
    },
}
COUNTED = {"counts": NGram, "kneser-ney": KneserNey}
DISTINCT = ("tree", "wavenet", "gpt")
MIXTURES = {
    "two GPTs": [["gpt-0", "gpt-1"], ["gpt-0", "gpt-2"], ["gpt-1", "gpt-2"]],
    "three GPTs": [["gpt-0", "gpt-1", "gpt-2"]],
    "GPT and Kneser-Ney": [[f"gpt-{s}", "kneser-ney-0"] for s in SEEDS],
    "tree and Kneser-Ney": [[f"tree-{s}", "kneser-ney-0"] for s in SEEDS],
    "two GPTs, tree and Kneser-Ney": [
        [f"gpt-{s}", f"gpt-{(s + 1) % 3}", f"tree-{s}", "kneser-ney-0"] for s in SEEDS
    ],
}


def names_of(distinct: bool) -> Corpus:
    """The list, split with seed 42; with ``distinct`` every name once."""
    whole = corpus("makemore")
    if not distinct:
        return whole
    items = list(dict.fromkeys(data.load("makemore")))
    parts = dict(zip(PARTS, data.split(items, seed=42), strict=True))
    digest = hashlib.sha256("\n".join(items).encode()).hexdigest()
    return Corpus("makemore, every name once", False, whole.vocab, parts, digest)


def target_logs(model: Any, names: Corpus, part: str) -> Tensor:
    """Log-probability of every target of a part (N), in the order of the names."""
    X, Y = names.encode(model, part)
    size = 256 if model.causal else 8192
    found = []
    for x, y in zip(X.split(size), Y.split(size), strict=True):
        logp = model.forward(x, training=False)[0].double().log_softmax(-1)
        kept = y >= 0
        found.append(logp[kept].gather(-1, y[kept].unsqueeze(1)).squeeze(1))
    return torch.cat(found)


def by_name(values: Tensor, items: list[str]) -> tuple[Tensor, Tensor]:
    """Sums over each name (names) of one value per target, and its targets (names)."""
    lengths = torch.tensor([len(name) + 1 for name in items])
    number = torch.arange(len(items)).repeat_interleave(lengths)
    sums = torch.zeros(len(items), dtype=torch.float64).index_add(0, number, values)
    return sums, lengths.double()


def standard_error(sums: Tensor, targets: Tensor) -> float:
    """Of the ratio of two sums over names that were drawn independently."""
    n = len(sums)
    e = sums - sums.sum() / targets.sum() * targets
    return float((n / (n - 1) * e.square().sum()).sqrt() / targets.sum())


def of_names(logs: Tensor, names: Corpus, part: str) -> dict:
    """Standard error of a loss, and the losses of names that train has and has not."""
    items, train = names.parts[part], set(names.parts["train"])
    sums, targets = by_name(-logs, items)
    seen = torch.tensor([name in train for name in items])
    found = {"standard_error": round(standard_error(sums, targets), 5)}
    for key, rows in (("in_train", seen), ("not_in_train", ~seen)):
        if rows.any():
            found[key] = round(float(sums[rows].sum() / targets[rows].sum()), 4)
    return found


def drawn(model: Any, names: Corpus, seed: int) -> dict:
    """A thousand names: the first ten, and how many are new."""
    found = sample(model, names.vocab, 1000, Generator().manual_seed(1000 + seed))
    train = set(names.parts["train"])
    whole = train.union(*names.parts.values())
    return {
        "first": found[:10],
        "of": len(found),
        "not_in_train": sum(name not in train for name in found),
        "not_in_the_list": sum(name not in whole for name in found),
        "different": len(set(found)),
    }


def counted(name: str, names: Corpus) -> tuple[Any, dict]:
    """A model that counts, and how it came about."""
    _, kind, options, _ = ENTRIES[name]
    X, Y = data.windows(names.parts["train"], names.vocab, options["block"])
    model = COUNTED[kind](len(names.vocab), X, Y, **options)
    blocks = [options["block"]] if kind == "counts" else range(options["block"] + 1)
    seen = [torch.cat([X[:, X.shape[1] - k :], Y[:, None]], 1) for k in blocks]
    # its parameters are the counts that are not zero
    return model, {"parameters": sum(len(s.unique(dim=0)) for s in seen)}


def fitted(name: str, names: Corpus, seed: int) -> tuple[Any, dict]:
    """A model that is trained, and how it came about."""
    _, kind, options, settings = ENTRIES[name]
    config = TrainConfig(seed=seed, evals=1, **(settings or {}))
    model = build(kind, 27, Generator().manual_seed(seed), **options)
    train, dev = (names.encode(model, part) for part in ("train", "dev"))
    trainer = Trainer(model, train, dev, config)
    steps = trainer.run().steps
    size = trainer.flat.p.numel()
    return model, {"steps": steps, "settings": asdict(config), "parameters": size}


def run(job: tuple[str, int, bool]) -> dict:
    """One run: plain numbers; the probabilities of the targets go to a file."""
    name, seed, distinct = job
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = names_of(distinct)
    began = time.process_time()
    make = counted if ENTRIES[name][3] is None else fitted
    model, facts = make(name, names, *(() if make is counted else (seed,)))
    with torch.inference_mode():
        losses = {
            part: round(nll(model, *names.encode(model, part)), 4) for part in PARTS
        }
        seconds = round(time.process_time() - began, 1)
        logs = {part: target_logs(model, names, part) for part in PARTS}
        samples = drawn(model, names, seed)
    KEPT.mkdir(parents=True, exist_ok=True)
    torch.save(logs, KEPT / f"{name}-{seed}{'-distinct' * distinct}.pt")
    return {
        "seed": seed,
        **losses,
        "cpu_seconds": seconds,
        **facts,
        "targets": {part: len(logs[part]) for part in PARTS},
        "names": {part: of_names(logs[part], names, part) for part in PARTS[1:]},
        "samples": samples,
    }


def entry(name: str, distinct: bool = False) -> dict:
    """All runs of a model, and what they have in common."""
    seeds = SEEDS[:1] if ENTRIES[name][3] is None else SEEDS
    with ProcessPoolExecutor(max_workers=WORKERS) as pool:
        runs = list(pool.map(run, [(name, seed, distinct) for seed in seeds]))
    parameters = [r.pop("parameters") for r in runs]
    targets = [r.pop("targets") for r in runs]
    found = {
        "label": ENTRIES[name][0],
        "model": ENTRIES[name][1],
        "options": ENTRIES[name][2],
        "parameters": parameters[0],
        "runs": runs,
        "mean": {part: round(mean(r[part] for r in runs), 4) for part in PARTS},
        **provenance(data.load("makemore"), targets[0]),
        "command": "make results",
    }
    if distinct:
        found["data"]["kept"] = "every name once, then split"
    if name == "gpt" and not distinct:
        pair = [torch.load(KEPT / f"{name}-{seed}.pt") for seed in SEEDS[:2]]
        found["average_of_two"] = {
            part: round(-mixed([p[part] for p in pair]).mean().item(), 4)
            for part in PARTS
        }
    return found


def mixed(logs: list[Tensor], weights: list[float] | None = None) -> Tensor:
    """Logarithms of the weighted mean of probabilities (N); by default equal."""
    w = torch.tensor(weights or [1 / len(logs)] * len(logs), dtype=torch.float64)
    return torch.logsumexp(torch.stack(logs) + w.log().unsqueeze(1), 0)


def weighted(logs: list[Tensor], steps: int = 500) -> list[float]:
    """The weights of least loss: each times minus its gradient, again and again."""
    w = torch.full((len(logs),), 1 / len(logs), dtype=torch.float64)
    p = torch.stack(logs).exp()  # (models, N)
    for _ in range(steps):
        w = w * (p / (w @ p)).mean(1)
    return [round(x, 4) for x in w.tolist()]


def mixtures(kept: dict[str, dict[str, Tensor]]) -> dict:
    """Losses of averages and of mixtures whose weights were chosen on dev."""
    found = {}
    for label, groups in MIXTURES.items():
        rows = []
        for group in groups:
            dev = [kept[k]["dev"] for k in group]
            best = weighted(dev)
            row: dict[str, Any] = {"of": group, "weights": best}
            for key, weights in (("equal", None), ("chosen", best)):
                row[key] = {
                    part: round(
                        -mixed([kept[k][part] for k in group], weights).mean().item(), 4
                    )
                    for part in PARTS
                }
            rows.append(row)
        found[label] = rows
    return found


def pairs(kept: dict[str, dict[str, Tensor]], names: Corpus) -> list[dict]:
    """Each model against the next better one, name by name, on dev and test."""
    runs = {n: [kept[k] for k in kept if k.rpartition("-")[0] == n] for n in ENTRIES}
    loss = {
        (n, p): -torch.stack([r[p] for r in rs]).mean(1)
        for n, rs in runs.items()
        for p in PARTS[1:]
    }
    order = sorted(ENTRIES, key=lambda n: -float(loss[n, "dev"].mean()))
    found = []
    for worse, better in zip(order, order[1:], strict=False):
        row: dict[str, Any] = {"worse": worse, "better": better}
        for part in PARTS[1:]:
            items = names.parts[part]
            a, b = (
                -torch.stack([r[part] for r in runs[n]]).mean(0)
                for n in (worse, better)
            )
            sums, targets = by_name(a - b, items)
            alone = [standard_error(*by_name(x, items)) for x in (a, b)]
            spread = [
                float(loss[n, part].var() / len(runs[n])) if len(runs[n]) > 1 else 0.0
                for n in (worse, better)
            ]
            row[part] = {
                "difference": round(float(sums.sum() / targets.sum()), 5),
                "paired_error": round(standard_error(sums, targets), 5),
                "unpaired_error": round((alone[0] ** 2 + alone[1] ** 2) ** 0.5, 5),
                "seed_error": round(sum(spread) ** 0.5, 5),
            }
        found.append(row)
    return found


def together() -> dict:
    """What several models show side by side."""
    files = [(n, s) for n in ENTRIES for s in SEEDS]
    paths = {f"{n}-{s}": KEPT / f"{n}-{s}.pt" for n, s in files}
    kept = {key: torch.load(path) for key, path in paths.items() if path.exists()}
    names = names_of(False)
    return {
        "label": "models side by side",
        "mixtures": mixtures(kept),
        "pairs": pairs(kept, names),
        **provenance(data.load("makemore"), {p: len(kept["gpt-0"][p]) for p in PARTS}),
        "command": "make results",
    }


def main(wanted: list[str]) -> None:
    """Do what is named, all if nothing is."""
    for name in wanted or [*ENTRIES, *(f"distinct-{n}" for n in DISTINCT), "together"]:
        if name == "together":
            record = together()
        else:
            record = entry(name.removeprefix("distinct-"), name.startswith("distinct-"))
        write(f"league-{name}", record)
        print(f"league-{name}.json", record.get("mean", ""), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

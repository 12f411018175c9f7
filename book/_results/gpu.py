"""Train two GPTs on a graphics processor, by gradients written by hand.

``make results-gpu`` runs it. ``text`` is nanoGPT's small model on tiny Shakespeare (6
layers, 384 wide, block 256, 64 rows, dropout 0.2, 5,000 steps), measured on what
nanoGPT measures on, the last tenth of the text; its README states 1.4697. ``names`` is
a larger GPT on the bundled names. Forward and backward are in bfloat16, attention by
PyTorch's kernels, parameters and the optimiser's state in float32. Three seeds each;
losses, seconds and curves go to ``gpu-text.json`` and ``gpu-names.json``, after each
run.

No run is begun that would end after ``--minutes``; which were left out is said. With
``--cpu`` both are tried on the processor, in a small size and for few steps, and
nothing is written. The text is downloaded once or taken from ``CHARLM_DATA``.
"""

import argparse
import time
from dataclasses import asdict
from statistics import mean

import torch
from record import card, made, write

from charlm.data import Corpus, corpus
from charlm.models import build
from charlm.sample import nll
from charlm.train import TrainConfig, Trainer, timing

SEEDS = (0, 1, 2)
FUSED = {"attention": "fused", "dropout": 0.2}
TEXT = (
    {"block": 256, "n_embd": 384, "n_head": 6, "n_layer": 6, **FUSED},
    {"steps": 5000, "batch": 64, "lr": 1e-3, "decay": 0.1, "clip": 1.0}
    | {"warmup": 0.02, "evals": 20},
)
NAMES = (
    {"n_embd": 256, "n_head": 8, "n_layer": 6, **FUSED},
    {"epochs": 40, "batch": 256, "lr": 1e-3, "decay": 0.1, "clip": 1.0, "evals": 40},
)
SMALL = {"n_embd": 16, "n_head": 2, "n_layer": 1}


def text_rows(data: Corpus, block: int, device: str):
    """All pieces of the first 90 % of a text; the last 10 % in pieces side by side."""
    whole = [part[0] for part in data.parts.values()]
    train, rest = (data.vocab.encode(t) for t in (whole[0], whole[1] + whole[2]))
    stream = torch.tensor(train, device=device)
    pieces = stream[:-1].unfold(0, block, 1), stream[1:].unfold(0, block, 1)
    count = (len(rest) - 1) // block * block
    X, Y = (torch.tensor(rest[i : count + i]).view(-1, block) for i in (0, 1))
    return {"train": pieces, "dev": (X, Y)}


def item_rows(data: Corpus, model, device: str):
    """The parts of a list."""
    return {part: data.encode(model, part) for part in data.parts}


def prepared(kind: str, seed: int, device: str):
    """The run of a seed before its first step, its rows, and its data."""
    trial = device == "cpu"
    options, settings = {"text": TEXT, "names": NAMES}[kind]
    source = {"text": "book" if trial else "tinyshakespeare", "names": "names"}[kind]
    if trial:
        options, settings = options | SMALL, settings | {"steps": 4, "evals": 2}
        options |= {"block": 16} if kind == "text" else {}
        settings |= {"batch": 8}
    data = corpus(source)
    g = torch.Generator().manual_seed(seed)
    model = build("gpt", len(data.vocab), g, **options)
    if kind == "text":
        rows = text_rows(data, model.block, device)
    else:
        rows = item_rows(data, model, device)
    if trial:
        rows = {part: (X[:64], Y[:64]) for part, (X, Y) in rows.items()}
    config = TrainConfig(seed=seed, precision="bfloat16", **settings)
    return Trainer(model, rows["train"], rows["dev"], config, device=device), rows, data


def run(trainer: Trainer, rows, device: str) -> dict:
    """Train to the end: plain numbers."""
    result = trainer.run()
    every = max(1, result.steps // 100)
    found = {
        "seed": trainer.config.seed,
        "best dev": round(result.best, 4),
        "dev_curve": [[step, round(loss, 4)] for step, loss in result.dev],
        "seconds": round(result.seconds, 1),
        "steps": result.steps,
        "curve": [
            [i, round(mean(result.losses[i - every : i]), 4)]
            for i in range(every, result.steps + 1, every)
        ],
    }
    if "test" in rows:
        found["test"] = round(
            nll(trainer.model, *(t.to(device) for t in rows["test"])), 4
        )
    return found


def record(kind: str, device: str, ends: float) -> None:
    """All seeds of one study, as many as there is time for."""
    runs: list[dict] = []
    for seed in SEEDS[: 1 if device == "cpu" else None]:
        trainer, rows, data = prepared(kind, seed, device)
        takes = timing.rehearse(trainer) * trainer.total
        if time.monotonic() + takes > ends:
            print(f"{kind}, seed {seed}: left out; it would take {takes:.0f} s")
            continue
        runs.append(run(trainer, rows, device))
        last = runs[-1]
        print(
            f"{kind}, seed {seed}: {last['best dev']} in {last['seconds']} s",
            flush=True,
        )
        if device == "cuda":
            options, _ = {"text": TEXT, "names": NAMES}[kind]
            source = {"name": data.source, "sha256": data.digest}
            about = {"machine": torch.cuda.get_device_name(), "data": source}
            about |= {"options": options, "settings": asdict(trainer.config)}
            about |= {"parameters": trainer.flat.p.numel(), "runs": runs}
            command = f"python book/_results/gpu.py --only {kind}"
            write(f"gpu-{kind}", {**made(), **about, "command": command})


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["text", "names"])
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--cpu", action="store_true", help="a trial without a card")
    args = parser.parse_args()
    ends = time.monotonic() + 60 * args.minutes
    device = card("results-gpu", args.cpu)
    for kind in [args.only] if args.only else ["text", "names"]:
        record(kind, device, ends)


if __name__ == "__main__":
    main()

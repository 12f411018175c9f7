"""RNN, GRU and LSTM: losses at equal size, gradients against lag; ``make results``.

Three seeds of everything, which differ in first weights and minibatches; hand-written
gradients, one thread. Quoted by the chapters on recurrence. Writes ``recurrent.json``;
with names of studies only those are made anew:
``python book/_results/recurrent.py lags 'gru 74K'``.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import mean
from types import SimpleNamespace
from typing import Any

import torch
from record import HERE, provenance, write
from torch import Generator, Tensor

from charlm import ops
from charlm.data import PARTS, Corpus, corpus, load
from charlm.models import KneserNey, build
from charlm.sample import nll
from charlm.train import TrainConfig, Trainer

SEEDS = (0, 1, 2)
SMALL = {"epochs": 20, "batch": 64, "lr": 1e-2, "decay": 0.05}
LARGE = {"epochs": 16, "batch": 64, "lr": 4e-3, "decay": 0.02}
NAMES: dict[str, tuple[str, dict, dict]] = {
    "rnn 12K": (
        "rnn",
        {"n_embd": 24, "n_hidden": 83},
        SMALL | {"lr": 4e-3, "epochs": 26},
    ),
    "gru 12K": ("gru", {"n_embd": 16, "n_hidden": 50}, SMALL),
    "lstm 12K": ("lstm", {"n_embd": 16, "n_hidden": 43}, SMALL),
    "rnn 74K": ("rnn", {"n_embd": 16, "n_hidden": 251}, LARGE | {"lr": 3e-3}),
    "gru 74K": ("gru", {"n_embd": 32, "n_hidden": 136}, LARGE),
    "lstm 74K": ("lstm", {"n_embd": 32, "n_hidden": 117}, LARGE),
}
"""The best of a few settings by the dev loss, tried in part with these seeds."""
TEXT = {"steps": 1_500, "batch": 16, "lr": 2e-2, "evals": 0}
KINDS: dict[str, tuple[str, dict]] = {
    "rnn": ("rnn", {}),
    "gru": ("gru", {}),
    "lstm": ("lstm", {}),
    "lstm forget": ("lstm", {"forget": 1.0}),
}
LENGTH, TEXTS, FAR = 64, 128, 41  # FAR: lags from 0 that are kept


def run(
    data: Corpus, kind: str, options: dict, settings: dict, seed: int
) -> tuple[dict, Any]:
    """Train one model: its losses, and the model."""
    g = Generator().manual_seed(seed)
    model = build(kind, len(data.vocab), g, **options)
    train, dev = (data.encode(model, part) for part in ("train", "dev"))
    config = TrainConfig(**{"seed": seed, "evals": 5, **settings})
    trainer = Trainer(model, train, dev, config)
    started = time.process_time()
    found: dict[str, Any] = {"seed": seed}
    trainer.run()
    found["cpu_seconds"] = round(time.process_time() - started, 1)
    found["parameters"] = trainer.flat.p.numel()
    with torch.inference_mode():
        parts = ("dev",) if data.running else PARTS
        for part in parts:
            found[part] = round(nll(model, *data.encode(model, part)), 4)
    print(kind, options, settings, found, flush=True)
    return found, model


def through_cell(model: Any, ds: Tensor, cache: Any) -> Tensor:
    """One step back, by all ways."""
    back: Tensor = model.cell.back(ds, cache)[1]
    return back


def one_way(model: Any, ds: Tensor, cache: Any) -> Tensor:
    """One step back by the way that a chapter asks about, all others closed.

    RNN: through the matrix, as if every slope of tanh were one. GRU: from state to
    state through the update gate. LSTM: from cell to cell through the forget gate.
    """
    if model.cell.step is ops.rnn_cell:
        return ds @ model.cell.U.T
    if ds.dim() == 2:
        return cache[5] * ds  # z
    *_, f, _, o, q = cache
    return torch.stack([0 * ds[0], f * (ds[1] + o * (1 - q * q) * ds[0])])


def gradient_by_lag(
    model: Any, X: Tensor, Y: Tensor, back: Callable[..., Tensor] = through_cell
) -> list[float]:
    """How much of the gradient of the last loss reaches the state, step by step back.

    The mean over texts of its length at each lag, relative to lag 0. A state is all
    that is carried: h, and c where there is one.
    """
    logits, (_, (_, shape, caches), c_head) = model.forward(X)
    dlogits = torch.zeros_like(logits)
    last, c_loss = ops.cross_entropy(logits[:, -1], Y[:, -1])
    dlogits[:, -1] = ops.cross_entropy_backward(torch.ones_like(last), c_loss)
    dh = ops.linear_backward(dlogits, c_head)[0][:, -1]
    ds = dh.new_zeros(shape)
    (ds[0] if ds.dim() == 3 else ds).add_(dh)
    found = []
    for c_cell, _ in list(reversed(caches))[:FAR]:
        square = ds.double().square().sum(-1)  # (B) or (2, B)
        length = (square.sum(0) if ds.dim() == 3 else square).sqrt()
        found.append(length.mean().item())
        ds = back(model, ds, c_cell)
    return [float(f"{v / found[0]:.4g}") for v in found]


def largest_singular(model: Any) -> float:
    """Of the recurrent matrix."""
    return round(float(torch.linalg.matrix_norm(model.cell.U, 2)), 3)


def on_names(name: str) -> dict:
    """One of :data:`NAMES` on the lectures' list."""
    data, (kind, options, settings) = corpus("makemore"), NAMES[name]
    runs = [run(data, kind, options, settings, seed)[0] for seed in SEEDS]
    return {
        "kind": kind,
        "options": options,
        "settings": asdict(TrainConfig(**settings)),
        "parameters": runs[0]["parameters"],
        "mean": {part: round(mean(r[part] for r in runs), 4) for part in PARTS},
        "runs": runs,
    }


def counting() -> dict:
    """Kneser-Ney on the same list."""
    data = corpus("makemore")
    windows = SimpleNamespace(block=5, causal=False)
    train, dev = (data.encode(windows, part) for part in ("train", "dev"))
    model = KneserNey(len(data.vocab), *train, block=5, discount=0.9)
    return {"dev": round(nll(model, *dev), 4)}


def text() -> tuple[Corpus, Tensor, Tensor]:
    """The larger text, and pieces of its dev part to look at gradients on."""
    data = corpus("tinyshakespeare")
    model = build("rnn", len(data.vocab), Generator(), block=LENGTH)
    X, Y = data.encode(model, "dev")
    return data, X[:TEXTS], Y[:TEXTS]


def lags() -> dict:
    """Gradient against lag, before and after training, on the larger text."""
    data, X, Y = text()
    found: dict[str, Any] = {}
    for name, (kind, options) in KINDS.items():
        entry: dict[str, list] = {"dev": [], "singular": []}
        for seed in SEEDS:
            g = Generator().manual_seed(seed)
            fresh = build(kind, len(data.vocab), g, **options)
            losses, model = run(data, kind, options, TEXT, seed)
            for when, net in (("start", fresh), ("trained", model)):
                found_by = (
                    gradient_by_lag(net, X, Y),
                    gradient_by_lag(net, X, Y, one_way),
                )
                entry.setdefault(when, []).append(found_by[0])
                entry.setdefault(f"{when}, one way", []).append(found_by[1])
            entry["dev"].append(losses["dev"])
            entry["singular"].append([largest_singular(m) for m in (fresh, model)])
        found[name] = {**entry, "parameters": losses["parameters"]}
    return found


STUDIES: dict[str, Callable[[], Any]] = {
    "kneser-ney": counting,
    "lags": lags,
    **{name: partial(on_names, name) for name in NAMES},
}


def main() -> None:
    """Make the studies that are named, or all; add each to the file when it is done."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    path = HERE / "recurrent.json"
    about = {
        "label": "recurrent nets",
        "command": "python book/_results/recurrent.py",
        "seeds": list(SEEDS),
        "text": {
            "name": "tinyshakespeare",
            "split": "in place, 90/5/5",
            "settings": {**TEXT, "block": LENGTH},
            "texts looked at": TEXTS,
        },
        **provenance(load("makemore")),
    }
    for study in sys.argv[1:] or STUDIES:
        started = time.process_time()
        found = STUDIES[study]()
        # read now: another process may have added to it
        record = json.loads(path.read_text("utf8")) if path.exists() else {}
        record |= about
        place = record.setdefault("names", {}) if study in NAMES else record
        place[study] = found
        spent = record.setdefault("cpu_seconds_of", {})
        spent[study] = round(time.process_time() - started, 1)
        record["cpu_seconds"] = round(sum(spent.values()), 1)
        write("recurrent", record)


if __name__ == "__main__":
    main()

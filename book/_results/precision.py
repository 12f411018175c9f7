"""Train a small GPT in 16 bits, with one measure off at a time; and in two processes.

Quoted by the chapter on precision and many machines. Run by ``make results``; with
names of studies, only those; writes ``precision.json``. The data are the bundled names.
Every control differs from the run beside it in one thing: a factor of the loss, where
the gradient is clipped, whether parameters are kept in 32 bits, the type of Adam's
state, how parts are weighted. Two processes are started by ``torchrun``.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from record import HERE, provenance, write
from torch import Generator, Tensor

from charlm import data
from charlm.models import build
from charlm.ops import cross_entropy, cross_entropy_backward
from charlm.sample import nll
from charlm.train import Half, LossScale, TrainConfig, Trainer, World, optim, trainer

SEEDS = (0, 1, 2)
SHAPE = {"n_embd": 24, "n_head": 2, "n_layer": 2}
STEPS, BATCH, CURVE = 200, 16, 20
RATES = {"adamw": 1e-2, "momentum": 0.1}
POWERS = (-16, -12, -8, -4, 0, 8, 16, 20, 24)  # of two: the factors of the loss
CLIP = 1.0


class Adam16(optim.AdamW):
    """Adam with everything in float16: its means, the square, its epsilon."""

    def __init__(self, flat: Any, eps: float) -> None:
        super().__init__(flat, eps=eps)
        self.m, self.s = self.m.half(), self.s.half()

    def update(self, lr: float) -> None:
        """The step itself."""
        g, (one, two) = self.flat.g.half(), self.betas
        self.m = one * self.m + (1 - one) * g
        self.s = two * self.s + (1 - two) * g * g
        m, s = self.m / (1 - one**self.t), self.s / (1 - two**self.t)
        eps = torch.tensor(self.eps).half()
        self.flat.p -= lr * (m / (s.sqrt() + eps)).float()


class Names:
    """Gradients in which every name counts alike, however long: a mean of means."""

    def __init__(self, run: Trainer) -> None:
        self.model, self.flat = run.model, run.flat

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """As those of the package."""
        self.flat.g.zero_()
        logits, cache = self.model.forward(X)
        loss, c_loss = cross_entropy(logits, Y)
        dlogits = cross_entropy_backward(torch.ones_like(loss), c_loss)
        count = (Y >= 0).sum(1)
        share = count.sum() / (len(Y) * count)  # of a target of that name
        self.model.backward(dlogits * share[:, None, None], cache)
        return loss.item()


class Rounded:
    """All in float32 but the gradient of the logits: that of float16 with a factor."""

    def __init__(self, run: Trainer, factor: float) -> None:
        self.model, self.flat, self.factor = run.model, run.flat, factor

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """As those of the package."""
        self.flat.g.zero_()
        logits, cache = self.model.forward(X)
        loss, c_loss = cross_entropy(logits, Y)
        dlogits = cross_entropy_backward(torch.full_like(loss, self.factor), c_loss)
        self.model.backward(dlogits.half().float() / self.factor, cache)
        return loss.item()


class Lifted(Half):
    """In float16, with two factors: one for the logits' gradient, one for the rest.

    That gradient is rounded as with the first, then multiplied so that the backward
    below it has the second.
    """

    def __init__(self, run: Trainer, first: float, rest: float) -> None:
        scale = LossScale(rest, patience=0)
        super().__init__(run.model, run.flat, scale=scale)
        self.first, self.rest = first, rest

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """As those of the package."""
        self.low.p.copy_(self.flat.p)
        self.low.g.zero_()
        logits, cache = self.copy.forward(X)
        loss, c_loss = cross_entropy(logits.float(), Y)
        dlogits = cross_entropy_backward(torch.full_like(loss, self.first), c_loss)
        dlogits = dlogits.half().float() * (self.rest / self.first)
        self.copy.backward(dlogits.half(), cache)  # the second rounding is exact
        self.flat.g.copy_(self.low.g).div_(self.rest)
        return loss.item()


@cache
def vocabulary() -> data.Vocab:
    """Of the bundled names."""
    return data.Vocab.of(data.load("names"))


@cache
def part(kind: str, number: int) -> tuple[Tensor, Tensor]:
    """The training part or the dev part, as a model of that kind reads it."""
    vocab, names = vocabulary(), data.split(data.load("names"), seed=42)[number]
    return data.encode(build(kind, len(vocab), Generator()), names, vocab)


def begin(
    seed: int, kind: str = "gpt", world: World | None = None, **settings: Any
) -> Trainer:
    """A run before its first step."""
    g, size = Generator().manual_seed(seed), len(vocabulary())
    model = build(kind, size, g, **(SHAPE if kind == "gpt" else {}))
    defaults = {"steps": STEPS, "batch": BATCH, "lr": RATES["adamw"], "evals": 0}
    config = TrainConfig(**defaults | settings, seed=seed)
    return Trainer(model, part(kind, 0), None, config, world=world)


def end(run: Trainer) -> dict:
    """Train to the end; what came out."""
    try:
        losses = run.run().losses
        dev = nll(run.model, *part("gpt", 1))
        broke = None
    except ValueError as error:  # numbers that are none
        losses, dev, broke = run.result.losses, math.nan, str(error).split(";")[0]
    curve = [mean(losses[i : i + CURVE]) for i in range(0, len(losses), CURVE)]
    found = {
        "dev": None if math.isnan(dev) else round(dev, 4),
        "curve": [round(x, 4) for x in curve],
    }
    if run.scale:
        found |= {"skipped": run.scale.skipped, "factor": run.scale.factor}
    return found | ({"broke off": broke} if broke else {})


def fixed(run: Trainer, factor: float) -> Trainer:
    """The same run with a factor of the loss that stays."""
    scale = LossScale(factor, patience=0)
    way = Half(run.model, run.flat, precision=run.config.precision, scale=scale)
    run.way, run.scale = way, scale
    return run


def factors() -> dict:
    """Every factor of the loss, in both types, and no 16 bits at all."""
    found: dict[str, Any] = {"float32": [end(begin(seed)) for seed in SEEDS]}
    for precision in ("float16", "bfloat16"):
        found[precision] = {
            str(power): [
                end(fixed(begin(seed, precision=precision), 2.0**power))
                for seed in SEEDS
            ]
            for power in POWERS
        }
    return found


def rounded_after(run: Trainer, kept: list[float]) -> Trainer:
    """No parameters in 32 bits: each is rounded after its step. Counts lost steps."""
    dtype = {"float16": torch.half, "bfloat16": torch.bfloat16}[run.config.precision]
    run.flat.p.copy_(run.flat.p.to(dtype))
    before = run.flat.p.clone()

    def after(run: Trainer, _: Any) -> None:
        p = run.flat.p
        moved = p != before
        p.copy_(p.to(dtype))
        lost = moved & (p == before)
        kept.append(int(lost.sum()) / max(1, int(moved.sum())))
        before.copy_(p)

    run.callbacks = (after,)
    return run


def lost(kept: list[float]) -> list[float]:
    """By stretches of the run, as the curves are."""
    return [round(mean(kept[i : i + CURVE]), 4) for i in range(0, len(kept), CURVE)]


def measures() -> dict:
    """All measures, and one of them off; by two optimisers."""
    found: dict[str, Any] = {}
    for name, rate in RATES.items():
        for seed in SEEDS:
            usual = {"optimiser": name, "lr": rate, "clip": CLIP}
            half = usual | {"precision": "float16"}
            brain = usual | {"precision": "bfloat16"}
            results = {
                "float32": end(begin(seed, **usual)),
                "float16": end(begin(seed, **half)),
                "float16, no scale": end(fixed(begin(seed, **half), 1.0)),
                "float16, clipped before": clipped_before(begin(seed, **half)),
                "bfloat16": end(begin(seed, **brain)),
            }
            for type_, settings in (("float16", half), ("bfloat16", brain)):
                kept: list[float] = []
                run = rounded_after(begin(seed, **settings), kept)
                results[f"{type_}, parameters in 16 bits"] = end(run) | {
                    "lost": lost(kept)
                }
            if name == "adamw":
                for eps in (1e-8, 1e-7, 1e-4):
                    run = begin(seed, **half)
                    run.optimiser = Adam16(run.flat, eps)
                    results[f"float16, Adam in 16 bits, eps {eps:g}"] = end(run)
            for key, value in results.items():
                found.setdefault(f"{name}: {key}", []).append(value)
    return found


def slowly() -> dict:
    """A tenth of the rates, with parameters in 32 bits and with nothing in them."""
    found: dict[str, Any] = {}
    for name, rate in RATES.items():
        for seed in SEEDS:
            usual = {"optimiser": name, "lr": rate / 10, "clip": CLIP}
            usual |= {"precision": "bfloat16"}
            found.setdefault(f"{name}: bfloat16", []).append(end(begin(seed, **usual)))
            kept: list[float] = []
            run = end(rounded_after(begin(seed, **usual), kept)) | {"lost": lost(kept)}
            found.setdefault(f"{name}: bfloat16, parameters in 16 bits", []).append(run)
    return found


def controls() -> dict:
    """Small factors: by momentum, and for the gradient of the logits alone.

    And a large epsilon with Adam in 32 bits.
    """
    found: dict[str, Any] = {}
    for seed in SEEDS:
        for power in (-16, -12):
            for name, rate in RATES.items():
                usual = {"optimiser": name, "lr": rate}
                if name == "momentum":  # by AdamW it is among the factors
                    run = begin(seed, **usual, precision="float16")
                    key = f"{name}: 2^{power}"
                    found.setdefault(key, []).append(end(fixed(run, 2.0**power)))
                run = begin(seed, **usual)
                run.way = Rounded(run, 2.0**power)
                key = f"{name}: logits alone, 2^{power}"
                found.setdefault(key, []).append(end(run))
        run = begin(seed, precision="float16", clip=CLIP)
        run.optimiser.eps = 1e-4
        found.setdefault("adamw: eps 0.0001", []).append(end(run))
    return found


def beside() -> dict:
    """What the runs with a factor of 2^-12 are compared with.

    Momentum in float32, without a limit as they have none; and AdamW in float16 with
    that factor for the logits' gradient alone, and 2^8 below it.
    """
    found: dict[str, Any] = {"momentum: float32": [], "adamw: 2^-12, 2^8 below": []}
    for seed in SEEDS:
        run = begin(seed, optimiser="momentum", lr=RATES["momentum"])
        found["momentum: float32"].append(end(run))
        run = begin(seed, precision="float16")
        run.way = Lifted(run, 2.0**-12, 2.0**8)
        run.scale = run.way.scale
        found["adamw: 2^-12, 2^8 below"].append(end(run))
    return found


def clipped_before(run: Trainer) -> dict:
    """The limit is put on the scaled gradient: the limit over the factor, for ours."""
    right = trainer.clip
    trainer.clip = lambda g, longest: right(g, longest / run.scale.factor)
    try:
        return end(run)
    finally:
        trainer.clip = right


def per_name(run: Trainer) -> float:
    """Dev loss in which every name counts alike: the mean of the names' means."""
    X, Y = part("gpt", 1)
    total = 0.0
    with torch.inference_mode():
        for x, y in zip(X.split(500), Y.split(500), strict=True):
            logp = run.model.forward(x)[0].log_softmax(-1)  # (B, T, V)
            each = -logp.gather(-1, y.clamp_min(0)[..., None])[..., 0]  # (B, T)
            read = y >= 0
            total += float(((each * read).sum(1) / read.sum(1)).sum())
    return round(total / len(Y), 4)


def weights() -> dict:
    """Every character alike, and every name alike; each measured in both ways."""
    found: dict[str, Any] = {"characters": [], "names": []}
    for seed in SEEDS:
        run = begin(seed, fast=False)
        found["characters"].append(end(run) | {"per name": per_name(run)})
        run = begin(seed)
        run.way = Names(run)
        found["names"].append(end(run) | {"per name": per_name(run)})
    return found


class MeanOfMeans(World):
    """Two processes whose means are averaged, whatever they are means of."""

    def add(self, sums: Tensor) -> Tensor:
        """As in the package, with all counts taken for equal."""
        return super().add(sums / sums[-1])


WAYS = {"right": World, "mean of means": MeanOfMeans}
KINDS = {"gpt": "gpt", "mlp": "mlp with batch normalisation"}
LOOKED = (1, 10, 50)


def one_of_them(folder: str) -> None:
    """What a process does, alone or one of several: parameters after some steps."""
    torch.set_num_threads(1)
    first = WAYS["right"]()
    for kind in KINDS:
        for way, world in WAYS.items():
            for seed in SEEDS:
                shared = World.__new__(world)
                vars(shared).update(vars(first))
                settings = {"steps": LOOKED[-1], "optimiser": "momentum", "lr": 0.1}
                run = begin(seed, kind, shared, fast=False, **settings)
                found: list[Tensor] = []

                def look(run: Trainer, progress: Any, found: Any = found) -> None:
                    if progress.step in LOOKED:
                        found.append(run.flat.p.clone())

                run.callbacks = (look,)
                run.run()
                if first.first:
                    name = f"{first.size} {kind} {way} {seed}.pt"
                    torch.save(torch.stack(found), Path(folder, name))
    first.close()


def processes() -> dict:
    """How far two processes are from one, after some steps."""
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    start += ["--master-port", str(20_000 + os.getpid() % 20_000)]
    found: dict[str, Any] = {"steps": list(LOOKED)}
    with tempfile.TemporaryDirectory() as folder:
        for command in ([sys.executable], start):
            subprocess.run([*command, __file__, "one of them", folder], check=True)
        for kind, label in KINDS.items():
            for way in WAYS:
                apart = []
                for seed in SEEDS:
                    one = torch.load(Path(folder, f"1 {kind} right {seed}.pt"))
                    two = torch.load(Path(folder, f"2 {kind} {way} {seed}.pt"))
                    off = (one - two).abs().amax(1) / one.abs().amax(1)
                    apart.append([float(f"{x:.2e}") for x in off])
                found.setdefault(label, {})[way] = apart
    return found


STUDIES = {
    "factors": factors,
    "measures": measures,
    "controls": controls,
    "beside": beside,
    "slowly": slowly,
    "weights": weights,
    "processes": processes,
}


def spent_so_far() -> float:
    """Seconds of the processor, of this process and of those it started."""
    return sum(os.times()[:4])


def main() -> None:
    """Make the studies that are named, or all; add each to the file when it is done."""
    if sys.argv[1:2] == ["one of them"]:
        one_of_them(sys.argv[2])
        return
    torch.set_num_threads(1)
    path = HERE / "precision.json"
    about = {
        "label": "precision and several processes",
        "command": "python book/_results/precision.py",
        "seeds": list(SEEDS),
        "model": {"kind": "gpt", **SHAPE},
        "settings": asdict(TrainConfig(steps=STEPS, batch=BATCH, evals=0)),
        "rates": RATES,
        "clip": CLIP,
        **provenance(data.load("names"), name="names"),
    }
    for study in sys.argv[1:] or STUDIES:
        started = spent_so_far()
        found = STUDIES[study]()
        # read now: another process may have added to it
        record = json.loads(path.read_text("utf8")) if path.exists() else {}
        record |= about | {study: found}
        spent = record.setdefault("cpu_seconds_of", {})
        spent[study] = round(spent_so_far() - started, 1)
        record.setdefault("code_of", {})[study] = about["code"]  # each in its time
        record["cpu_seconds"] = round(sum(spent.values()), 1)
        write("precision", record)


if __name__ == "__main__":
    main()

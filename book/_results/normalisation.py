"""Where and over what to normalise: small nets on the bundled names; ``make results``.

Three seeds of every setting, by hand-written gradients, one thread. Writes
``normalisation.json``: the settings, every dev loss, checksum of the data, versions.
With the word ``more``, only what the file lacks.
"""

import json
import math
import sys
import time
from itertools import product
from typing import Any

import torch
from record import HERE, code_version, provenance, write
from torch import Generator, Tensor
from windows import Windows

from charlm import data, ops
from charlm.layers import (
    Apply,
    BatchNorm,
    Embedding,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    Residual,
    Sequential,
)
from charlm.sample import nll
from charlm.train import sgd

SEEDS, RATES = (0, 1, 2), (0.03, 0.1, 0.3, 1.0, 3.0)
SIZES, DEPTHS = (2, 4, 8, 32, 128), (4, 16)
EMBED, WIDTH, BLOCK = 10, 64, 3
MORE = "more" in sys.argv[1:]


class Softened(BatchNorm):
    """Batch normalisation with another epsilon, which lets more of a gradient pass."""

    def __init__(self, eps: float) -> None:
        super().__init__(WIDTH, momentum=0.05)
        self.eps = eps

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (..., C)  ->  y (..., C)."""
        affine = self.gamma, self.beta
        if not training:
            running = self.running_mean, self.running_var
            return ops.batchnorm_eval(x, *affine, *running, eps=self.eps)[0], ()
        y, c = ops.batchnorm(x, *affine, eps=self.eps)
        rows = x.numel() // x.shape[-1]
        self.running_mean += self.momentum * (c[-2] - self.running_mean)
        self.running_var += self.momentum * (
            c[-1] * rows / (rows - 1) - self.running_var
        )
        return y, (training, c)


NORMS = {
    "none": list,
    "batch": lambda: [BatchNorm(WIDTH, momentum=0.05)],
    "layer": lambda: [LayerNorm(WIDTH)],
    "group": lambda: [GroupNorm(WIDTH, groups=8)],
    "batch, eps 0.1": lambda: [Softened(0.1)],
    "batch, eps 1": lambda: [Softened(1.0)],
}


class Net(Windows):
    """Three symbols as one place, what stands in the middle, scores."""

    def __init__(self, vocab_size: int, middle: list[Layer], g: Generator) -> None:
        first = [Embedding(vocab_size, EMBED, g), Apply("flatten_consecutive", n=BLOCK)]
        last = Linear(WIDTH, vocab_size, g, gain=0.1)
        super().__init__([*first, *middle, last], BLOCK)


def plain(vocab_size: int, seed: int, norm: str, place: str = "before") -> Net:
    """Two hidden layers, each normalised before or after its tanh."""
    g, middle = Generator().manual_seed(seed), []
    for n_in in (BLOCK * EMBED, WIDTH):
        steps = [*NORMS[norm](), Apply("tanh")]
        middle.append(Linear(n_in, WIDTH, g, gain=5 / 3))
        middle += steps if place == "before" else reversed(steps)
    return Net(vocab_size, middle, g)


def residual(vocab_size: int, seed: int, place: str, depth: int) -> Net:
    """Blocks x + f(x), normalised inside ("pre"), after the sum ("post") or not."""
    g = Generator().manual_seed(seed)
    middle: list[Layer] = [Linear(BLOCK * EMBED, WIDTH, g)]
    for _ in range(depth):
        f = [Linear(WIDTH, WIDTH, g), Apply("tanh"), Linear(WIDTH, WIDTH, g)]
        if place == "pre":
            middle.append(Residual(Sequential([LayerNorm(WIDTH), *f])))
        else:
            middle.append(Residual(Sequential(f)))
            middle += [LayerNorm(WIDTH)] if place == "post" else []
    return Net(vocab_size, middle + [LayerNorm(WIDTH)] * (place == "pre"), g)


def dev_loss(
    net: Net, parts: Any, seed: int, rate: float, size: int, steps: int
) -> float | None:
    """Of a run with a tenth of the rate for its last third; None if it blew up."""
    (X, Y), (Xdev, Ydev) = parts
    g = Generator().manual_seed(1_000 + seed)
    try:
        sgd(net, X, Y, steps, lambda i: rate if i < 0.7 * steps else rate / 10, size, g)
    except ValueError:  # the loss is not finite
        return None
    loss = nll(net, Xdev, Ydev)
    return round(loss, 4) if math.isfinite(loss) else None


def main() -> None:
    """Run all settings, one after the other; write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = data.load("names")
    vocab, V = data.Vocab.of(names), len(data.Vocab.of(names))
    parts = [data.windows(p, vocab, BLOCK) for p in data.split(names, seed=42)[:2]]
    started, runs = time.process_time(), []
    old = json.loads((HERE / "normalisation.json").read_text()) if MORE else {}
    runs += old.get("runs", [])

    def record(study: str, make: Any, size: int, steps: int, **setting: Any) -> None:
        fixed = {"size": size, "steps": steps}
        key = {"study": study, **setting, **fixed}
        own = [r for r in runs if {k: r.get(k) for k in key} == key]

        def at(rate: float) -> None:
            devs = [
                dev_loss(make(V, seed, **setting), parts, seed, rate, **fixed)
                for seed in SEEDS
            ]
            own.append({"study": study, **setting, "rate": rate, **fixed, "dev": devs})
            runs.append(own[-1])
            print(runs[-1], flush=True)

        def best() -> float:
            kept = [r for r in own if None not in r["dev"]]
            return min(kept, key=lambda r: sum(r["dev"]))["rate"]

        for rate in RATES:
            if rate not in [r["rate"] for r in own]:
                at(rate)
        while best() == min(r["rate"] for r in own):  # until the best lies inside
            at(float(f"{best() / 3:.0e}"))

    for size, norm in product(SIZES, list(NORMS)[:4]):
        record("size", plain, size, 1_000, norm=norm)
    for norm in list(NORMS)[4:]:
        record("size", plain, SIZES[0], 1_000, norm=norm)
    for norm in ("batch", "layer"):
        record("place", plain, 32, 1_000, norm=norm, place="after")
    for depth, place in product(DEPTHS, ("none", "pre", "post")):
        record("residual", residual, 32, 500, place=place, depth=depth)

    rows = {"train": len(parts[0][0]), "dev": len(parts[1][0])}
    result = {
        "label": "normalisation: size of minibatch and placement",
        "command": "python book/_results/normalisation.py",
        "seeds": list(SEEDS),
        "runs": runs,
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, rows, "names (bundled)"),
    }
    if MORE:  # the rest stays as it was recorded
        seconds = round(old["cpu_seconds"] + result["cpu_seconds"], 1)
        result = old | {"runs": runs, "cpu_seconds": seconds}
        result["added_with"] = code_version()
    write("normalisation", result)


if __name__ == "__main__":
    main()

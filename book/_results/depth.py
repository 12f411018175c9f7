"""Train nets of 2 to 20 hidden layers of three kinds, and write one file.

Quoted by the chapter on layers. Run by ``python book/_results/depth.py`` (minutes);
with the word ``more``, only what the file lacks. The data are the bundled names. The
learning rate of every kind and depth is found with seeds of its own, until a larger and
a smaller one are worse: for plain and residual nets by factors of about 1.8 with one
seed, then by 4/3 to either side with two; for the others by factors of about three with
one. Where a run of another seed leaves the numbers at it, the next smaller rate is
taken. Besides, all kinds are trained at one common rate. Two controls have twenty
layers: residual sums whose branches do not start smaller in deeper nets, and plain
layers whose gain keeps most of the length of the gradient.
"""

import json
import math
import sys
import time
from statistics import mean

from record import HERE, code_version, provenance, write
from torch import Generator
from windows import Pair, Windows, bundled

from charlm.layers import (
    Apply,
    BatchNorm,
    Embedding,
    Layer,
    Linear,
    Residual,
    Sequential,
)
from charlm.sample import nll
from charlm.train import sgd

KINDS, DEPTHS = ("residual", "plain", "batch norm"), (2, 5, 10, 20)
CONTROLS = ("residual, gain 1", "plain, gain 1.2")
COMMON = 0.3
FINE = [float(f"{COMMON * (4 / 3) ** k:.3g}") for k in range(-8, 9)]
COARSE = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
FINELY = ("residual", "plain")  # the other kinds are far from these two
SEEDS, TUNING_SEEDS = (0, 1, 2), (3, 4)
MORE = "more" in sys.argv[1:]
WIDTH, STEPS, SIZE = 32, 1_000, 64


def hidden(kind: str, depth: int, width: int, g: Generator) -> list[Layer]:
    """One hidden layer; ``depth`` is the number of hidden layers of the net."""
    if kind.startswith("plain"):
        gain = 1.2 if kind.endswith("1.2") else 1.0
        return [Linear(width, width, g, gain), Apply("tanh")]
    if kind == "batch norm":
        linear = Linear(width, width, g, bias=False)
        return [linear, BatchNorm(width), Apply("tanh")]
    gain = 1.0 if kind.endswith("1") else 1 / math.sqrt(depth)
    linear = Linear(width, width, g, gain)
    return [Residual(Sequential([Apply("tanh"), linear]))]


class Deep(Windows):
    """Embedding, concatenation, linear, then ``depth`` hidden layers, linear."""

    def __init__(
        self,
        vocab_size: int,
        g: Generator,
        kind: str,
        depth: int,
        width: int = 32,
        block: int = 3,
        n_embd: int = 10,
    ) -> None:
        stack: list[Layer] = [
            Embedding(vocab_size, n_embd, g),
            Apply("flatten_consecutive", n=block),
            Linear(block * n_embd, width, g),
        ]
        for _ in range(depth):
            stack += hidden(kind, depth, width, g)
        stack.append(Linear(width, vocab_size, g, gain=0.1))
        super().__init__(stack, block)


def train(parts: list[Pair], kind: str, depth: int, rate: float, seed: int) -> float:
    """Dev loss after a short run, infinite where the run leaves the numbers."""
    (X, Y), dev, _ = parts
    g = Generator().manual_seed(seed)
    # every symbol is a target somewhere
    model = Deep(int(Y.max()) + 1, g, kind, depth, WIDTH)
    try:
        sgd(
            model,
            X,
            Y,
            STEPS,
            lambda i: rate * (1 if i < 0.7 * STEPS else 0.1),
            SIZE,
            g,
        )
    except ValueError:
        return math.inf
    return nll(model, *dev)


def best_rate(parts: list[Pair], kind: str, depth: int) -> tuple[float, dict]:
    """The best learning rate with the tuning seeds, and the dev losses of all tried."""
    tried: dict[int, list[float]] = {}
    rates, jump = (FINE, 2) if kind in FINELY else (COARSE, 1)

    def dev(i: int, seeds: int) -> float:
        found = tried.setdefault(i, [])
        while len(found) < seeds:
            seed = TUNING_SEEDS[len(found)]
            found.append(train(parts, kind, depth, rates[i], seed))
        return mean(found[:seeds])

    best, better = -1, rates.index(COMMON)
    while better != best:
        best = better
        better = min((best, best - jump, best + jump), key=lambda i: dev(i, 1))
    if kind in FINELY:
        best = min((best - 1, best, best + 1), key=lambda i: dev(i, len(TUNING_SEEDS)))
    # a run that left the numbers has no loss
    finite = {
        str(rates[i]): [None if math.isinf(d) else round(d, 4) for d in tried[i]]
        for i in sorted(tried)
    }
    return rates[best], finite


def study(parts: list[Pair], kind: str, depth: int, common: bool) -> dict:
    """All runs of one kind and depth."""
    rate, tuning = best_rate(parts, kind, depth)
    lost: dict[str, int] = {}  # runs that left the numbers, by rate
    while True:
        dev = [round(train(parts, kind, depth, rate, s), 4) for s in SEEDS]
        gone = sum(math.isinf(d) for d in dev)
        if not gone:
            break
        lost[str(rate)] = gone
        rates = FINE if kind in FINELY else COARSE
        rate = rates[rates.index(rate) - 1]
    run = {"kind": kind, "depth": depth, "rate": rate, "dev": dev}
    run |= {"mean": round(mean(dev), 4), "lost": lost}
    if common:
        same = [round(train(parts, kind, depth, COMMON, s), 4) for s in SEEDS]
        run["dev_common"] = same
    return {**run, "tuning": tuning}


def main() -> None:
    """Train all, and write the file."""
    words, _, parts = bundled()
    started = time.process_time()
    jobs = [(kind, depth, True) for kind in KINDS for depth in DEPTHS]
    jobs += [(kind, DEPTHS[-1], False) for kind in CONTROLS]
    old = json.loads((HERE / "depth.json").read_text()) if MORE else {}
    runs = old.get("runs", [])
    done = [(run["kind"], run["depth"]) for run in runs]
    for job in jobs:
        if job[:2] not in done:
            runs.append(study(parts, *job))
            print(runs[-1], file=sys.stderr, flush=True)
    record = {
        "label": "depth",
        "model": "Deep in book/_results/depth.py",
        "settings": {
            "block": 3,
            "n_embd": 10,
            "width": WIDTH,
            "steps": STEPS,
            "batch": SIZE,
            "common_rate": COMMON,
            "rate": "a tenth of it for the last three tenths of the steps",
            "rates": {"plain and residual": FINE, "others": COARSE},
            "seeds": SEEDS,
            "tuning_seeds": TUNING_SEEDS,
            "optimiser": "plain gradient descent on hand-written gradients",
        },
        **provenance(words, name="names"),
        "command": "python book/_results/depth.py",
        "cpu_seconds": round(time.process_time() - started, 1),
        "runs": runs,
    }
    if MORE:  # the rest stays as it was recorded
        seconds = round(old["cpu_seconds"] + record["cpu_seconds"], 1)
        record = old | {"runs": runs, "cpu_seconds": seconds}
        record["added_with"] = code_version()
    write("depth", record)


if __name__ == "__main__":
    main()

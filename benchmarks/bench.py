"""How fast is a training step, how does its cost grow, how much memory does it take?

``make bench`` runs it, prints the tables and writes them where the book reads them. All
contestants of a table do the same work on the same minibatches, ten steps each in every
round, so that what else the machine does hits all alike. One thread. The times of one
machine mean little, and the ratios depend on how fast it multiplies matrices: the last
line of each table says how far any implementation could come.
"""

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path

import torch
from races import (
    FLOOR,
    FUSED,
    RACES,
    SIZE,
    SPELT,
    generator,
    gpt,
    minibatches,
    mlp,
    transformers,
    tree,
)

from charlm.data import corpus
from charlm.models import GPT
from charlm.train.timing import median_seconds

sys.path.append(str(Path(__file__).parents[1] / "book" / "_results"))
from record import made  # noqa: E402


def race(field, batches, rounds):
    """Median seconds of each contestant, interleaved; ``field`` names their makers."""

    def on_all(step):
        turn = itertools.cycle(batches)
        return lambda: step(*next(turn))

    return median_seconds({n: on_all(make()) for n, make in field.items()}, rounds)


def cut(names, batch, rounds):
    """The same, each minibatch cut to its longest name, as training does."""
    data = names.encode(GPT(27, generator(), **SIZE), "train")
    field = transformers(data, batch, **SIZE)
    field = {n: field[n] for n in ("charlm, plain", "charlm, fast")}
    return race(field, minibatches(data, batch, cut=True), rounds)


def growth(rounds):
    """Seconds of a GPT's step as one size grows, the others as in the league."""
    g, found = generator(), {}
    for axis, values in GROWTH.items():
        found[axis] = {"sizes": values, "seconds": []}
        for value in values:
            size = {"batch": 32, **SIZE} | {axis: value}
            batch = size.pop("batch")
            XY = tuple(
                torch.randint(27, (batch, size["block"]), generator=g) for _ in "XY"
            )
            field = transformers(XY, batch, **size)
            field = {n: field[n] for n in (SPELT, FUSED, "charlm, fast", FLOOR)}
            found[axis]["seconds"].append(race(field, [XY], rounds))
    return found


def most():
    """Megabytes that this process has had at most.

    Not from ``getrusage``, whose count a new process takes over from its parent.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 1024


def peak(title, batch, name):
    """Megabytes that a process needs for five steps, above those it began with."""
    torch.set_num_threads(1)
    field, batches = RACES[title](corpus("names"), batch)
    before = most()
    step = field[name]()
    for X, Y in batches[:5]:
        step(X, Y)
    return most() - before


def memory(title, batch):
    """Peak memory of each contestant, each in a process of its own; MB."""
    field, _ = RACES[title](corpus("names"), batch)
    found = {}
    for name in field:
        if name != FLOOR:
            words = [sys.executable, __file__, "--peak", title, str(batch), name]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            found[name] = round(float(done.stdout), 1)
    return found


GROWTH = {
    "batch": [4, 16, 64, 256],
    "n_embd": [32, 64, 128, 256],
    "n_layer": [1, 2, 4, 8],
    "block": [8, 16, 32, 64],
}


def show(title, times):
    """Print a table of ratios."""
    base = next(iter(times.values()))
    print(f"\n{title}: times faster than the first line", flush=True)
    for name, seconds in times.items():
        print(f"  {name:45s} {base / seconds:6.2f}   {1e6 * seconds:9.0f} us")


def main():
    """Run all races, print tables of ratios, write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="batch 32 only")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--out", type=Path, help="write the measurements as JSON")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        title, batch, name = args.peak
        print(peak(title, int(batch), name))
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names, rounds, compiled = corpus("names"), args.rounds, not args.no_compile
    races = {
        "mlp 32": race(*mlp(names, 32), rounds),
        "tree 32": race(*tree(names, 32), rounds),
        "gpt 32": race(*gpt(names, 32, compiled), rounds // 2),
    }
    for name, seconds in cut(names, 32, rounds // 2).items():
        races["gpt 32"][f"{name}, cut to the longest name"] = seconds
    if not args.quick:
        races["mlp 1024"] = race(*mlp(names, 1024), rounds // 4)
        races["tree 1024"] = race(*tree(names, 1024), rounds // 10)
        races["gpt 256"] = race(*gpt(names, 256), rounds // 10)
    for title, times in races.items():
        show(title, times)
    if args.quick:
        return
    record = {
        "label": "benchmarks",
        "seconds": races,
        "growth": growth(max(rounds // 10, 3)),
        "peak_megabytes": {"gpt 256": memory("gpt", 256)},
        **made(),
        "command": "make bench",
    }
    print("\npeak memory, MB:", record["peak_megabytes"])
    if args.out:
        args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

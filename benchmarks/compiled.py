"""What is compiling worth on a processor? Plain, fast and compiled steps.

``make bench`` runs it, prints a table and writes it where the book reads it. Of every
model, on 32 names of sixteen characters or as many windows, with AdamW; ten steps of
each in every round, so that what else the machine does hits all alike. One thread, and
all times are those that the processor computed; those of compiling include the
compilers that are started, from an empty cache.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory()
os.environ["TORCHINDUCTOR_CACHE_DIR"] = FOLDER.name
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no workers, whose time is not told

import torch  # noqa: E402
from races import generator  # noqa: E402

from charlm.data import corpus  # noqa: E402
from charlm.models import GPT, GRU, LSTM, MLP, RNN, ConvTree, Tree, WaveNet  # noqa: E402
from charlm.train import Fast, TrainConfig, Trainer  # noqa: E402
from charlm.train.timing import median_seconds, take  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "book" / "_results"))
from record import made  # noqa: E402

BATCH = 32
MODELS = {
    "GPT": GPT,
    "MLP": MLP,
    "tree of windows": Tree,
    "tree of texts": ConvTree,
    "WaveNet": WaveNet,
    "RNN": RNN,
    "GRU": GRU,
    "LSTM": LSTM,
}
WAYS = {"plain": {"fast": False}, "fast": {}, "compiled": {"compile": True}}


def spent() -> float:
    """Seconds of computing so far, by this process and those that it waited for."""
    return sum(os.times()[:4])


def contestants(kind, names):
    """The steps of a model by the ways that it has, and what compiling took."""
    steps, took = {}, 0.0
    for name, settings in WAYS.items():
        model = kind(27, generator())
        data = names.encode(model, "train")
        data = tuple(t[:, :16] if t.dim() == 2 else t for t in data)
        trainer = Trainer(model, data, config=TrainConfig(batch=BATCH, **settings))
        if name == "fast" and not isinstance(trainer.way, Fast):
            continue
        X, Y = (t[:BATCH] for t in data)

        step = partial(take, trainer, X, Y, 1e-3)
        if trainer.compiled:
            before = spent()
            step()
            took = spent() - before
            if trainer.compiled.why:
                sys.exit(f"compiled.py: nothing is compiled: {trainer.compiled.why}")
        steps[name] = step
    return steps, took


def main():
    """Time all models, one after the other; print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument(
        "--only",
        choices=MODELS,
        action="append",
        help="these models, beside what the file holds",
    )
    parser.add_argument("--out", type=Path, help="write the measurements as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = corpus("names")
    if args.out and not args.only:
        args.out.unlink(missing_ok=True)
    for name in args.only or MODELS:
        steps, took = contestants(MODELS[name], names)
        seconds = median_seconds(steps, args.rounds, clock=time.process_time)
        found = {name: {"seconds": seconds, "compiling": round(took, 1)}}
        told = ", ".join(f"{way} {1e6 * s:,.0f} us" for way, s in seconds.items())
        print(f"{name}: {told}; compiled in {took:.0f} s", flush=True)
        if args.out and args.out.exists():
            found = json.loads(args.out.read_text(encoding="utf8"))["models"] | found
        record = {
            "label": "compiled steps",
            "batch": BATCH,
            "models": found,
            **made(),
            "command": "make bench",
        }
        if args.out:
            args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

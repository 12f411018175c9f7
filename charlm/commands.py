"""What each command of the command line does. Returns an exit code."""

import json
import math
import sys
from argparse import Namespace
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from . import checkpoint, ledger
from .config import TrainConfig
from .corpus import PARTS, corpus
from .fetch import SOURCES, describe, locate
from .grading import EXIT_CODES, grade_file, report
from .models import build
from .parallel import World
from .sample import beam, nll
from .sample import sample as draw
from .timing import step_times
from .train import Trainer
from .watch import Bar, Keeper

SHAPE = "block n_embd n_hidden n_layer n_head levels dropout positions".split()


def say(args: Namespace, found: dict[str, Any], *lines: str) -> None:
    """Print for machines or for people."""
    print(json.dumps(found) if args.json else "\n".join(lines))


def _settings(args: Namespace) -> TrainConfig:
    names = {f.name for f in fields(TrainConfig)}
    given = {k: v for k, v in vars(args).items() if k in names and v is not None}
    return TrainConfig(**given)


def train(args: Namespace) -> int:
    """Train, or go on training."""
    out = Path(args.out)
    data = corpus(args.data, args.text)
    if args.resume:
        found = checkpoint.read(out)
        if found.head["finished"]:
            raise ValueError(
                f"{out}: this run is finished; sample from it, or begin another with "
                "--overwrite or --out"
            )
        kind, options = found.head["model"], found.head["options"]
    else:
        if out.exists() and not args.overwrite:
            raise ValueError(
                f"{out}: exists already; go on with --resume, replace it with "
                "--overwrite, or choose another place with --out"
            )
        kind = args.model
        given = {name: getattr(args, name) for name in SHAPE}
        options = {k: v for k, v in given.items() if v is not None}
    if args.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no graphics processor here")
    world = World(args.device)
    keeper = Keeper(args, data, kind, options)
    # every process may be asked to stop, but only the first one writes and shows
    callbacks = (Bar(args.json or not world.first), keeper)
    where: dict[str, Any] = {"device": args.device, "world": world}
    if args.resume:
        trainer = found.trainer(data, callbacks, **where)
    else:
        config = _settings(args)
        generator = torch.Generator().manual_seed(config.seed)
        model = build(kind, len(data.vocab), generator, **options)
        rows, dev = (data.encode(model, part) for part in ("train", "dev"))
        trainer = Trainer(model, rows, dev, config, callbacks, **where)
        keeper.save(trainer)  # a place that cannot be written is found now
    result = trainer.run()
    keeper.save(trainer, finished=True)
    world.close()
    if not world.first:
        return 0
    if args.plot:
        from .plots import loss_curve  # matplotlib is slow to load

        loss_curve(result.losses, result.dev, args.plot)
    size = trainer.flat.p.numel()
    say(
        args,
        {
            "file": str(out),
            "model": kind,
            "parameters": size,
            "steps": result.steps,
            "dev": result.best,
            "seconds": round(result.seconds, 2),
        },
        f"{kind}, {size:,} parameters, {result.steps} steps in {result.seconds:.1f} s: "
        f"dev loss {result.best:.4f} nats per character",
        f"The model is in {out}. Draw from it: charlm sample"
        + ("" if args.out == "charlm-model.safetensors" else f" {out}"),
    )
    return 0


def sample(args: Namespace) -> int:
    """Draw names or text."""
    found = checkpoint.read(args.file)
    if args.count < 1:
        raise ValueError(f"count is {args.count}; draw at least 1")
    model, vocab = found.model(), found.vocab
    if args.beam is not None:
        if args.beam < 1:
            raise ValueError(f"beam is {args.beam}; keep at least 1 beginning")
        best = beam(model, vocab, args.beam, args.longest, args.prefix)[: args.count]
        likely = [{"text": text, "nats": round(-score, 4)} for text, score in best]
        lines = [f"{entry['text']:20s} {entry['nats']:.2f} nats" for entry in likely]
        say(args, {"likeliest": likely}, *lines)
        return 0
    g = torch.Generator().manual_seed(args.seed)
    settings = args.longest, args.prefix, args.temperature, args.top_k, args.top_p
    texts = draw(model, vocab, args.count, g, *settings)
    known = _known(found)
    fresh = None if known is None else sum(text not in known for text in texts)
    share = "" if fresh is None else f"{fresh} of {len(texts)} are not in the data"
    say(args, {"samples": texts, "new": fresh}, *texts)
    if share and not args.json:
        print(share, file=sys.stderr)
    return 0


def _known(found: checkpoint.Checkpoint) -> set[str] | None:
    """The items that the model was trained on, if they are at hand."""
    head = found.head["data"]
    if head["running"]:
        return None
    try:
        data = corpus(head["source"])
    except ValueError:
        return None
    return set().union(*data.parts.values()) if data.digest == head["sha256"] else None


def eval(args: Namespace) -> int:
    """Losses of all parts, or the probability of given texts."""
    found = checkpoint.read(args.file)
    model, vocab = found.model(), found.vocab
    if args.name:
        return _probabilities(args, model, vocab)
    head = found.head["data"]
    data = corpus(head["source"], head["running"])
    if data.digest != head["sha256"]:
        raise ValueError(
            f"{args.file}: was trained on other data than {head['source']} holds now; "
            "measure it with the data of its training"
        )
    measured = {part: nll(model, *data.encode(model, part)) for part in PARTS}
    rows = [
        f"{part:6s} {loss:.4f} nats  {loss / math.log(2):.4f} bits  "
        f"perplexity {math.exp(loss):.3f}"
        for part, loss in measured.items()
    ]
    say(args, {"nats": measured}, "per character:", *rows)
    return 0


def _probabilities(args: Namespace, model: Any, vocab: Any) -> int:
    from .sample import encode

    entries = []
    for name in args.name:
        X, Y = encode(model, [name], vocab)
        count = int((Y >= 0).sum())
        nats = nll(model, X, Y) * count
        entries.append({"name": name, "nats": nats, "probability": math.exp(-nats)})
    lines = [
        f"{e['name']:20s} {e['nats']:7.3f} nats  probability {e['probability']:.3g}"
        for e in entries
    ]
    say(args, {"names": entries}, *lines)
    return 0


def check(args: Namespace) -> int:
    """Judge gradients."""
    if args.target and ":" in args.target:
        try:
            found = grade_file(args.target, args.seconds)
        except ValueError as error:
            if args.json:  # a machine is told as well
                refused = {"status": "refused", "problem": str(error)}
                print(json.dumps({"target": args.target, **refused}))
            raise
        say(args, {"target": args.target, **found}, *report(found))
        return EXIT_CODES[found["status"]]
    rows = [ledger.check(args.target)] if args.target else ledger.rows()
    for row in rows:
        shown = (
            f"{e:8.0e}" if e is not None else "       -" for e in row.errors.values()
        )
        if not args.json:
            mark = "ok  " if row.ok else "FAIL"
            print(f"{mark} {row.pair:20s} {row.cases:4d} runs {' '.join(shown)}")
    bad = [row.problem for row in rows if not row.ok]
    errors = {row.pair: row.errors for row in rows}
    last = bad or ["columns: relative error against " + ", ".join(rows[0].errors)]
    say(args, {"errors": errors, "problems": bad}, *last)
    return 1 if bad else 0


def bench(args: Namespace) -> int:
    """Time a training step."""
    if args.rounds < 1:
        raise ValueError(f"rounds is {args.rounds}; time at least 1")
    torch.set_num_threads(1)
    found = step_times(args.model, corpus(args.data), args.batch, args.rounds)
    base = found["plain"]
    lines = [
        f"{name:16s} {1e6 * seconds:10.0f} us  {base / seconds:6.2f} x"
        for name, seconds in found.items()
    ]
    title = f"{args.model}, a minibatch of {args.batch}, one thread:"
    say(args, {"seconds": found}, title, *lines)
    return 0


def data(args: Namespace) -> int:
    """List, fetch and describe data sets."""
    if args.action == "list":
        listed = {name: s.about for name, s in SOURCES.items()}
        say(args, listed, *(f"{name:16s} {about}" for name, about in listed.items()))
        return 0
    if not args.source:
        raise ValueError(f"data {args.action}: of what? Name a data set or a file")
    path = locate(args.source)
    if args.action == "fetch":
        say(args, {"path": str(path)}, str(path))
        return 0
    from .data import load, load_text

    running = args.source == "tinyshakespeare"
    if running:
        text = load_text(args.source)
        rows = [("characters", f"{len(text):,}"), ("symbols", f"{len(set(text))}")]
    else:
        rows = [(str(a), str(b)) for a, b in describe(load(args.source)).rows()]
    say(args, dict(rows), *(f"{name:28s} {value}" for name, value in rows))
    return 0

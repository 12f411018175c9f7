"""``charlm train``."""

import os
from argparse import Namespace
from dataclasses import fields
from typing import Any

from ..data import corpus
from ..train import (
    Job,
    Place,
    TrainConfig,
    World,
    check_device,
    checkpoint,
    claim,
    launch,
    new,
    resumed,
)
from ..train.opening import by_frequency
from ..train.watch import Log
from . import paths
from .arguments import FILE
from .output import say
from .source import corpus_of

SHAPE = "block n_embd n_hidden n_layer n_head levels dropout positions".split()
SHAPE += ["attention", "truncate", "reset", "forget", "momentum"]
SETTINGS = [f.name for f in fields(TrainConfig)]
DATA = "data text boundary nfc".split()
LENGTH = "epochs steps".split()


def run(args: Namespace) -> int:
    """Train, tune on, or go on training."""
    args.out = FILE if args.out is None else args.out
    given = {
        name: value
        for name, value in vars(args).items()
        if value is not None and value is not False
    }
    check_device(args.device)
    every = given.get("save_every", 30.0)
    if not every >= 0:
        raise ValueError(f"--save-every is {every}; give seconds, 0 or more")
    paths.check(args)
    job, place = _resumed(args, given) if args.resume else _new(args, given)
    logs = []
    if args.log:
        if not args.resume and os.path.exists(args.log) and not args.overwrite:
            raise ValueError(
                f"{args.log}: exists already; replace it with --overwrite, or choose "
                "another place with --log"
            )
        if job.trainer.world.first:
            if not args.resume and os.path.exists(args.log):
                os.truncate(args.log, 0)
            logs = [Log(args.log, job.data.vocab, job.data.running)]
    launch(job, place, every, args.json, logs)
    return _report(args, job) if job.trainer.world.first else 0


def _new(args: Namespace, given: dict[str, Any]) -> tuple[Job, Place]:
    place = claim(args.out, args.overwrite)
    options = {name: given[name] for name in SHAPE if name in given}
    settings = {name: given[name] for name in SETTINGS if name in given}
    if "steps" in given and "epochs" in given:
        raise ValueError("--steps and --epochs: both say how long; give one of them")
    start, vocab = None, None
    if args.start is not None:
        wrong = ["--" + n.replace("_", "-") for n in ["model", *SHAPE] if n in given]
        wrong += ["--" + n for n in ("text", "boundary") if n in given]
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}: {args.start} says what its model is; leave "
                "them out beside --from"
            )
        start = checkpoint.read(args.start)
        args.text = start.head["data"]["running"]
        args.nfc = args.nfc or start.head["data"]["compose"]
        vocab = start.vocab
    TrainConfig(**settings)
    source = "names" if args.data is None else args.data
    data = corpus(source, args.text, 42, args.boundary, args.nfc, vocab)
    kind, world = given.get("model", "mlp"), World(args.device)
    return new(data, kind, options, settings, start, args.device, world), place


def _resumed(args: Namespace, given: dict[str, Any]) -> tuple[Job, Place]:
    wrong = [n for n in ["model", *SHAPE, *SETTINGS, "start"] if n in given]
    wrong = [n for n in wrong if n not in LENGTH] + [n for n in DATA[1:] if n in given]
    wrong += ["overwrite"] if args.overwrite else []
    if wrong:
        options = ", ".join(
            "--" + {"start": "from"}.get(n, n).replace("_", "-") for n in wrong
        )
        raise ValueError(
            f"{options}: a run that goes on keeps its own; beside --resume only "
            "--epochs or --steps change it"
        )
    found = checkpoint.read(args.out)
    data = corpus_of(found, args.data, "go on")
    more = {name: given[name] for name in LENGTH if name in given}
    world = World(args.device)
    place = Place(args.out, going_on=True, older=found.head["older"])
    return resumed(found, data, more, args.device, world), place


def _report(args: Namespace, job: Job) -> int:
    trainer = job.trainer
    result, size = trainer.result, trainer.flat.p.numel()
    if args.plot:
        from ..plots import loss_curve  # matplotlib is slow to load

        loss_curve(result.losses, result.dev, args.plot)
    early = f" of {trainer.total:,}" if result.steps < trainer.total else ""
    measured = bool(result.dev)
    loss = (
        f"dev loss {result.best:.4f} nats per character" if measured else "unmeasured"
    )
    notes = []
    if measured and result.best >= (guessed := by_frequency(trainer)):
        notes = [
            f"note: guessing symbols by their frequency gives {guessed:.4f}, so this "
            "model has learnt little that holds for other data; give it more data, a "
            "smaller model or --lr"
        ]
    say(
        args,
        {
            "file": args.out,
            "model": job.kind,
            "parameters": size,
            "steps": result.steps,
            "dev": result.best,
            "seconds": round(result.seconds, 2),
        },
        f"{job.kind}, {size:,} parameters, {result.steps:,}{early} steps in "
        f"{result.seconds:.1f} s: {loss}",
        f"The model is in {args.out}. Draw from it: charlm sample"
        + ("" if args.out == FILE else f" {args.out}"),
        *notes,
    )
    return 0

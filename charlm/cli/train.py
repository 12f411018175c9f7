"""``charlm train``."""

from argparse import Namespace
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ..models import build
from ..train import TrainConfig, Trainer, World, checkpoint, corpus
from ..train.watch import Bar, Keeper
from .output import say

SHAPE = "block n_embd n_hidden n_layer n_head levels dropout positions".split()


def run(args: Namespace) -> int:
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
        from ..plots import loss_curve  # matplotlib is slow to load

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


def _settings(args: Namespace) -> TrainConfig:
    names = {f.name for f in fields(TrainConfig)}
    given = {k: v for k, v in vars(args).items() if k in names and v is not None}
    return TrainConfig(**given)

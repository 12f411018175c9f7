"""``charlm train``."""

from argparse import Namespace
from dataclasses import fields

from ..train import TrainConfig, launch
from .output import say

SHAPE = "block n_embd n_hidden n_layer n_head levels dropout positions".split()
SHAPE += ["truncate", "reset", "forget"]
SETTINGS = [f.name for f in fields(TrainConfig)]


def run(args: Namespace) -> int:
    """Train, or go on training."""
    given = {name: value for name, value in vars(args).items() if value is not None}
    kind, trainer = launch(
        args.out,
        args.data,
        args.text,
        args.model,
        {name: given[name] for name in SHAPE if name in given},
        TrainConfig(**{name: given[name] for name in SETTINGS if name in given}),
        resume=args.resume,
        overwrite=args.overwrite,
        every=args.save_every,
        quiet=args.json,
        device=args.device,
    )
    if not trainer.world.first:
        return 0
    result, size = trainer.result, trainer.flat.p.numel()
    if args.plot:
        from ..plots import loss_curve  # matplotlib is slow to load

        loss_curve(result.losses, result.dev, args.plot)
    say(
        args,
        {
            "file": args.out,
            "model": kind,
            "parameters": size,
            "steps": result.steps,
            "dev": result.best,
            "seconds": round(result.seconds, 2),
        },
        f"{kind}, {size:,} parameters, {result.steps} steps in {result.seconds:.1f} s: "
        f"dev loss {result.best:.4f} nats per character",
        f"The model is in {args.out}. Draw from it: charlm sample"
        + ("" if args.out == "charlm-model.safetensors" else f" {args.out}"),
    )
    return 0

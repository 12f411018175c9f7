"""``charlm export``."""

import os
from argparse import Namespace

from ..train import checkpoint
from ..train.export import ENDINGS, ending_of, exported
from ..train.place import write_whole
from . import paths
from .output import say


def run(args: Namespace) -> int:
    """Write a model for another program."""
    ending = ending_of(args.out)
    if ending not in ENDINGS:
        raise ValueError(
            f"{args.out}: choose a name that ends in {' or '.join(ENDINGS)}"
        )
    paths.check(args)
    if os.path.exists(args.out) and not args.overwrite:
        raise ValueError(
            f"{args.out}: exists already; replace it with --overwrite, or choose "
            "another place with --out"
        )
    found = checkpoint.read(args.file)
    write_whole(args.out, exported(found, ending))
    names = list(found.parameters)
    said = {"file": args.out, "parameters": names}
    how = f"python {args.out}" if ending == ".py" else f"{len(names)} tensors by name"
    say(args, said, f"{args.out}: {how}")
    return 0

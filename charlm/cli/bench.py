"""``charlm bench``."""

from argparse import Namespace

import torch

from ..data import corpus
from ..train.timing import step_times
from .output import say


def run(args: Namespace) -> int:
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

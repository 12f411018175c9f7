"""``charlm sample``."""

import sys
from argparse import Namespace

import torch

from ..data import corpus
from ..sample import beam
from ..sample import sample as draw
from ..train import checkpoint
from .output import say


def run(args: Namespace) -> int:
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

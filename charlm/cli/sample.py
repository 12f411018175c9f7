"""``charlm sample``."""

import sys
from argparse import Namespace
from collections.abc import Iterator

import torch

from ..sample import beam, stream
from ..sample import sample as draw
from ..train import checkpoint, on
from .output import printable, say, tell
from .source import corpus_of

LIST, TEXT = 40, 500  # symbols drawn
MOST = 1_000_000  # symbols drawn together
SEEDS = 2**63


def run(args: Namespace) -> int:
    """Draw names or text."""
    found = checkpoint.read(args.file)
    running = found.head["data"]["running"]
    limits = [("count", args.count, "draw"), ("longest", args.longest, "draw")]
    limits += [("beam", args.beam, "keep")]
    for name, value, verb in limits:
        if value is not None and not 1 <= value <= MOST:
            raise ValueError(f"{name} is {value}; {verb} at least 1, at most {MOST:,}")
    if not 0 <= args.seed < SEEDS:
        raise ValueError(f"seed is {args.seed}; give 0 to {SEEDS - 1}")
    if args.data is not None and running:
        raise ValueError("--data: a text is always new; leave it out")
    prefixes = _prefixes() if args.prefix == "-" else [args.prefix]
    for prefix in prefixes:
        if args.longest is not None and len(prefix) >= args.longest:
            raise ValueError(
                f"the beginning has {len(prefix)} symbols and longest is "
                f"{args.longest}, so nothing would be drawn; give a larger --longest"
            )
    longest = max(map(len, prefixes)) + (TEXT if running else LIST)
    longest = args.longest or longest
    wide = max(args.beam or 0, args.count)
    if wide * longest > MOST:
        raise ValueError(f"{wide:,} x {longest:,} symbols; draw at most {MOST:,}")
    model, vocab = on(found.model(), args.device), found.vocab
    if args.beam is not None:
        best = []
        for prefix in prefixes:
            best += beam(model, vocab, args.beam, longest, prefix, not running)[
                : args.count
            ]
        likely = [{"text": text, "nats": round(-score, 4)} for text, score in best]
        lines = [f"{entry['text']:20s} {entry['nats']:.2f} nats" for entry in likely]
        say(args, {"likeliest": likely}, *lines)
        return 0
    g = torch.Generator().manual_seed(args.seed)
    how = args.temperature, args.top_k, args.top_p
    if running and args.count == len(prefixes) == 1 and not args.json:
        _print(stream(model, vocab, g, longest, prefixes[0], *how, ends=False))
        return 0
    texts = []
    for prefix in prefixes:
        texts += draw(
            model, vocab, args.count, g, longest, prefix, *how, ends=not running
        )
    known = _known(found, args.data)
    fresh = None if known is None else sum(text not in known for text in texts)
    say(args, {"samples": texts, "new": fresh}, *texts)
    if fresh is not None and not args.json:
        tell(f"{fresh} of {len(texts)} are not in the data")
    return 0


def _print(pieces: Iterator[str]) -> None:
    """A text while it is drawn."""
    begun = False
    try:
        for piece in pieces:
            print(printable(piece), end="", flush=True)
            begun = True
    finally:  # also when the user has read enough
        if begun:
            print()


def _prefixes() -> list[str]:
    """Beginnings from standard input, one a line."""
    if sys.stdin is None:
        raise ValueError("--prefix -: standard input is closed; write the beginning")
    try:
        lines = sys.stdin.read().split("\n")
    except UnicodeDecodeError:
        raise ValueError("--prefix -: standard input is not UTF-8") from None
    lines = [line.removesuffix("\r") for line in lines]
    found = lines[:-1] if lines[-1] == "" else lines
    if not found:
        raise ValueError("--prefix -: standard input is empty; give a line for each")
    return found


def _known(found: checkpoint.Checkpoint, source: str | None) -> set[str] | None:
    """The items that the model was trained on, if they are at hand or were named."""
    if found.head["data"]["running"]:
        return None
    try:
        data = corpus_of(found, source, "compare")
    except ValueError:
        if source is not None:
            raise
        return None
    return set().union(*data.parts.values())

"""``charlm data``."""

from argparse import Namespace

from ..data import SOURCES, describe, load, load_text, locate
from .output import say


def run(args: Namespace) -> int:
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
    running = args.source == "tinyshakespeare"
    if running:
        text = load_text(args.source)
        rows = [("characters", f"{len(text):,}"), ("symbols", f"{len(set(text))}")]
    else:
        rows = [(str(a), str(b)) for a, b in describe(load(args.source)).rows()]
    say(args, dict(rows), *(f"{name:28s} {value}" for name, value in rows))
    return 0

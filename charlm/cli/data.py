"""``charlm data``."""

from argparse import Namespace

from ..data import SOURCES, composed, describe, load, load_text, locate, odd
from ..data.sources import is_running
from .output import say


def run(args: Namespace) -> int:
    """List, fetch and describe data sets."""
    if args.action == "list":
        listed = {name: s.about for name, s in SOURCES.items()}
        say(args, listed, *(f"{name:16s} {about}" for name, about in listed.items()))
        return 0
    if not args.source:
        raise ValueError(f"data {args.action}: of what? Name a data set or a file")
    if args.action == "fetch":
        path = locate(args.source)
        say(args, {"path": str(path)}, str(path))
        return 0
    join = composed if args.nfc else str
    if args.text or is_running(args.source):
        text = join(load_text(args.source))
        rows = [("characters", f"{len(text):,}"), ("symbols", f"{len(set(text))}")]
    else:
        items = [join(item) for item in load(args.source)]
        text = "\n".join(items)
        rows = [(str(a), str(b)) for a, b in describe(items).rows()]
    notes = odd(text)
    lines = [f"{name:28s} {value}" for name, value in rows]
    say(args, dict(rows) | {"notes": notes}, *lines, *(f"note: {n}" for n in notes))
    return 0

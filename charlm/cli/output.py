"""What a command says, for people or for machines."""

import json
import math
import os
import re
import sys
from argparse import Namespace
from typing import Any, TextIO

# a terminal obeys these; line ends and tabs belong to text
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""The text with what a terminal would obey spelt out, as \x1b is."""
    return OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def say(args: Namespace, found: dict[str, Any], *lines: str) -> None:
    """Print for machines or for people."""
    text = json.dumps(_finite(found)) if args.json else printable("\n".join(lines))
    print(text)


def _finite(found: Any) -> Any:
    """The same with null for what JSON has no numbers for."""
    if isinstance(found, dict):
        return {key: _finite(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def tell(text: str) -> None:
    """Say something beside the results; nothing if nobody can hear it."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        hush(sys.stderr)


def hush(stream: TextIO) -> None:
    """What is still to be written goes nowhere, so that closing cannot fail."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # no file of the system
        pass


def ready() -> None:
    """Streams that can be written to, whatever they were."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):  # letters that it cannot write are spelt
            stream.reconfigure(errors="backslashreplace")

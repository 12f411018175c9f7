"""What a command says, for people or for machines."""

import json
from argparse import Namespace
from typing import Any


def say(args: Namespace, found: dict[str, Any], *lines: str) -> None:
    """Print for machines or for people."""
    print(json.dumps(found) if args.json else "\n".join(lines))

"""Running a command."""

import sys
from collections.abc import Sequence
from importlib import import_module

from .arguments import parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = parser().parse_args(argv)
    # after the arguments: --help need not wait for torch
    from ..train import Stopped

    command = import_module(f"{__package__}.{args.command}")
    try:
        return int(command.run(args))
    except (ValueError, Stopped) as error:
        print(f"charlm: {error}", file=sys.stderr)
        return 1 if isinstance(error, Stopped) else 2
    except KeyboardInterrupt:
        print("charlm: stopped", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as head does
        sys.stderr.close()
        return 0

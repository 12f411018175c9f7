"""Running a command."""

import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from .arguments import parser
from .output import hush, ready, tell

# names of settings, which a message of the package speaks of
SETTING = re.compile(
    r"(?<![\w./-])(n_\w+|top_[kp]|token_dropout|save_every)(?![\w./-])"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    ready()
    try:
        args = parser().parse_args(argv)
        code = _run(args.command, args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        tell("charlm: stopped")
        # where an import was stopped within `exec`, `python -m` would otherwise end
        # by the signal, whatever we return; the next `exec` takes that back
        exec("")
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as head does
        hush(sys.stdout)
        return 0
    except OSError as error:
        hush(sys.stdout)
        what = error.filename or "standard output"
        tell(f"charlm: {what}: cannot be used ({error.strerror or error})")
        return 2


@contextmanager
def _hearing() -> Iterator[None]:
    """Ctrl-C counts when all is imported; asked twice, at once.

    An exception within an import ends in other errors, or in none at all.
    """
    before, asked = signal.getsignal(signal.SIGINT), []
    usual = before is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return

    def wanted(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, wanted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if asked:
            raise KeyboardInterrupt


def _run(name: str, args: object) -> int:
    with _hearing():
        # after the arguments: --help need not wait for torch
        from ..train import Stopped

        command = import_module(f"{__package__}.{name}")
    try:
        return int(command.run(args))
    except Stopped as error:
        tell(f"charlm: {error}")
        return 1
    except ValueError as error:
        tell(f"charlm: {_options(str(error))}")
        return 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        tell("charlm: not enough memory; choose a smaller batch, block or model")
        return 2


def _options(message: str) -> str:
    """Names of settings as the command line spells them; one line."""
    said = SETTING.sub(lambda m: "--" + m[0].replace("_", "-"), message)
    return " ".join(said.split("\n"))

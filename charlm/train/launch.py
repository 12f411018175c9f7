"""A whole run, from the first line that it says to a file that it is kept in."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import checkpoint
from .config import Progress
from .job import Job
from .keeper import Keeper
from .opening import opening
from .place import Place, writable
from .timing import rehearse
from .trainer import Trainer
from .watch import watcher

Callback = Callable[[Trainer, Progress], None]


def claim(path: str | Path, overwrite: bool = False) -> Place:
    """The place of a new run.

    Raises:
        ValueError: it is taken, and not to be overwritten, or by a file not of ours; it
            cannot be written.
    """
    if not (overwrite and os.path.exists(path)):
        return Place(path)
    writable(path)
    head = checkpoint.peek(path)
    older = head.get("older")
    if head.get("finished") is not False or type(older) is not int or older > 10_000:
        older = 0
    return Place(path, replace=True, older=older)


def launch(
    job: Job,
    place: Place,
    every: float = 30.0,
    quiet: bool = False,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train to the end and keep the result; ``job.trainer`` has it afterwards.

    Args:
        job: what is to be trained.
        place: of the file.
        every: seconds between two saves.
        quiet: say and show nothing.
        callbacks: called after every step, in the first process.

    Raises:
        ValueError: the run cannot go on; what it would have replaced is as it was.
        Stopped: the user stopped the run, which is saved.
    """
    trainer, first = job.trainer, job.trainer.world.first
    keeper = Keeper(place, job, every)
    quiet = quiet or not first
    if trainer.config.compile and not quiet:
        print("compiling the step, which takes a while", file=sys.stderr, flush=True)
    seconds = rehearse(trainer)
    if not quiet:
        print("\n".join(opening(job, seconds)), file=sys.stderr)
    show = watcher(quiet)
    # every process may be asked to stop, but only the first one writes and shows
    trainer.callbacks = (show, *(callbacks if first else ()), keeper)
    with keeper:
        try:
            trainer.run()
            keeper.save(trainer, finished=True)
        except (ValueError, RuntimeError, MemoryError) as error:
            if first and place.undo():
                raise ValueError(f"{error}; {place.path} is as it was") from error
            raise
        finally:
            show.close()
    if first:
        place.finish()
    trainer.world.close()

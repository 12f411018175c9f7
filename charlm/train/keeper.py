"""Saving a run while it goes on, and at once when the user wants to stop."""

import signal
import time
from types import FrameType
from typing import Any

from . import checkpoint
from .config import Progress
from .job import Job
from .place import Place
from .trainer import Trainer


class Stopped(Exception):
    """The user stopped a run; what it had is saved."""


class Keeper:
    """Saves a run now and then, and at once when the user wants to stop.

    Used as ``with keeper:``, after which signals mean again what they meant before.

    Args:
        place: of the file.
        job: what is trained.
        every: seconds between two saves.
    """

    def __init__(self, place: Place, job: Job, every: float) -> None:
        self.place, self.job = place, job
        self.every, self.saved, self.stop = every, time.monotonic(), False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Keeper":
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # nohup and a shell's background jobs ignore some: so do we
            if number is None or signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self.before[number] = signal.signal(number, self._wanted)
            except ValueError:  # not the main thread: nobody can ask
                return self
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _wanted(self, number: int, frame: FrameType | None) -> None:
        if self.stop:  # asked twice: at once
            raise KeyboardInterrupt
        self.stop = True  # between two steps, not within one

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        if self.stop or time.monotonic() - self.saved >= self.every:
            self.save(trainer)
        if self.stop:
            raise Stopped(self._said(progress, trainer.world.first))

    def _said(self, progress: Progress, first: bool) -> str:
        said = f"stopped after step {progress.step} of {progress.total}; "
        path = self.place.path
        if first and not self.place.mine:
            return said + f"nothing was measured yet, so {path} is as it was"
        said += f"the run is in {path}: go on with --resume"
        if self.place.kept:
            said += f"; what it replaces is in {self.place.older} until it has finished"
        return said

    def save(self, trainer: Trainer, finished: bool = False) -> None:
        """Write the checkpoint now.

        A run that replaces another is not written before it has measured something.
        """
        if not trainer.world.first:
            return
        measured = bool(trainer.result.dev) or not trainer.config.evals
        if self.place.replaces and not measured and not finished:
            return
        job, older = self.job, 0 if finished else self.place.number
        self.place.write(
            checkpoint.content(
                trainer, job.data, job.kind, job.options, finished, older
            )
        )
        self.saved = time.monotonic()

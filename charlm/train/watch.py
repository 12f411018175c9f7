"""What watches a run: a progress bar, and saving."""

import math
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from ..data import Corpus
from . import checkpoint
from .config import Progress
from .trainer import Trainer


class Stopped(Exception):
    """The user stopped a run; what it had is saved."""


class Keeper:
    """Saves a run now and then, and at once when the user wants to stop."""

    def __init__(
        self,
        out: Path,
        every: float,
        data: Corpus,
        model: str,
        options: dict[str, Any],
    ) -> None:
        self.place = out, data, model, options
        self.every, self.saved, self.stop = every, time.monotonic(), False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._wanted)

    def _wanted(self, number: int, frame: FrameType | None) -> None:
        if self.stop:  # asked twice: at once
            raise KeyboardInterrupt
        self.stop = True  # between two steps, not within one

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        if self.stop or time.monotonic() - self.saved >= self.every:
            self.save(trainer)
        if self.stop:
            raise Stopped(
                f"stopped after step {progress.step} of {progress.total}; the run is "
                f"in {self.place[0]}: go on with --resume"
            )

    def save(self, trainer: Trainer, finished: bool = False) -> None:
        """Write the checkpoint now."""
        path, data, model, options = self.place
        if not trainer.world.first:
            return
        checkpoint.store(path, trainer, data, model, options, finished)
        self.saved = time.monotonic()


class Bar:
    """A progress bar with the loss; silent when nobody is looking."""

    def __init__(self, quiet: bool) -> None:
        self.bar: Any = None
        self.disable = True if quiet else None  # None: tqdm asks for a terminal

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        if self.bar is None:
            self.bar = tqdm(
                total=progress.total,
                initial=progress.step - 1,
                unit="step",
                disable=self.disable,
            )
        self.bar.update()
        if progress.measured or progress.step % 10 == 0:
            shown = f"loss {progress.loss:.3f}"
            if not math.isnan(progress.dev):
                shown += f", dev {progress.dev:.4f}"
            self.bar.set_postfix_str(shown, refresh=False)
        if progress.step == progress.total:
            self.bar.close()

"""What watches a run: a progress bar, lines where there is no terminal, a log."""

import csv
import math
import sys
from pathlib import Path
from typing import Any, Protocol

from torch import Generator
from tqdm import tqdm

from ..data import Vocab
from ..sample import sample
from .config import Progress
from .device import on
from .trainer import Trainer

COLUMNS = ("step", "seconds", "loss", "dev", "lr", "sample")


class Watcher(Protocol):
    """Called after every step, closed at the end."""

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""

    def close(self) -> None:
        """Nothing more will come."""


def watcher(quiet: bool) -> Watcher:
    """A bar on a terminal, lines elsewhere, nothing for those who want that."""
    if quiet:
        return Silence()
    return Bar() if sys.stderr.isatty() else Lines()


class Silence:
    """Shows nothing."""

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line for a measurement, at most one a second."""

    def __init__(self) -> None:
        self.said = -1.0

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        last = progress.step == progress.total
        if progress.measured and (last or progress.seconds - self.said >= 1):
            self.said = progress.seconds
            print(
                f"step {progress.step} of {progress.total}: loss {progress.loss:.3f}, "
                f"dev {progress.dev:.4f}, {progress.seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """Every line stands already."""


class Bar:
    """A progress bar with the loss."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        if self.bar is None:
            begun = progress.step - 1
            self.bar = tqdm(total=progress.total, initial=begun, unit="step")
        self.bar.update()
        if progress.measured or progress.step % 10 == 0:
            shown = f"loss {progress.loss:.3f}"
            if not math.isnan(progress.dev):
                shown += f", dev {progress.dev:.4f}"
            self.bar.set_postfix_str(shown, refresh=False)

    def close(self) -> None:
        """What is said next begins on a line of its own."""
        if self.bar is not None:
            self.bar.close()


class Log:
    """A table of a run as CSV: a row, with a drawn sample, for every measurement.

    Args:
        path: of the file, which is begun with a head if it is new or empty.
        vocab: of the model.
        running: samples are running text, not items.
    """

    def __init__(self, path: str | Path, vocab: Vocab, running: bool) -> None:
        self.path, self.vocab, self.running = Path(path), vocab, running
        self.seen, self.broken = 0, False
        if not self.path.exists() or self.path.stat().st_size == 0:
            self._write(COLUMNS)

    def __call__(self, trainer: Trainer, progress: Progress) -> None:
        """After every step."""
        if not progress.measured:
            return
        since = trainer.result.losses[self.seen :]
        self.seen = len(trainer.result.losses)
        g = Generator().manual_seed(progress.step)
        model = on(trainer.model, trainer.device)
        longest = 200 if self.running else 40
        (drawn,) = sample(model, self.vocab, 1, g, longest, ends=not self.running)
        shown = (f"{progress.seconds:.2f}", f"{sum(since) / max(1, len(since)):.4f}")
        dev, lr = f"{progress.dev:.4f}", f"{progress.lr:.3g}"
        self._write((progress.step, *shown, dev, lr, drawn))

    def _write(self, row: tuple[Any, ...]) -> None:
        if self.broken:
            return
        try:
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)
        except OSError as error:  # the run is worth more than its log
            self.broken = True
            why = error.strerror or error
            print(f"note: {self.path}: the log ends here ({why})", file=sys.stderr)

"""What is said before the first step, and of the last one."""

from ..data import PARTS
from .job import Job
from .trainer import Trainer


def opening(job: Job, seconds: float) -> list[str]:
    """What is known before the first step: model, data, run, and why it is so.

    Args:
        job: what is to be trained.
        seconds: that a step takes.
    """
    trainer, data = job.trainer, job.data
    config, shown = trainer.config, [f"--{k} {v}" for k, v in job.options.items()]
    model = f"{job.kind}, {trainer.flat.p.numel():,} parameters"
    sizes = [sum(map(len, data.parts[part])) for part in PARTS]
    counts = sizes if data.running else [len(data.parts[part]) for part in PARTS]
    what = "characters" if data.running else f"items, {sum(sizes):,} characters"
    shares = ", ".join(f"{n:,} {part}" for n, part in zip(counts, PARTS, strict=True))
    left = trainer.total - trainer.result.steps
    rows = float(left * config.batch)
    if trainer.dev and trainer.every:  # measured forward only, a third of the work
        rows += len(trainer.dev[0]) * (left // trainer.every) / 3
    time = duration(rows / config.batch * seconds)
    lines = [
        "model: "
        + (f"{model} ({' '.join(shown).replace('_', '-')})" if shown else model),
        f"data: {data.source}, {sum(counts):,} {what}, {len(data.vocab)} symbols; "
        + shares,
        f"run: {left:,} steps of {config.batch} rows, about {time}"
        + (
            f", or until {config.patience} of {config.evals} measurements in a row "
            "bring no gain"
            if config.patience
            else ""
        ),
    ]
    if trainer.config.compile and (why := getattr(trainer.way, "why", "")):
        lines.append(f"note: the steps are not compiled, as PyTorch cannot: {why}")
    return lines + [f"note: {line}" for line in job.reasons]


def by_frequency(trainer: Trainer) -> float:
    """Dev loss of guessing by frequency, in nats: below it a model has learnt more.

    Frequencies are those of the training targets, each symbol counted once more.
    """
    assert trainer.dev is not None
    train, dev = (Y[Y >= 0].cpu() for _, Y in (trainer.train, trainer.dev))
    counts = train.bincount(minlength=int(dev.max()) + 1).double() + 1  # (V)
    return float((counts.sum().log() - counts[dev].log()).mean())


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"

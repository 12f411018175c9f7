"""A whole run: data, model, training, and a file that it is kept in."""

from pathlib import Path
from typing import Any

import torch

from ..data import corpus
from ..models import build
from . import checkpoint
from .config import TrainConfig
from .parallel import World
from .trainer import Trainer
from .watch import Bar, Keeper


def launch(
    out: str | Path,
    source: str | Path,
    running: bool,
    kind: str,
    options: dict[str, Any],
    config: TrainConfig,
    resume: bool = False,
    overwrite: bool = False,
    every: float = 30.0,
    quiet: bool = False,
    device: str = "cpu",
) -> tuple[str, Trainer]:
    """Train a model to the end, or go on with a run that was stopped.

    Args:
        out: file of the checkpoint.
        source: of the data, as in :func:`charlm.data.corpus`, as is ``running``.
        running: the file is running text, not a list.
        kind: a name from :data:`charlm.models.KINDS`.
        options: what the model is made with.
        config: the settings of the run.
        resume: go on with the run in ``out``, with its own model and settings.
        overwrite: replace a run in ``out``.
        every: seconds between two saves.
        quiet: show no progress.
        device: "cpu" or "cuda".

    Returns:
        The kind of the model, and its trainer, which has the result.

    Raises:
        ValueError: the data, the file, the model or the settings cannot be used.
        Stopped: the user stopped the run, which is saved.
    """
    out = Path(out)
    if not resume and not overwrite and out.exists():
        raise ValueError(
            f"{out}: exists already; go on with --resume, replace it with "
            "--overwrite, or choose another place with --out"
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no graphics processor here")
    found = checkpoint.read(out) if resume else None
    if found:
        if found.head["finished"]:
            raise ValueError(
                f"{out}: this run is finished; sample from it, or begin another with "
                "--overwrite or --out"
            )
        kind, options = found.head["model"], found.head["options"]
    world = World(device)
    data = corpus(source, running)
    if found:
        trainer = found.trainer(data, device=device, world=world)
    else:
        generator = torch.Generator().manual_seed(config.seed)
        model = build(kind, len(data.vocab), generator, **options)
        train, dev = data.encode(model, "train"), data.encode(model, "dev")
        trainer = Trainer(model, train, dev, config, device=device, world=world)
    keeper = Keeper(out, every, data, kind, options)
    # every process may be asked to stop, but only the first one writes and shows
    trainer.callbacks = (Bar(quiet or not world.first), keeper)
    keeper.save(trainer)  # a place that cannot be written is found now
    trainer.run()
    keeper.save(trainer, finished=True)
    world.close()
    return kind, trainer

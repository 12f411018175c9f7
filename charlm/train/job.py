"""What is to be trained: data, model, settings; new, tuned on, or gone on with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..data import Corpus, odd
from ..models import build
from .checkpoint import Checkpoint
from .config import TrainModel
from .parallel import World
from .plan import plan, schedule_run
from .trainer import Trainer


@dataclass
class Job:
    """A run before it begins.

    Attributes:
        data: to be trained on.
        kind: a name from :data:`charlm.models.KINDS`.
        options: what the model was made with.
        trainer: ready to run.
        reasons: one sentence for each choice that the data made, and for what is odd in
            them.
    """

    data: Corpus
    kind: str
    options: dict[str, Any]
    trainer: Trainer
    reasons: Sequence[str] = ()


def new(
    data: Corpus,
    kind: str,
    options: dict[str, Any],
    settings: dict[str, Any],
    start: Checkpoint | None = None,
    device: str = "cpu",
    world: World | None = None,
) -> Job:
    """A run from the first step.

    Args:
        data: to be trained on.
        kind: a name from :data:`charlm.models.KINDS`.
        options: of the model, as far as given; the data choose the rest.
        settings: of the run, as far as given; the data choose its length.
        start: a trained model to begin with, instead of drawn parameters.
        device: where to compute.
        world: the processes that share the run.

    Raises:
        ValueError: data, model and settings do not go together.
    """
    if start:
        kind, options = start.head["model"], start.head["options"]
    found = plan(data, kind, options, settings, trained=start is not None)
    model: TrainModel
    if start:
        model = start.model()
    else:
        g = torch.Generator().manual_seed(found.config.seed)
        model = build(kind, len(data.vocab), g, **found.options)
    train, dev = data.encode(model, "train"), data.encode(model, "dev")
    found = schedule_run(found, settings, len(train[0]))
    trainer = Trainer(model, train, dev, found.config, (), device, world)
    reasons = [*found.reasons, *(odd(data.text) if data.source else [])]
    return Job(data, kind, found.options, trainer, reasons)


def resumed(
    found: Checkpoint,
    data: Corpus,
    more: dict[str, Any],
    device: str = "cpu",
    world: World | None = None,
) -> Job:
    """A run that was stopped, or has finished and gets more ``epochs`` or ``steps``.

    Raises:
        ValueError: the run has finished and there is no more to do; other data.
    """
    head = found.head
    steps = head["run"]["steps"]
    if "epochs" in more:
        more = {"steps": None} | more
    trainer = found.trainer(data, more=more, device=device, world=world)
    if head["finished"] and trainer.total <= steps:
        raise ValueError(
            f"{found.path}: this run is finished after {steps} steps; give it more "
            "--epochs or --steps, sample from it, or begin another with --overwrite or "
            "--out"
        )
    return Job(data, head["model"], head["options"], trainer)

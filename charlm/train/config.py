"""The settings of a training run, and its record."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Protocol

import torch
from torch import Tensor

from ..models.options import refuse_odd
from ..sample import TextModel
from .optim import OPTIMISERS
from .plain import Model
from .schedule import SCHEDULES

MOST = 1_000_000_000  # steps
HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
PRECISIONS = {"float32": torch.float32, **HALVES}


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; a run is a function of these, the data and the first weights.

    Attributes:
        epochs: how often every item is seen, if ``steps`` is not given.
        steps: how many minibatches, instead of ``epochs``.
        batch: rows of a minibatch.
        lr: the largest learning rate.
        optimiser: a name from :data:`charlm.train.optim.OPTIMISERS`.
        decay: weight decay of matrices.
        schedule: a name from :data:`charlm.train.schedule.SCHEDULES`.
        warmup: share of the run over which the learning rate rises.
        clip: longest gradient; 0 for no limit.
        smoothing: label smoothing.
        token_dropout: share of the symbols read that are replaced by the boundary.
        ema: weight of the past in a running average of the parameters, which is what
            is evaluated and kept; 0 for none.
        evals: how often in a run the dev loss is measured.
        patience: stop after so many measurements without a gain; 0 for never.
        keep_best: end with the parameters of the best measurement.
        accumulate: parts in which a minibatch is gone through, one after the other, to
            need less memory; the gradients are those of the whole, but each part is
            normalised with its own statistics.
        precision: "float32"; or "float16", with a scaled loss, or "bfloat16" in forward
            and backward, with the parameters kept in float32.
        compile: compile the plain step, the update included, by PyTorch's compiler; the
            same numbers up to rounding. Texts are cut to a quarter, half, three
            quarters or all of the longest, as code is made for each length; where batch
            normalisation counts what is filled up, that is in its statistics.
        fast: use the fast form of the step where the model has one; the same
            gradients up to rounding.
        seed: of minibatches and dropout.

    Raises:
        ValueError: names the setting that is out of range, and the range.
    """

    epochs: float = 10.0
    steps: int | None = None
    batch: int = 64
    lr: float = 5e-3
    optimiser: str = "adamw"
    decay: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.1
    clip: float = 0.0
    smoothing: float = 0.0
    token_dropout: float = 0.0
    ema: float = 0.0
    evals: int = 10
    patience: int = 0
    keep_best: bool = True
    accumulate: int = 1
    precision: str = "float32"
    compile: bool = False
    fast: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_odd("", asdict(self), {f.name: f.default for f in fields(self)})
        for name, known in (
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; choose one of "
                    + ", ".join(sorted(known))
                )
        if self.compile and self.precision != "float32":
            raise ValueError(
                f"compile is given with precision {self.precision!r}; what is compiled "
                "is the step in float32: leave one of them out"
            )
        counts = {"batch": 1, "steps": 1, "accumulate": 1, "evals": 0, "patience": 0}
        for name, least in counts.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; give at least {least}")
        for name, most in (("steps", MOST), ("seed", 2**31 - 1)):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise ValueError(f"{name} is {value}; give 0 to {most}")
        for name, limit in (("epochs", 1e6), ("lr", 3e38)):
            if not 0 < getattr(self, name) <= limit:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; give more than 0, at most "
                    f"{limit:g}"
                )
        for name in ("decay", "clip"):
            if not 0 <= getattr(self, name) <= 3e38:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; give 0 or more, at most 3e+38"
                )
        for name in ("warmup", "smoothing", "token_dropout", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; give at least 0, below 1"
                )


class TrainModel(Model, TextModel, Protocol):
    """What :class:`Trainer` asks of a model: to learn, to be measured and saved."""

    def statistics(self) -> list[tuple[str, Tensor]]:
        """Name and tensor of what is kept but not learnt."""


@dataclass
class Progress:
    """Where a run stands; callbacks get it after every step.

    Attributes:
        step: steps done.
        total: steps of the whole run.
        loss: of the last minibatch, in nats, before its step.
        lr: learning rate of the last step.
        length: of the last gradient, before clipping; nan when it was not measured.
        dev: the last dev loss, nan before the first.
        measured: the dev loss was measured at this step.
        seconds: since the run began or went on.
    """

    step: int = 0
    total: int = 0
    loss: float = math.nan
    lr: float = 0.0
    length: float = math.nan
    dev: float = math.nan
    measured: bool = False
    seconds: float = 0.0


@dataclass
class Result:
    """What a run gave.

    Attributes:
        losses: of every minibatch, in nats.
        dev: (step, dev loss) of every measurement.
        best: the lowest dev loss, nan without dev data.
        steps: steps done; fewer than planned if it stopped early.
        seconds: time taken.
    """

    losses: list[float] = field(default_factory=list)
    dev: list[tuple[int, float]] = field(default_factory=list)
    best: float = math.nan
    steps: int = 0
    seconds: float = 0.0

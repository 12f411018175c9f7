"""The settings of a training run."""

from dataclasses import dataclass

from .optim import OPTIMISERS
from .schedule import SCHEDULES


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; a run is a function of these, the data and the first weights.

    Attributes:
        epochs: how often every item is seen, if ``steps`` is not given.
        steps: how many minibatches, instead of ``epochs``.
        batch: rows of a minibatch.
        lr: the largest learning rate.
        optimiser: a name from :data:`charlm.optim.OPTIMISERS`.
        decay: weight decay of matrices.
        schedule: a name from :data:`charlm.schedule.SCHEDULES`.
        warmup: share of the run over which the learning rate rises.
        clip: longest gradient; 0 for no limit.
        smoothing: label smoothing.
        token_dropout: share of the symbols read that are replaced by the boundary.
        ema: weight of the past in a running average of the parameters, which is what
            is evaluated and kept; 0 for none.
        evals: how often in a run the dev loss is measured.
        patience: stop after so many measurements without a gain; 0 for never.
        keep_best: end with the parameters of the best measurement.
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
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; choose one of "
                    + ", ".join(sorted(known))
                )
        for name, least in (("batch", 1), ("steps", 1), ("evals", 0), ("patience", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; give at least {least}")
        for name in ("epochs", "lr"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give more than 0")
        for name in ("decay", "clip"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 or more")
        for name in ("warmup", "smoothing", "token_dropout", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; give at least 0, below 1"
                )

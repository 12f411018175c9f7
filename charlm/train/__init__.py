"""Training: from a model and data to a trained model, by gradients written by hand.

* ``plain``: the plainest loop; ``trainer``: any model, with the settings in ``config``;
* ``optim``, ``schedule``: how a gradient becomes a step, and how large a one;
* ``flat``: all parameters as one vector; ``fast``: the same step in less time;
* ``launch``: a whole run; ``checkpoint``: saving it and going on;
* ``parallel``: several processes; ``watch``: progress; ``timing``: times of steps;
  ``memory``: bytes alive.
"""

from . import checkpoint, optim, schedule
from .config import Progress, Result, TrainConfig, TrainModel
from .fast import Fast, has_fast_form
from .flat import Flat, Named
from .launch import launch
from .memory import peak_bytes
from .parallel import World
from .plain import Model, sgd, step
from .trainer import Trainer, fit
from .watch import Stopped

__all__ = [
    "Fast",
    "Flat",
    "Model",
    "Named",
    "Progress",
    "Result",
    "Stopped",
    "TrainConfig",
    "TrainModel",
    "Trainer",
    "World",
    "checkpoint",
    "fit",
    "has_fast_form",
    "launch",
    "optim",
    "peak_bytes",
    "schedule",
    "sgd",
    "step",
]

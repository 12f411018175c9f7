"""Training: from a model and data to a trained model, by gradients written by hand.

* ``plain``: the plainest loop; ``trainer``: any model, with the settings in ``config``;
* ``optim``, ``schedule``: how a gradient becomes a step, and how large a one;
* ``flat``: all parameters as one vector; ``fast``: the same step in less time;
* ``corpus``: a data set made ready; ``checkpoint``: saving a run and going on;
* ``parallel``: several processes; ``watch``: progress; ``timing``: times of steps.
"""

from . import checkpoint, optim, schedule
from .config import Progress, Result, TrainConfig, TrainModel
from .corpus import PARTS, Corpus, corpus
from .fast import Fast, has_fast_form
from .flat import Flat
from .parallel import World
from .plain import Model, sgd, step
from .trainer import Trainer, fit

__all__ = [
    "PARTS",
    "Corpus",
    "Fast",
    "Flat",
    "Model",
    "Progress",
    "Result",
    "TrainConfig",
    "TrainModel",
    "Trainer",
    "World",
    "checkpoint",
    "corpus",
    "fit",
    "has_fast_form",
    "optim",
    "schedule",
    "sgd",
    "step",
]

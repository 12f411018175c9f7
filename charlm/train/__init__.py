"""Training: from a model and data to a trained model, by gradients written by hand.

* ``plain``: the plainest loop; ``trainer``: any model, with the settings in ``config``;
* ``optim``, ``schedule``: how a gradient becomes a step, and how large a one;
* ``flat``: all parameters as one vector; ``fast``: the same step in less time;
* ``job``, ``plan``, ``opening``: what is to be trained, how long, and how that is said;
  ``launch``: the whole run;
* ``checkpoint``, ``header``, ``place``: saving it and going on; ``keeper``: when;
* ``parallel``, ``device``: several processes, graphics processors;
* ``watch``: progress; ``timing``, ``memory``: times of steps, bytes alive; ``export``:
  models for elsewhere.
"""

from . import checkpoint, optim, schedule
from .config import Progress, Result, TrainConfig, TrainModel
from .device import check_device, on
from .fast import Fast, has_fast_form
from .flat import Flat, Named
from .job import Job, new, resumed
from .keeper import Stopped
from .launch import claim, launch
from .memory import peak_bytes
from .parallel import World
from .place import Place
from .plain import Model, sgd, step
from .trainer import Trainer, fit

__all__ = [
    "Fast",
    "Flat",
    "Job",
    "Model",
    "Named",
    "Place",
    "Progress",
    "Result",
    "Stopped",
    "TrainConfig",
    "TrainModel",
    "Trainer",
    "World",
    "check_device",
    "checkpoint",
    "claim",
    "fit",
    "has_fast_form",
    "launch",
    "new",
    "on",
    "optim",
    "peak_bytes",
    "resumed",
    "schedule",
    "sgd",
    "step",
]

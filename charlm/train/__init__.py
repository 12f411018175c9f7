"""Training: from a model and data to a trained model, by gradients written by hand.

* ``plain``: the plainest loop; ``trainer``: any model, with the settings in ``config``;
* ``optim``, ``schedule``: how a gradient becomes a step, and how large a one;
* ``flat``: all parameters as one vector; ``fast``, ``compiled``: the same step in less
  time;
* ``job``, ``plan``, ``opening``: what is to be trained, how long, and how that is said;
  ``launch``: the whole run;
* ``checkpoint``, ``header``, ``place``: saving it and going on; ``keeper``: when;
* ``gradient``, ``scale``: of a minibatch, in 16 bits too, with a scaled loss; ``way``:
  which of them a run takes;
* ``parallel``, ``device``: in parts and several processes, graphics processors;
* ``watch``: progress; ``timing``, ``memory``: times of steps, bytes alive; ``export``:
  models for elsewhere.
"""

from . import checkpoint, optim, schedule
from .compiled import Compiled
from .config import Progress, Result, TrainConfig, TrainModel
from .device import check_device, on
from .fast import Fast, has_fast_form
from .flat import Flat, Named
from .gradient import Half, Plain
from .job import Job, new, resumed
from .keeper import Stopped
from .launch import claim, launch
from .memory import peak_bytes
from .parallel import World, mean_of, weighted
from .place import Place
from .plain import Model, sgd, step
from .scale import LossScale
from .trainer import Trainer, fit

__all__ = [
    "Compiled",
    "Fast",
    "Flat",
    "Half",
    "Job",
    "LossScale",
    "Model",
    "Named",
    "Place",
    "Plain",
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
    "mean_of",
    "new",
    "on",
    "optim",
    "peak_bytes",
    "resumed",
    "schedule",
    "sgd",
    "step",
    "weighted",
]

"""Which way a run takes to the gradient of a minibatch."""

from .compiled import Compiled
from .config import TrainConfig, TrainModel
from .fast import Fast, has_fast_form
from .flat import Flat
from .gradient import Half, Plain
from .optim import Optimiser


def way(
    model: TrainModel,
    flat: Flat,
    config: TrainConfig,
    optimiser: Optimiser,
    device: str = "cpu",
) -> Plain | Half | Fast | Compiled:
    """The way that fits a model, the settings of a run and a device."""
    if config.precision != "float32":
        return Half(model, flat, config.smoothing, config.precision)
    if config.compile:
        return Compiled(model, flat, config, optimiser)
    usable = has_fast_form(model) and device == "cpu" and not config.smoothing
    if config.fast and usable:
        return Fast(model, flat)
    return Plain(model, flat, config.smoothing)

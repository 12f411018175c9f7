"""Schedules: the learning rate over a run, as a factor between 0 and 1.

Every schedule is a function of the share of the run that is done, from 0 to 1.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant(done: float) -> float:
    """Always 1."""
    return 1.0


def cosine(done: float) -> float:
    """From 1 down to 0 along half a wave. Source: Loshchilov and Hutter (2017)."""
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def linear(done: float) -> float:
    """From 1 down to 0 along a line."""
    return 1 - min(done, 1.0)


def step(done: float) -> float:
    """1 for the first half, then a tenth, as in the lectures."""
    return 1.0 if done < 0.5 else 0.1


def one_cycle(done: float) -> float:
    """Up along a line for 30 % of the run, then a cosine.

    Source: Smith and Topin (2017), Smith (2018). PyTorch's OneCycleLR rises along a
    cosine, from a twenty-fifth of the largest rate.
    """
    return done / 0.3 if done < 0.3 else cosine((done - 0.3) / 0.7)


SCHEDULES: dict[str, Schedule] = {
    f.__name__: f for f in (constant, cosine, linear, step, one_cycle)
}
"""Schedules by the names that the command line knows."""


def warm(schedule: Schedule, share: float) -> Schedule:
    """The same after a rise along a line over the first ``share`` of the run."""
    if not 0 <= share < 1:
        raise ValueError(f"warm-up of {share} of the run; give at least 0, below 1")

    def warmed(done: float) -> float:
        if done < share:
            return done / share
        return schedule((done - share) / (1 - share))

    return warmed

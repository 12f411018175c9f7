"""How long does a training step take, and what part of it is the optimiser?"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ..data import Corpus
from ..models import build
from .config import TrainConfig
from .fast import Fast
from .trainer import Trainer

Step = Callable[[], object]


def median_seconds(
    steps: dict[str, Step],
    rounds: int,
    in_a_row: int = 10,
    clock: Callable[[], float] | None = None,
) -> dict[str, float]:
    """Median time of each step, in seconds, each some times in a row in every round.

    In a row, as in training, where a step finds its numbers in the processor's cache;
    round by round, so that what else the machine does hits all alike: trust the ratios.
    Another ``clock`` than that on the wall is ``time.process_time``, which stands while
    other programs have their turn.
    """
    clock = clock or time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(rounds + 1):
        for name, step in steps.items():
            begin = clock()
            for _ in range(in_a_row):
                step()
            if i >= 1:  # the first round warms up
                times[name].append((clock() - begin) / in_a_row)
    return {name: statistics.median(found) for name, found in times.items()}


def take(trainer: Trainer, X: Tensor, Y: Tensor, lr: float) -> None:
    """One step, without clipping, and its loss is read: what is timed of a run."""
    with torch.inference_mode():
        if trainer.compiled:
            trainer.compiled.step(X, Y, lr)
            trainer.compiled.read()
        else:
            trainer.gradient(X, Y)
            trainer.optimiser.step(lr)


def rehearse(trainer: Trainer) -> float:
    """Seconds of a step, or what it would refuse; afterwards all is as before."""
    kept, times = trainer.copy(), []
    state = {name: t.clone() for name, t in trainer.optimiser.state().items()}
    with torch.inference_mode():
        # the first makes buffers or code, and what else the machine does hits some
        for _ in range(11 if trainer.flat.p.numel() < 100_000 else 3):
            began = time.perf_counter()
            take(trainer, *trainer.batch(trainer.result.steps), 0.0)
            times.append(time.perf_counter() - began)
        trainer.put(kept)
        trainer.optimiser.load(state)
    return statistics.median(times)


def step_times(
    kind: str, corpus: Corpus, batch: int, rounds: int = 10
) -> dict[str, float]:
    """Seconds of a step of a model: plain, fast if it has that, the optimiser alone.

    Args:
        kind: a name from :data:`charlm.models.KINDS`.
        corpus: the data that minibatches are taken from.
        batch: rows of a minibatch.
        rounds: how often each is timed.
    """
    config = TrainConfig(batch=batch, schedule="constant", warmup=0.0)
    steps: dict[str, Step] = {}
    for name, fast in (("plain", False), ("fast", True)):
        model = build(kind, len(corpus.vocab), torch.Generator().manual_seed(0))
        data = corpus.encode(model, "train")
        trainer = Trainer(model, data, config=replace(config, fast=fast))
        if fast and not isinstance(trainer.way, Fast):
            continue
        steps[name] = partial(take, trainer, *trainer.batch(0), 1e-3)
        steps["optimiser alone"] = lambda t=trainer: t.optimiser.step(1e-4)  # type: ignore[misc]
    return median_seconds(steps, rounds)

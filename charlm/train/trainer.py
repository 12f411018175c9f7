"""Training any model with hand-written gradients: optimisers, schedules, evaluation."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Generator, Tensor

from ..sample import nll
from .batches import Batches, Pair, refuse_size, refuse_unread
from .compiled import READ, Compiled
from .config import Progress, Result, TrainConfig, TrainModel
from .flat import Flat, Swapped
from .gradient import Half
from .optim import OPTIMISERS, clip
from .parallel import World, mean_of, weighted
from .schedule import SCHEDULES, warm
from .way import way


class Trainer:
    """A training run that can be stopped after any step and go on from its state.

    The whole run is in inference mode, where PyTorch records nothing: the gradients
    can come from nowhere but ``model.backward``. What is random in step i is drawn
    from seeds made of ``config.seed`` and i alone, so nothing but the step has to be
    known to go on bit for bit.

    Args:
        model: changed in place.
        train: X and Y as :func:`charlm.data.encode` makes them.
        dev: the same, to measure on; None to measure nothing.
        config: the settings.
        callbacks: called as ``callback(trainer, progress)`` after every step.
        device: "cpu" or "cuda".
        world: the processes that share the run; by default this one alone.

    Raises:
        ValueError: the batch is larger than the data or too small for the model, or the
            model cannot read them.
    """

    def __init__(
        self,
        model: TrainModel,
        train: Pair,
        dev: Pair | None = None,
        config: TrainConfig | None = None,
        callbacks: Sequence[Callable[["Trainer", Progress], None]] = (),
        device: str = "cpu",
        world: World | None = None,
    ) -> None:
        self.model, self.device, self.world = model, device, world or World()
        self.train = train[0].to(device), train[1].to(device)
        self.dev = (dev[0].to(device), dev[1].to(device)) if dev else None
        self.config = config = config or TrainConfig()
        self.callbacks = callbacks
        parts = self.world.size * config.accumulate
        refuse_size(model, len(train[0]), config.batch, parts)
        epochs = config.epochs * (len(train[0]) // config.batch)  # in steps
        self.total = config.steps or max(1, round(epochs))
        self.every = max(1, self.total // config.evals) if config.evals else 0
        self.flat = Flat(model, device)
        for _, t in model.statistics():
            t.data = t.to(device)
        self.optimiser = OPTIMISERS[config.optimiser](self.flat, decay=config.decay)
        self.rate = warm(SCHEDULES[config.schedule], config.warmup)
        self.mean = self.flat.p.clone() if config.ema else None
        self.way = way(model, self.flat, config, self.optimiser, device)
        self.scale = self.way.scale if isinstance(self.way, Half) else None
        whole = self.way if isinstance(self.way, Compiled) else None
        self.compiled = whole if parts == 1 else None
        for X, Y in filter(None, (self.train, self.dev)):
            refuse_unread(model, X, Y)
        self.best = self.copy()
        self.result, self.waited = Result(), 0
        noise = getattr(model, "generator", None) or Generator()
        self.batch = Batches(self.train, config, noise, self.world)

    def run(self) -> Result:
        """Train to the end; returns what it gave."""
        began = time.perf_counter() - self.result.seconds
        progress = Progress(self.result.steps, self.total)
        if self.result.dev:
            progress.dev = self.result.dev[-1][1]
        with torch.inference_mode():
            enough = self.config.patience or math.inf
            while self.result.steps < self.total and self.waited < enough:
                self._step(progress)
                self.result.seconds = progress.seconds = time.perf_counter() - began
                for callback in self.callbacks:
                    callback(self, progress)
            self._end()
        return self.result

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that is needed to go on: tensors, and numbers for JSON."""
        self._read()
        tensors = {f"now.{k}": t for k, t in self.copy().items()}
        if self.result.dev:
            tensors |= {f"best.{k}": t for k, t in self.best.items()}
        tensors |= {f"optimiser.{k}": t for k, t in self.optimiser.state().items()}
        if self.mean is not None:
            tensors["mean"] = self.mean
        if self.scale is not None:
            tensors["scale"] = self.scale.state()
        tensors["losses"] = torch.tensor(self.result.losses, dtype=torch.float64)
        run = {
            "steps": self.result.steps,
            "dev": self.result.dev,
            "best": self.result.best if self.result.dev else None,
            "seconds": self.result.seconds,
            "waited": self.waited,
        }
        return tensors, run

    def load(self, tensors: dict[str, Tensor], run: dict[str, Any]) -> None:
        """Take over a state; the run goes on from there."""
        parts: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}, "optimiser": {}}
        for name, t in tensors.items():
            part, _, rest = name.partition(".")
            if part in parts:
                parts[part][rest] = t
        # a trainer of a finished run, or of its best so far, has that already
        self.best = parts["best"] or self.copy()
        if parts["now"]:
            self.put(parts["now"])
        self.optimiser.load(parts["optimiser"])
        if self.mean is not None:
            self.mean.copy_(tensors["mean"])
        if self.scale is not None:
            self.scale.load(tensors["scale"])
        best = run["best"] if run["dev"] else math.nan
        dev = [(int(step), float(loss)) for step, loss in run["dev"]]
        losses = tensors["losses"].tolist()
        self.result = Result(losses, dev, best, run["steps"], run["seconds"])
        self.waited = run["waited"]

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """Put the gradient of a minibatch into ``flat.g``; returns the loss.

        In parts, if they are wanted, and over all processes.
        """
        n = self.config.accumulate
        if n * self.world.size == 1:
            return self.way.gradient(X, Y)
        sums = torch.zeros(len(self.flat.g) + 2).to(self.flat.g)  # (P+2)
        for k in range(n):
            loss = self.way.gradient(X[k::n], Y[k::n])
            sums += weighted(self.flat.g, loss, int((Y[k::n] >= 0).sum()))
        g, loss = mean_of(self.world.add(sums))
        self.flat.g.copy_(g)
        return loss

    def _step(self, progress: Progress) -> None:
        i = self.result.steps
        progress.lr = self.config.lr * self.rate((i + 0.5) / self.total)
        if self.compiled:
            self.compiled.step(*self.batch(i), progress.lr)
            fits = True
        else:
            progress.loss = self.gradient(*self.batch(i))
            if not math.isfinite(progress.loss):
                self._grown(f"the loss of step {i + 1} is {progress.loss}")
            # a gradient out of the range of float16 would spoil the parameters for good
            fits = self.scale is None or self.scale.fits(self.flat.g)
            if fits and self.config.clip:
                progress.length = clip(self.flat.g, self.config.clip)
            if fits:
                self.optimiser.step(progress.lr)
            self.result.losses.append(progress.loss)
        if fits and self.mean is not None:
            past = min(self.config.ema, (i + 1) / (i + 10))
            self.mean.lerp_(self.flat.p, 1 - past)
        self.result.steps = progress.step = i + 1
        last = i + 1 == self.total
        progress.measured = self.dev is not None and bool(
            self.every and (last or (i + 1) % self.every == 0)
        )
        if progress.measured or last or (i + 1) % READ == 0:
            self._read(progress)
        if progress.measured:
            progress.dev = self._measure()

    def _read(self, progress: Progress | None = None) -> None:
        """Take over what compiled steps have not told yet."""
        for loss, length in self.compiled.read() if self.compiled else ():
            self.result.losses.append(loss)
            if not math.isfinite(loss):
                self._grown(f"the loss of step {len(self.result.losses)} is {loss}")
            if progress:
                progress.loss, progress.length = loss, length

    def _measure(self) -> float:
        """The dev loss; keeps a copy of the parameters if it is the best so far."""
        assert self.dev is not None
        with Swapped(self.flat.p, self.mean):
            loss = nll(self.model, *self.dev)
            self.result.dev.append((self.result.steps, loss))
            if loss < self.result.best or math.isnan(self.result.best):
                self.result.best, self.waited = loss, 0
                self.best = self.copy()
            else:
                self.waited += 1
        return loss

    def _end(self) -> None:
        if self.dev is not None and self.config.keep_best and self.result.dev:
            self.put(self.best)
        elif self.mean is not None:
            self.flat.p.copy_(self.mean)
        if not self.flat.p.isfinite().all():
            self._grown("some of the parameters are infinite or no numbers")

    def _grown(self, sign: str) -> NoReturn:
        raise ValueError(
            f"train: {sign}; the parameters have grown out of range: start again with "
            f"lr below {self.config.lr:g}, or with clip=1"
        )

    def copy(self) -> dict[str, Tensor]:
        """Parameters and statistics as they are now."""
        kept = {name: t.clone() for name, t in self.model.statistics()}
        return kept | {"p": self.flat.p.clone()}

    def put(self, kept: dict[str, Tensor]) -> None:
        """Set them to what they were."""
        self.flat.p.copy_(kept["p"])
        for name, t in self.model.statistics():
            t.copy_(kept[name])


def fit(
    model: TrainModel,
    train: Pair,
    dev: Pair | None = None,
    config: TrainConfig | None = None,
    callbacks: Sequence[Callable[[Trainer, Progress], None]] = (),
) -> Result:
    """Train a model; see :class:`Trainer` for the arguments."""
    return Trainer(model, train, dev, config, callbacks).run()

"""Saving a run and going on with it, bit for bit.

A checkpoint is one safetensors file. Its tensors are the parameters and statistics of
the model by name, as any reader of such files finds them, and the state of the run
(``run.``); its header says all the rest as JSON, and a checksum over everything. It is
read without running anything that it contains.
"""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .. import __version__
from ..data import Corpus, Vocab, refuse_beyond
from ..models import build
from . import header
from .config import TrainConfig, TrainModel
from .place import write_whole
from .trainer import Trainer

RUN = "run."


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: of the file.
        head: model, options, settings, vocabulary, data, versions.
        parameters: name -> parameter or statistic of the model: of the best measurement
            if the run kept that.
        state: name -> tensor that the run needs to go on.
    """

    path: Path
    head: dict[str, Any]
    parameters: dict[str, Tensor]
    state: dict[str, Tensor]

    @property
    def vocab(self) -> Vocab:
        """The symbols of the model's inputs and outputs."""
        return Vocab(self.head["symbols"])

    def model(self) -> TrainModel:
        """The trained model."""
        g, options = torch.Generator().manual_seed(0), self.head["options"]
        model: TrainModel = build(self.head["model"], len(self.vocab), g, **options)
        for name, t in _named(model).items():
            t.copy_(self.parameters[name])
        return model

    def trainer(
        self,
        corpus: Corpus,
        callbacks: Any = (),
        more: dict[str, Any] | None = None,
        **where: Any,
    ) -> Trainer:
        """The run, ready to go on; ``where`` as ``device`` and ``world`` of Trainer.

        Args:
            corpus: the data of the run.
            callbacks: as those of Trainer.
            more: another length of the run, ``epochs`` or ``steps``.
            where: of the run.

        Raises:
            ValueError: the data are not those that the run began with, or its state is
                damaged.
        """
        if corpus.digest != self.head["data"]["sha256"]:
            raise ValueError(
                f"{self.path}: was trained on other data ("
                f"{self.head['data']['source']}); go on with those, or begin a new run "
                "with --out"
            )
        model = self.model()
        train, dev = (corpus.encode(model, part) for part in ("train", "dev"))
        config = TrainConfig(**self.head["config"] | (more or {}))
        trainer = Trainer(model, train, dev, config, callbacks, **where)
        done = self.head["finished"]
        wanted = {
            name: tuple(t.shape)
            for name, t in trainer.state()[0].items()
            if not (done and name.startswith("now."))
        } | {"losses": (self.head["run"]["steps"],)}
        if wanted != {name: tuple(t.shape) for name, t in self.state.items()}:
            raise ValueError(
                f"{self.path}: is damaged: it lacks the state of its run; sample from "
                "it, or begin a new run"
            )
        trainer.load(self.state, self.head["run"])
        if more:
            trainer.waited = 0
        return trainer


def content(
    trainer: Trainer,
    corpus: Corpus,
    model: str,
    options: dict[str, Any],
    finished: bool = False,
    older: int = 0,
) -> bytes:
    """The bytes of a checkpoint.

    Args:
        trainer: the run.
        corpus: its data.
        model: a name from :data:`charlm.models.KINDS`.
        options: what the model was made with.
        finished: the run is over, and its parameters are final.
        older: number of the file in which what the run replaces is kept.
    """
    state, run = trainer.state()
    chosen = "best." if "best.p" in state and not finished else "now."
    flat = trainer.flat
    named = dict(zip(flat.names, flat.windows(state[chosen + "p"]), strict=True))
    named |= {name: state[chosen + name] for name, _ in trainer.model.statistics()}
    kept = {
        RUN + name: t
        for name, t in state.items()
        if not name.startswith("best.") and not (finished and name.startswith("now."))
    }
    # a file may not hold one tensor under two names, so each is its own
    tensors = {n: t.cpu().clone().contiguous() for n, t in (named | kept).items()}
    head = {
        "kind": header.KIND,
        "format": header.FORMAT,
        "model": model,
        "options": options,
        "config": asdict(trainer.config),
        "symbols": corpus.vocab.symbols,
        "data": {
            "source": corpus.source,
            "running": corpus.running,
            "compose": corpus.compose,
            "sha256": corpus.digest,
        },
        "run": run,
        "finished": finished,
        "older": older,
        "versions": {
            "charlm": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    text = json.dumps(head)
    return save(tensors, {"charlm": text, "sha256": header.checksum(text, tensors)})


def store(path: str | Path, *what: Any, **how: Any) -> None:
    """Write a checkpoint, whole or not at all; arguments as :func:`content`.

    Raises:
        ValueError: the file cannot be written; an older one is left as it was.
    """
    write_whole(path, content(*what, **how))


def peek(path: str | Path) -> dict[str, Any]:
    """The header of a file of ours, of any format and unchecked.

    Raises:
        ValueError: it is not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return header.parse((file.metadata() or {}).get("charlm", ""), any_of=True)
    except (SafetensorError, OSError, ValueError):
        raise ValueError(
            f"{path}: is no model of charlm, so nothing replaces it; remove it "
            "yourself, or choose another place with --out"
        ) from None


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        ValueError: missing, not one of ours, damaged, or of another version.
    """
    path = Path(path)
    head, text, checksum, tensors = _open(path)
    try:
        wanted = header.check(head)
        named = {n: t for n, t in tensors.items() if not n.startswith(RUN)}
        found = {n: tuple(t.shape) for n, t in named.items()}
        if set(found) != set(wanted):
            odd = sorted(set(found) ^ set(wanted))
            raise ValueError(f"tensors missing or unknown: {ascii(odd)[:200]}")
        for name, shape in wanted.items():
            if found[name] != shape or named[name].dtype != torch.float32:
                raise ValueError(f"{name} is not of shape {shape} and float32")
            if not named[name].isfinite().all():
                raise ValueError(f"{name} holds numbers that are not finite")
        if checksum != header.checksum(text, tensors):
            raise ValueError("its checksum is not that of its content")
    except ValueError as error:
        raise ValueError(
            f"{path}: is damaged: {error}; train again, or name another file"
        ) from None
    state = {n.removeprefix(RUN): t for n, t in tensors.items() if n.startswith(RUN)}
    return Checkpoint(path, head, named, state)


def _open(path: Path) -> tuple[dict[str, Any], str, str, dict[str, Tensor]]:
    if not os.path.isfile(path):
        what = "is no regular file" if os.path.exists(path) else "there is no such file"
        raise ValueError(f"{path}: {what}; train a model first, or name its file")
    refuse_beyond(2 * os.path.getsize(path), f"{path}: reading it", "name another file")
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path}: is damaged or no checkpoint ({error}); train again, or name "
            "another file"
        ) from None
    text = said.get("charlm", "")
    try:
        return header.parse(text), text, said.get("sha256", ""), found
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _named(model: TrainModel) -> dict[str, Tensor]:
    return {name: p for name, p, _ in model.named()} | dict(model.statistics())

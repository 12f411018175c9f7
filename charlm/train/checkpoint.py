"""Saving a run and going on with it, bit for bit.

A checkpoint is one safetensors file: tensors, and a header of plain text with all the
rest as JSON. It is read without running anything that it contains. It is written
beside its place and then moved there, so that at every moment the file is either the
old one or the new one, whole.
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
from ..data import Corpus, Vocab
from ..models import KINDS, build
from .config import TrainConfig, TrainModel
from .trainer import Trainer

FORMAT = 1
KIND = "charlm checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: of the file.
        head: model, options, settings, vocabulary, data, versions.
        tensors: name -> tensor.
    """

    path: Path
    head: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def vocab(self) -> Vocab:
        """The symbols of the model's inputs and outputs."""
        return Vocab(self.head["symbols"])

    def model(self) -> TrainModel:
        """The trained model: of the best measurement if the run kept that."""
        model = self._fresh()
        done = self.head["finished"] or not any(
            n.startswith("best.") for n in self.tensors
        )
        prefix = "now." if done else "best."
        begin = 0
        for _, p, _ in model.named():
            p.copy_(self.tensors[prefix + "p"][begin : begin + p.numel()].view(p.shape))
            begin += p.numel()
        for name, t in model.statistics():
            t.copy_(self.tensors[prefix + name])
        return model

    def trainer(self, corpus: Corpus, callbacks: Any = (), **where: Any) -> Trainer:
        """The run, ready to go on; ``where`` as ``device`` and ``world`` of Trainer.

        Raises:
            ValueError: the data are not those that the run began with.
        """
        if corpus.digest != self.head["data"]["sha256"]:
            raise ValueError(
                f"{self.path}: was trained on other data ({self.head['data']['source']}"
                f"); go on with those, or begin a new run with --out"
            )
        model = self._fresh()
        train, dev = (corpus.encode(model, part) for part in ("train", "dev"))
        config = TrainConfig(**self.head["config"])
        trainer = Trainer(model, train, dev, config, callbacks, **where)
        trainer.load(self.tensors, self.head["run"])
        return trainer

    def _fresh(self) -> TrainModel:
        generator = torch.Generator().manual_seed(0)
        options = self.head["options"]
        model: TrainModel = build(
            self.head["model"], len(self.vocab), generator, **options
        )
        return model


def store(
    path: str | Path,
    trainer: Trainer,
    corpus: Corpus,
    model: str,
    options: dict[str, Any],
    finished: bool = False,
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: where.
        trainer: the run.
        corpus: its data.
        model: a name from :data:`charlm.models.KINDS`.
        options: what the model was made with.
        finished: the run is over, and its parameters are final.

    Raises:
        ValueError: the file cannot be written; an older one is left as it was.
    """
    tensors, run = trainer.state()
    head = {
        "kind": KIND,
        "format": FORMAT,
        "model": model,
        "options": options,
        "config": asdict(trainer.config),
        "symbols": corpus.vocab.symbols,
        "data": {
            "source": corpus.source,
            "running": corpus.running,
            "sha256": corpus.digest,
        },
        "run": run,
        "finished": finished,
        "versions": {
            "charlm": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    kept = {name: t.cpu().contiguous() for name, t in tensors.items()}
    _replace(Path(path), save(kept, {"charlm": json.dumps(head)}))


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        kept = "; the older one there is untouched" if path.exists() else ""
        raise ValueError(
            f"{path}: cannot be written ({error.strerror or error}){kept}; free some "
            "space, or choose another place with --out"
        ) from error


def read(path: str | Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        ValueError: missing, not one of ours, damaged, or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such file; train a model first, or name its file"
        )
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("charlm", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path}: is damaged or no checkpoint ({error}); train again, or name "
            "another file"
        ) from None
    head = _head(path, text)
    _check(path, head, tensors)
    return Checkpoint(path, head, tensors)


def _head(path: Path, text: str) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("kind") != KIND:
        raise ValueError(f"{path}: was not written by charlm; name another file")
    if head.get("format", 0) > FORMAT:
        raise ValueError(
            f"{path}: has format {head['format']}, and this version of charlm reads "
            f"up to {FORMAT}; update charlm"
        )
    return head


def _check(path: Path, head: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Everything is there and of the right size."""
    damaged = f"{path}: is damaged"
    if head.get("model") not in KINDS:
        raise ValueError(f"{damaged}: model {head.get('model')!r} is not known")
    missing = {"options", "config", "symbols", "data", "run", "finished"} - set(head)
    if missing:
        raise ValueError(f"{damaged}: {', '.join(sorted(missing))} missing")
    try:
        model = build(
            head["model"], len(head["symbols"]), torch.Generator(), **head["options"]
        )
        TrainConfig(**head["config"])
    except TypeError as error:
        raise ValueError(f"{damaged}: {error}") from None
    size = sum(p.numel() for _, p, _ in model.named())
    wanted = {"now.p": size} | {
        f"now.{name}": t.numel() for name, t in model.statistics()
    }
    for name, numel in wanted.items():
        if name not in tensors or tensors[name].numel() != numel:
            raise ValueError(
                f"{damaged}: {name} does not have the {numel} numbers of this model"
            )

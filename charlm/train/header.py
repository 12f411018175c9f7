"""What the header of a checkpoint may say: read as data from a stranger."""

import hashlib
import json
import math
from dataclasses import fields
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from ..models import KINDS, shapes
from ..models.options import fits
from .config import TrainConfig

FORMAT = 2
KIND = "charlm checkpoint"
FORM: dict[str, Any] = {
    "model": str,
    "options": dict,
    "config": dict,
    "symbols": str,
    "data": {"source": str, "running": bool, "compose": bool, "sha256": str},
    "run": {"steps": int, "dev": list, "seconds": float, "waited": int},
    "finished": bool,
    "older": int,
    "versions": dict,
}


def parse(text: str, any_of: bool = False) -> dict[str, Any]:
    """The header of a file of ours, of this format or of ``any_of`` them.

    Raises:
        ValueError: what is wrong with it, without the name of the file.
    """
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or head.get("kind") != KIND:
        raise ValueError("was not written by charlm; name another file")
    if any_of:
        return head
    written = head.get("format")
    if type(written) is not int or written < 1:
        raise ValueError(f"is damaged: format is {_shown(written)}")
    if written > FORMAT:
        raise ValueError(
            f"has format {written}, and this version of charlm reads up to {FORMAT}; "
            "update charlm"
        )
    if written < FORMAT:
        raise ValueError(
            f"has format {written} of an older charlm, and this version reads "
            f"{FORMAT}; train the model again"
        )
    return head


def check(head: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Hold that every value has its type and range; returns the shapes of the model.

    Raises:
        ValueError: which value is wrong.
    """
    _typed(head, FORM, "")
    kind, symbols, run = head["model"], head["symbols"], head["run"]
    if kind not in KINDS:
        raise ValueError(f"model {kind!r} is not known")
    if len(set(symbols)) != len(symbols) or not symbols:
        raise ValueError("symbols are none, or one occurs twice")
    # nothing in JSON fits the default of what the program gives, such as a dtype
    defaults = {n: p.default for n, p in signature(KINDS[kind]).parameters.items()}
    _like(head["options"], defaults, "options")
    _like(head["config"], {f.name: f.default for f in fields(TrainConfig)}, "config")
    TrainConfig(**head["config"])
    if not 0 <= head["older"] <= 10_000:
        raise ValueError(f"older is {head['older']}")
    if min(run["steps"], run["seconds"], run["waited"]) < 0:
        raise ValueError("run: a count is below 0")
    if not (run.get("best") is None or fits(run["best"], 0.0)):
        raise ValueError(f"run: best is {_shown(run['best'])}")
    if run["dev"] and run.get("best") is None:
        raise ValueError("run: dev losses without a best")
    for entry in run["dev"]:
        if not isinstance(entry, list) or [type(v) for v in entry] != [int, float]:
            raise ValueError("run: dev is no list of steps and losses")
        if not math.isfinite(entry[1]):
            raise ValueError(f"run: a dev loss is {entry[1]}")
    return shapes(kind, len(symbols), **head["options"])


def checksum(text: str, tensors: dict[str, Tensor]) -> str:
    """sha256 over the header, and name, type, shape and numbers of every tensor."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        t = tensors[name]
        found.update(f"{name} {t.dtype} {tuple(t.shape)}".encode())
        found.update(t.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _typed(found: Any, form: dict[str, Any], where: str) -> None:
    missing = sorted(set(form) - set(found))
    if missing:
        raise ValueError(f"{where}{', '.join(missing)} missing")
    for name, kind in form.items():
        value = found[name]
        if isinstance(kind, dict):
            if not isinstance(value, dict):
                raise ValueError(f"{where}{name} is {_shown(value)}")
            _typed(value, kind, f"{name}: ")
        elif not fits(value, kind()):
            raise ValueError(f"{where}{name} is {_shown(value)}")


def _like(found: dict[str, Any], defaults: dict[str, Any], where: str) -> None:
    """Every value is of the kind of the default of that name."""
    for name, value in found.items():
        if name not in defaults or not fits(value, defaults[name]):
            raise ValueError(f"{where}: {_shown(name)} is {_shown(value)}")


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]

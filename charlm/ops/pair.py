"""Finding the pairs: the name is the registry."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Pair:
    """A function, its backward (J^T times dy) and its JVP (J times tangents)."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    jvp: Callable[..., Any] | None


def families() -> Iterator[ModuleType]:
    """The files of this folder."""
    for info in iter_modules([str(Path(__file__).parent)]):
        yield import_module(f"{__package__}.{info.name}")


def pairs() -> dict[str, Pair]:
    """Find every pair of this folder: name -> :class:`Pair`, sorted by name."""
    names: dict[str, Any] = {}
    for family in families():
        for name, found in vars(family).items():
            if getattr(found, "__module__", "") == family.__name__:
                names[name] = found
            else:  # defined elsewhere, and here perhaps as it was before it was guarded
                names.setdefault(name, found)
    return {
        name: Pair(name, names[name], backward, names.get(f"{name}_jvp"))
        for name in sorted(names)
        if callable(backward := names.get(f"{name}_backward"))
    }

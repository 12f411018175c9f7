"""Finding the pairs: the name is the registry."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
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


@cache
def families() -> tuple[ModuleType, ...]:
    """The files of this folder."""
    found = iter_modules([str(Path(__file__).parent)])
    return tuple(import_module(f"{__package__}.{info.name}") for info in found)


def of(family: ModuleType) -> Iterator[Pair]:
    """The pairs that a file defines, in its order."""
    for name, forward in list(vars(family).items()):
        backward = getattr(family, f"{name}_backward", None)
        own = getattr(forward, "__module__", "") == family.__name__
        if own and callable(forward) and callable(backward):
            jvp = getattr(family, f"{name}_jvp", None)  # a test asks for one
            yield Pair(name, forward, backward, jvp)


def pairs() -> dict[str, Pair]:
    """Find every pair of this folder: name -> :class:`Pair`, sorted by name."""
    found = {pair.name: pair for family in families() for pair in of(family)}
    return dict(sorted(found.items()))

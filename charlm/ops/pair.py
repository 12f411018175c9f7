"""Finding the pairs: the name is the registry."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any


@dataclass(frozen=True)
class Pair:
    """A function and the function that computes its gradients."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]


def pairs() -> dict[str, Pair]:
    """Find every pair of this folder: name -> :class:`Pair`, sorted by name."""
    found = {}
    for info in iter_modules([str(Path(__file__).parent)]):
        names = vars(import_module(f"{__package__}.{info.name}"))
        for name, forward in names.items():
            backward = names.get(f"{name}_backward")
            if callable(forward) and callable(backward):
                found[name] = Pair(name, forward, backward)
    return dict(sorted(found.items()))

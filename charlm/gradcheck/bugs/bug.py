"""How a bug is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Backward = Callable[[Any, Any], Any]
_ZOO: dict[str, "Bug"] = {}


@dataclass(frozen=True)
class Bug:
    """A wrong backward for a pair.

    Attributes:
        name: of the mistake, unique.
        pair: whose backward it wants to be.
        backward: the wrong function.
        slip: the mistake in words.
        symptom: what somebody training with it sees.
    """

    name: str
    pair: str
    backward: Backward
    slip: str
    symptom: str


def bug(pair: str, symptom: str) -> Callable[[Backward], Backward]:
    """Put a wrong backward into the zoo; its docstring begins with the slip."""

    def keep(backward: Backward) -> Backward:
        slip = (backward.__doc__ or "").splitlines()[0].rstrip(".")
        name = backward.__name__
        _ZOO[name] = Bug(name, pair, backward, slip, symptom)
        return backward

    return keep


def zoo() -> list[Bug]:
    """All bugs, by pair and name."""
    return sorted(_ZOO.values(), key=lambda b: (b.pair, b.name))

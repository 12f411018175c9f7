"""What a pair accepts, read from its docstring.

A forward says once what it takes and gives, where its docstring has an arrow::

    x (..., I), W (I, O), b (O)  ->  y (..., O)

A letter is one number wherever it stands, ``...`` are the same leading axes, nothing is
broadcast, and tensors of floating-point numbers are of one type. Leading axes and the
batch, B, may be empty; others may not, unless the list says K in [0, inf). What else
has to hold stands there too, in one of these forms::

    ix (...) integers in [0, V)        targets (...) integers below V
    keep (...) true where it stays     smoothing in [0, 1)
    axis an axis of x                  axis a non-empty axis of x
    E a multiple of heads              D even              P at least T

Anything else before the arrow is refused when the package is loaded, so that nothing
stands there that is not held. ``guard`` holds it.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

COMMA = re.compile(r",\s+(?![^(\[]*[)\]])")  # outside of brackets
TENSOR = re.compile(
    r"(\w+) \(([^()]*)\)"
    r"(?: (?:(?P<integers>integers) (?:in \[0, (?P<range>\w+)\)|below (?P<limit>\w+))"
    r"|(?P<true>true) where .*))?"
)
NUMBER = re.compile(r"(\w+) in ([\[(])(\S+), (\S+)([\])])")
RELATION = re.compile(r"(\w+) (at least|a multiple of) (\w+)|(\w+) even")
AXIS = re.compile(r"(\w+) (an|a non-empty) axis of (\w+)")


@dataclass(frozen=True)
class Argument:
    """A tensor: its name, its axes, and what its elements are."""

    name: str
    axes: tuple[str, ...]
    kind: str = "floating"
    below: str = ""
    negative: bool = False


@dataclass(frozen=True)
class Interval:
    """Where a number has to lie, with or without the ends."""

    low: float
    high: float
    left: str
    right: str

    def __contains__(self, value: float) -> bool:
        low = value >= self.low if self.left == "[" else value > self.low
        return low and (value <= self.high if self.right == "]" else value < self.high)

    def __str__(self) -> str:
        return f"{self.left}{self.low:g}, {self.high:g}{self.right}"


class Contract:
    """What the docstring of a forward says of its arguments.

    Attributes:
        text: the whole of it, on one line.
        arguments: the tensors, in the order of the function.
        options: names of the other arguments that it speaks of.
        intervals: of options and lengths.
        relations: (letter or option, "at least" or "a multiple of", the same).
        axes: (option, tensor, whether the axis may be empty).

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.name, self.signature = f.__name__, inspect.signature(f)
        self.intervals: dict[str, Interval] = {}
        self.relations: list[tuple[str, str, str]] = []
        self.axes: list[tuple[str, str, bool]] = []
        self._tensors: dict[str, Argument] = {}
        self.text, taken = self._sentence(f.__doc__ or "")
        for item in COMMA.split(taken):
            self._read(item)
        parameters = list(self.signature.parameters)
        self.arguments = [self._tensors[n] for n in parameters if n in self._tensors]
        letters = {axis for a in self.arguments for axis in a.axes}
        related = {n for a, _, b in self.relations for n in (a, b)}
        named = {
            *self._tensors,
            *self.intervals,
            *(n for a in self.axes for n in a[:2]),
        }
        used = related | {a.below for a in self.arguments}
        used |= {axis.partition("*")[2] for axis in letters}
        meant = {*letters, *parameters}
        unknown = {n for n in (named | used) - meant if n.isalpha()}
        if unknown or parameters[: len(self.arguments)] != list(self._tensors):
            raise ValueError(
                f"{self.name}: its docstring speaks of {sorted(unknown)}; its "
                f"arguments are {parameters}, tensors first and in the same order"
            )
        spoken = named | used
        self.options = [n for n in parameters if n in spoken and n not in self._tensors]

    def _sentence(self, doc: str) -> tuple[str, str]:
        """What stands around the arrow, and what stands before it."""
        for paragraph in doc.split("\n\n"):
            before, arrow, after = paragraph.partition("->")
            if arrow:
                taken = " ".join(before.split(":  ")[-1].split())
                given = re.match(r"\w+ \([^()]*\)|[^.,;:]+", " ".join(after.split()))
                return f"{taken} -> {given[0] if given else ''}", taken
        raise ValueError(
            f"{self.name}: its docstring does not say what it takes; write it as in "
            "x (..., I), W (I, O), b (O)  ->  y (..., O)"
        )

    def _read(self, item: str) -> None:
        if m := TENSOR.fullmatch(item):
            kind = m["integers"] or m["true"] or "floating"
            axes = tuple(re.findall(r"[^,\s]+", m[2]))
            below = m["range"] or m["limit"] or ""
            self._tensors[m[1]] = Argument(m[1], axes, kind, below, bool(m["limit"]))
        elif m := NUMBER.fullmatch(item):
            self.intervals[m[1]] = Interval(float(m[3]), float(m[4]), m[2], m[5])
        elif m := RELATION.fullmatch(item):
            even = (m[4], "a multiple of", "2")
            self.relations.append(even if m[4] else (m[1], m[2], m[3]))
        elif m := AXIS.fullmatch(item):
            self.axes.append((m[1], m[3], m[2] == "an"))
        else:
            raise ValueError(
                f"{self.name}: cannot read {item!r} in its docstring; the forms stand "
                f"in {__name__}"
            )

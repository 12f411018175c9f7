"""Options told apart by their defaults: whole numbers, numbers, words, switches."""

import math
from numbers import Integral, Real
from typing import Any

DUE = {
    bool: "True or False",
    int: "a whole number",
    float: "a finite number",
    str: "a word",
}


def kind_of(default: Any) -> type:
    """What an option is when it is given; a whole number if it is None by default."""
    return int if default is None else type(default)


def fits(value: Any, default: Any) -> bool:
    """The value is of the kind of the default.

    True and false are no numbers, no number is infinite, and a whole number is a number
    as well.
    """
    kind = kind_of(default)
    if value is None or isinstance(value, bool):
        return type(value) is type(default)
    if kind not in (int, float):
        return isinstance(value, kind)
    if kind is int:
        return isinstance(value, Integral)
    return isinstance(value, Real) and math.isfinite(value)


def refuse_odd(owner: str, given: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Hold that every given option fits its default.

    Raises:
        ValueError: names the option, its value, and what to give.
    """
    for name, value in given.items():
        if not fits(value, defaults[name]):
            due = DUE.get(kind := kind_of(defaults[name]), kind.__name__)
            raise ValueError(f"{owner}{name} is {value!r}; give {due}")

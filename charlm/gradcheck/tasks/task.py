"""How a task is written down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Generator

Function = Callable[..., Any]
Draws = Iterable[tuple[str, tuple[Any, ...]]]
_TASKS: dict[str, "Task"] = {}


@dataclass(frozen=True)
class Task:
    """A function to be written by a reader, which is no pair.

    Attributes:
        name: of the task, unique, and no pair's.
        right: the function that is wanted.
        draw: generator -> a label and arguments, for several kinds of arguments.
        returns: a name for each value that it returns.
        slips: a mistake in words -> the function that makes it.
    """

    name: str
    right: Function
    draw: Callable[[Generator], Draws]
    returns: tuple[str, ...]
    slips: dict[str, Function]


def task(
    draw: Callable[[Generator], Draws],
    *returns: str,
    slips: dict[str, Function],
) -> Callable[[Function], Function]:
    """Make a right function a task of its name."""

    def keep(right: Function) -> Function:
        _TASKS[right.__name__] = Task(right.__name__, right, draw, returns, slips)
        return right

    return keep


def tasks() -> dict[str, Task]:
    """All tasks, by name."""
    return dict(sorted(_TASKS.items()))

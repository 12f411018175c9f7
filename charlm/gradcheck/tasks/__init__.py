"""What the book asks its readers to write besides backwards: right functions and slips.

Each has inputs to try it on, and the mistakes that people make, as functions, so that a
wrong answer can be named. A file holds what one or two chapters ask for.
"""

from . import (
    attention,
    choosing,
    curvature,
    differences,
    nets,
    optimise,
    order,
    parts,
    recurrent,
    solve,
    starts,
    streams,
    tables,
    texts,
)
from .task import Task, task, tasks

__all__ = [
    "Task",
    "attention",
    "choosing",
    "curvature",
    "differences",
    "nets",
    "optimise",
    "order",
    "parts",
    "recurrent",
    "solve",
    "starts",
    "streams",
    "tables",
    "task",
    "tasks",
    "texts",
]

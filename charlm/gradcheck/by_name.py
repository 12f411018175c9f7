"""Your answer to an exercise, judged by the name of what it wants to be."""

from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor

from .. import ops
from . import cases
from .compare import compare
from .grade import zoo_forms
from .judge import alike, call, judge_function, transposed, where
from .ledger import SEEDS
from .several import Judgement, together, verdicts
from .tasks import tasks

UNWRITTEN = "not written yet"
WHOLE = ("sign", "factor", "zero", "term", "raises", "writes", "transposed factor")
"""Beginnings of the kinds of slips that a JVP has just as its transpose has."""


def check(name: str, mine: Callable[..., Any]) -> bool:
    """Judge a function of your own that a chapter asks for.

    Prints whether it is right, and if not which slip it is: in one or two lines, for a
    notebook. The inputs are those of all tests, drawn with three seeds.

    Args:
        name: ``"tanh_backward"``, judged as by :func:`.grade`; ``"tanh_jvp"``, judged
            as the backward that is its transpose; ``"tanh"`` for the forward alone,
            which has to give the same output; or the name of one of ``tasks``.
        mine: called as the function of that name is.

    Returns:
        Whether it is right. A function that raises NotImplementedError is told to be
        not written yet.

    Raises:
        ValueError: there is no such function.
    """
    if name in tasks():
        return _say(name, _values(name, mine))
    pair, _, kind = name.rpartition("_")
    if kind not in ("backward", "jvp"):
        return _forward(name, mine)
    every = [case for seed in SEEDS for case in cases.cases(pair, seed)]
    forward = ops.pairs()[pair].forward
    forms = zoo_forms(forward, pair) if kind == "backward" else ()
    trials = [
        Judgement(
            c.label,
            c.forward,
            mine if kind == "backward" else transposed(mine, c.inputs),
            c.inputs,
            1,
            {"forms": forms, "kink": c.kink},
        )
        for c in every
    ]
    found = verdicts(trials, forward)
    if kind == "jvp":
        found["findings"] = [_of_a_jvp(f) for f in found["findings"]]
    return _say(name, found, ", against every witness")


def _say(name: str, found: dict[str, Any], how: str = "") -> bool:
    """One or two lines, and whether all is right."""
    count = len(found["cases"])
    wrong = sum(case["status"] == "wrong" for case in found["cases"])
    if found["status"] == "right":
        print(f"ok   {name}: {count} inputs{how}")
        return True
    if {f["slip"] for f in found["findings"]} == {"unwritten"}:
        print(f"--   {name}: {UNWRITTEN}")
        return False
    print(f"FAIL {name}: right at {count - wrong} of {count} inputs")
    said: dict[str, list[str]] = {}  # a slip of a task, and all values that have it
    for f in found["findings"]:
        said.setdefault(f["words"], []).extend([f["gradient"]] * (f["slip"] == "slip"))
    for words, values in said.items():
        print("     " + ", ".join(values) + ": " * bool(values) + words)
    return False


def _of_a_jvp(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding about the transpose of a JVP, in words of the JVP."""
    gradient, words = finding["gradient"], finding["words"]
    part = f"the part of {gradient.removeprefix('d')}_dot"
    if gradient and not finding["slip"].startswith(WHOLE):
        words = f"{part} is wrong"
    elif gradient:
        words = words.replace(gradient, part, 1)
    return finding | {"words": words.replace("the backward", "the JVP")}


def _values(name: str, mine: Callable[..., Any]) -> dict[str, Any]:
    """A task, at several draws of each kind of inputs."""
    one = tasks()[name]
    drawn = [list(one.draw(Generator().manual_seed(seed))) for seed in SEEDS]
    kinds = {d[0][0]: [given for _, given in d] for d in zip(*drawn, strict=True)}

    # the slip that was made is met everywhere, where it does no harm as well
    slips = {
        words: slip
        for words, slip in one.slips.items()
        if set.intersection(
            *(alike(slip, mine, draws, one.returns) for draws in kinds.values())
        )
    }
    judged = [
        (label, judge_function(one.right, mine, draws, one.returns, slips))
        for label, draws in kinds.items()
    ]
    return together(judged)


def _forward(name: str, mine: Callable[..., Any]) -> bool:
    """The forward of a pair, which has to give the same output."""
    every = [case for seed in SEEDS for case in cases.cases(name, seed)]
    problem = next(filter(None, (_other(case, mine) for case in every)), "")
    if problem == UNWRITTEN:
        print(f"--   {name}: {UNWRITTEN}")
    else:
        print(f"FAIL {problem}" if problem else f"ok   {name}: {len(every)} inputs")
    return not problem


def _other(case: cases.Case, mine: Callable[..., Any]) -> str:
    """How a forward differs from the pair's, "" if it does not."""
    inputs = [x.clone() if isinstance(x, Tensor) else x for x in case.inputs]
    try:
        y = call(mine, *inputs, **case.options)
    except NotImplementedError:
        return UNWRITTEN
    except Exception as error:
        return f"{case.label}: it raises {where(error)}"
    y = y[0] if isinstance(y, tuple) and len(y) == 2 else y
    if not isinstance(y, Tensor):
        return f"{case.label}: it returned a {type(y).__name__}, not y or (y, cache)"
    found = compare("y", y, case.forward(*case.inputs)[0])
    return "" if found.ok else f"{case.label}: {found}"

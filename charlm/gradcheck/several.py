"""Judging a function at several sets of inputs: what is wrong in all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .. import ops
from . import cases
from .compare import compare
from .grade import zoo_forms
from .judge import Finding, Refused, Verdict, call, common, input_names, judge, where
from .witnesses import BENCH


@dataclass(frozen=True)
class Judgement:
    """What to judge a backward at.

    Attributes:
        label: of the inputs; "" for the reader's own.
        forward: ``forward(*inputs) -> (y, cache)``.
        inputs: of the forward.
        options: further arguments of :func:`.judge.judge`.
        seeds: how many gradients of the output to try.
    """

    label: str
    forward: Callable[..., Any]
    inputs: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    seeds: int = 1


def verdicts(
    trials: Iterable[Judgement],
    backward: Callable[..., Any],
    names_of: Callable[..., Any],
) -> dict[str, Any]:
    """Judge a backward at every set of inputs.

    Args:
        trials: what to judge it at.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        names_of: the function whose arguments name the inputs.

    Returns:
        ``status`` ("right", "wrong" or "unproved"), ``cases`` (a verdict for each set
        of inputs, with its label) and ``findings`` (what is wrong with each gradient in
        all cases).

    Raises:
        Refused: the forward cannot be judged at any of the inputs.
    """
    judged, problems = [], []
    for one in trials:
        try:
            found = judge(
                BENCH,
                one.forward,
                backward,
                one.inputs,
                range(one.seeds),
                names=input_names(names_of, one.inputs),
                **one.options,
            )
        except Refused as error:
            problems.append(str(error))
            finding = Finding("", "refused", str(error))
            found = Verdict("wrong", findings=[finding])
        judged.append((one.label, found))
    if len(problems) == len(judged):
        raise Refused(problems[0])
    states = {found.status for _, found in judged}
    status = next(s for s in ("wrong", "right", "unproved") if s in states)
    wrong = [found for _, found in judged if found.status == "wrong"]
    findings = common([found.slips for found in wrong if found.slips])
    told = wrong if status == "wrong" else [v for _, v in judged if not v.ok]
    told = [] if status == "right" else told
    other = [f for found in told if not found.slips for f in found.findings]
    findings += {(f.gradient, f.slip): f for f in reversed(other)}.values()
    return {
        "status": status,
        "cases": [{"label": label, **found.as_dict()} for label, found in judged],
        "findings": [vars(finding) for finding in findings],
    }


def report(found: dict[str, Any]) -> list[str]:
    """For people: a line per set of inputs, then what is wrong in all of them."""
    marks = {"right": "ok  ", "wrong": "FAIL", "unproved": "--  "}
    lines = []
    for case in found["cases"]:
        shown = [f"{w} {e:.0e}" for w, e in case["errors"].items() if e is not None]
        shown += [f"{w} does not apply" for w in case["silent"]]
        if case["status"] == "unproved" or not shown:
            shown = [finding["words"] for finding in case["findings"]]
        label = case["label"] or "your inputs"
        lines.append(f"{marks[case['status']]} {label:22s} {', '.join(shown)}")
        lines += [f"note {label:22s} {note}" for note in case["notes"]]
    return lines + [f"{marks[found['status']]} {f['words']}" for f in found["findings"]]


def check(name: str, mine: Callable[..., Any]) -> bool:
    """Judge a function of your own that wants to be one of :mod:`charlm.ops`.

    Prints whether it is right, and if not which slip it is: in one or two lines, for a
    notebook. A backward is judged as by :func:`.grade`, at the awkward inputs of all
    tests and three seeds of each; a forward has to give the same output.

    Args:
        name: ``"tanh_backward"``, or ``"tanh"`` for the forward alone.
        mine: called as the function of that name is.

    Returns:
        Whether it is right.

    Raises:
        ValueError: there is no such function.
    """
    pair = name.removesuffix("_backward")
    every = [case for seed in range(3) for case in cases.cases(pair, seed)]
    if pair == name:
        problem = next(filter(None, (_other(case, mine) for case in every)), "")
        print(f"FAIL {problem}" if problem else f"ok   {name}: {len(every)} inputs")
        return not problem
    forward = ops.pairs()[pair].forward
    forms = zoo_forms(forward, pair)
    trials = [
        Judgement(c.label, c.forward, c.inputs, {"forms": forms, "kink": c.kink})
        for c in every
    ]
    found = verdicts(trials, mine, forward)
    right = sum(case["status"] != "wrong" for case in found["cases"])
    if found["status"] == "right":
        print(f"ok   {name}: {len(every)} inputs, against every witness")
        return True
    print(f"FAIL {name}: right at {right} of {len(every)} inputs")
    print("\n".join(f"     {f['words']}" for f in found["findings"]))
    return False


def _other(case: cases.Case, mine: Callable[..., Any]) -> str:
    """How a forward differs from the pair's, "" if it does not."""
    inputs = [x.clone() if isinstance(x, Tensor) else x for x in case.inputs]
    try:
        y = call(mine, *inputs, **case.options)
    except Exception as error:
        return f"{case.label}: it raises {where(error)}"
    y = y[0] if isinstance(y, tuple) and len(y) == 2 else y
    if not isinstance(y, Tensor):
        return f"{case.label}: it returned a {type(y).__name__}, not y or (y, cache)"
    found = compare("y", y, case.forward(*case.inputs)[0])
    return "" if found.ok else f"{case.label}: {found}"

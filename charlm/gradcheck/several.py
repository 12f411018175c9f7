"""Judging a function at several sets of inputs: what is wrong in all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .judge import Finding, Refused, Verdict, common, input_names, judge
from .witnesses import BENCH


@dataclass(frozen=True)
class Judgement:
    """What to judge a backward at.

    Attributes:
        label: of the inputs; "" for the reader's own.
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: of the forward.
        seeds: how many gradients of the output to try.
        options: further arguments of :func:`.judge.judge`.
    """

    label: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: tuple[Any, ...]
    seeds: int
    options: dict[str, Any] = field(default_factory=dict)


def verdicts(
    trials: Iterable[Judgement], names_of: Callable[..., Any]
) -> dict[str, Any]:
    """Judge a backward at every set of inputs.

    Args:
        trials: what to judge.
        names_of: the function whose arguments name the inputs.

    Returns:
        ``status`` ("right", "wrong" or "unproved"), ``cases`` (a verdict for each set
        of inputs, with its label) and ``findings`` (what is wrong with each gradient in
        all cases).

    Raises:
        Refused: the forward cannot be judged at any of the inputs.
    """
    judged: list[tuple[str, Verdict]] = []
    problems = []
    named: set[str] = set()  # a slip is looked for once at inputs of a kind
    for one in trials:
        try:
            found = judge(
                BENCH,
                one.forward,
                one.backward,
                one.inputs,
                range(one.seeds),
                names=input_names(names_of, one.inputs),
                diagnose=one.label not in named,
                **one.options,
            )
        except Refused as error:
            problems.append(str(error))
            finding = Finding("", "refused", str(error))
            found = Verdict("wrong", findings=[finding])
        judged.append((one.label, found))
        if found.slips:
            named.add(one.label)
    if len(problems) == len(judged):
        raise Refused(problems[0])
    return together(judged)


def together(judged: list[tuple[str, Verdict]]) -> dict[str, Any]:
    """As :func:`verdicts`, of verdicts with the labels of their inputs."""
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

"""The judge: runs a backward, hears the witnesses, and says what is wrong and why."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .case import Case, Form, Trial
from .court import Bench, Court
from .guard import Gradients, Misbehaved, call, run_backward, run_forward
from .inputs import changed, gradient_name, input_names, named, prepared
from .measure import distance, upstream
from .slips import explain
from .verdict import Finding, Refused, Verdict

Function = Callable[..., Any]


def judge(
    bench: Bench,
    forward: Function,
    backward: Function,
    inputs: tuple[Any, ...],
    seeds: Iterable[int],
    *,
    kink: bool = False,
    forms: Iterable[Form] = (),
    names: list[str] | None = None,
    diagnose: bool = True,
) -> Verdict:
    """Judge a backward at one set of inputs.

    Args:
        bench: the witnesses.
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: of the forward; floating-point tensors are judged in float64.
        seeds: of the upstream gradients to try.
        kink: the inputs are declared to lie on a kink.
        forms: wrong forms with names, to compare a wrong gradient with.
        names: of the inputs, if the forward does not tell.
        diagnose: look for the slip that a wrong gradient equals.

    Raises:
        Refused: the forward or the inputs cannot be judged at.
    """
    names = names or input_names(forward, inputs)
    evidence = prepared(inputs, names)
    before = [(name, t.detach().clone()) for name, t in named(inputs, names)]
    y = _forward(forward, evidence, inputs, names)
    court = Court(bench, lambda *v: call(forward, *v), evidence, names, kink)
    verdict = Verdict(limits=bench.limits, notes=court.notes, silent=court.silent)
    _note_casts(verdict, inputs, names)
    try:
        trials = [
            _trial(forward, backward, evidence, names, upstream(y, seed), k == 0)
            for k, seed in enumerate(seeds)
        ]
        written = changed(before, named(inputs, names))
        if written:
            words = f"{written} was written to, outside of what the functions are given"
            raise Misbehaved(Finding("", "writes", words))
    except Misbehaved as error:
        verdict.status, verdict.findings = "wrong", error.findings
        verdict.errors = dict.fromkeys(bench.witnesses, float("inf"))
        return verdict

    def again(dy: Tensor, cache: Any) -> Gradients:
        """The backward once more, for other gradients of the output."""
        _, cache, own = run_forward(forward, evidence, names)
        return run_backward(backward, dy, cache, own, names)

    for dy, ours in trials:
        for name, off in court.hear(dy, ours, again).items():
            known = verdict.errors.setdefault(name, off)
            if known is not None:
                verdict.errors[name] = None if off is None else max(off, known)
    if any(e is not None and e > bench.limits[w] for w, e in verdict.errors.items()):
        verdict.status = "wrong"
        case = Case(forward, names, court.witness, forms=tuple(forms))
        if diagnose:
            _explain(verdict, case, court, again, y, trials)
    else:
        rights = [court.witness(court.run, evidence, dy) for dy, _ in trials]
        _prove(verdict, evidence, names, y, rights)
    return verdict


def _forward(
    forward: Function,
    evidence: tuple[Any, ...],
    inputs: tuple[Any, ...],
    names: list[str],
) -> Tensor:
    """The output, which has to be the same each time."""
    try:
        y, _, _ = run_forward(forward, evidence, names)
    except Refused as refused:
        cast = [names[i] for i in floating(inputs) if inputs[i].dtype != torch.float64]
        if not cast or refused.__cause__ is None:  # it ran, and is wrong in any type
            raise
        try:
            call(forward, *inputs)
        except Exception:
            raise refused from None
        raise Refused(
            f"{', '.join(cast)} cannot be made float64, in which gradients are judged: "
            f"{refused}. It runs as given, so it holds a tensor of its own in another "
            "type: give that one as an input too, or use dtype=x.dtype"
        ) from refused
    once_more, _, _ = run_forward(forward, evidence, names)
    if distance((once_more,), (y,), (0.0,)) > 1e-10:
        raise Refused(
            "the forward gives another output for the same inputs; if it draws random "
            "numbers, make them an argument (a mask, a noise)"
        )
    return y


def _trial(
    forward: Function,
    backward: Function,
    evidence: tuple[Any, ...],
    names: list[str],
    dy: Tensor,
    twice: bool,
) -> tuple[Tensor, Gradients]:
    """What the backward returns for one gradient of the output."""
    _, cache, own = run_forward(forward, evidence, names)
    ours = run_backward(backward, dy, cache, own, names)
    if twice:
        second = run_backward(backward, dy, cache, own, names)
        scale = [1e-12 * (a.abs().max().item() if a.numel() else 0.0) for a in ours]
        if distance(second, ours, tuple(scale)) > 1e-10:
            words = (
                "the backward gives another result when it is called again with the "
                "same dy and cache; it keeps state, or draws random numbers"
            )
            raise Misbehaved(Finding("", "state", words))
    return dy, ours


def _note_casts(verdict: Verdict, inputs: tuple[Any, ...], names: list[str]) -> None:
    """Say which inputs are judged in another type than they were given in."""
    cast = {
        names[i]: str(inputs[i].dtype).removeprefix("torch.")
        for i in floating(inputs)
        if inputs[i].dtype != torch.float64
    }
    if cast:
        kinds = ", ".join(dict.fromkeys(cast.values()))
        were = "was" if len(cast) == 1 else "were"
        verdict.notes.append(f"judged in float64: {', '.join(cast)} {were} {kinds}")


def _explain(
    verdict: Verdict,
    case: Case,
    court: Court,
    again: Callable[[Tensor, Any], Gradients],
    y: Tensor,
    trials: list[tuple[Tensor, Gradients]],
) -> None:
    """Which gradient is wrong, and which slip it equals."""
    dys = [dy for dy, _ in trials[:3]]
    dys += [upstream(y, 1000 + k) for k in range(3 - len(dys))]
    for dy in (*dys, dys[0] + dys[1]):
        ours = again(dy, None)
        right = court.witness(court.run, court.inputs, dy)
        if court.notes and any(mask.any() for mask in court.masks):
            ours, right = court.smooth(ours), court.smooth(right)
        case.trials.append(Trial(court.inputs, y, dy, ours, right))
    verdict.slips = explain(case)
    verdict.findings = [fits[0][1] for fits in verdict.slips.values()]
    if not verdict.findings:
        words = "the gradients are close to right, but not to all the digits they have"
        verdict.findings = [Finding("", "imprecise", words)]


def _prove(
    verdict: Verdict,
    evidence: tuple[Any, ...],
    names: list[str],
    y: Tensor,
    rights: list[Gradients],
) -> None:
    """Whether agreement means anything at these inputs."""
    where = floating(evidence)
    full = [i for i in where if evidence[i].numel()]
    blank = [names[i] for i in full if not evidence[i].any()]
    zeros = [
        names[i]
        for i, *ds in zip(where, *rights, strict=True)
        if i in full and not any(d.any() for d in ds)
    ]
    remedy = "give random numbers"
    if not y.numel() or not full:
        empty = [names[i] for i in where if i not in full]
        words = f"there is nothing to compare: {', '.join(empty) or 'y'} is empty"
        found = [Finding("", "empty", f"{words}; give tensors with elements")]
    elif len(blank) == len(full):
        words = f"zeros prove nothing: {', '.join(blank)} is zero throughout"
        found = [
            Finding("", "all zero", f"{words}, where many formulas meet; {remedy}")
        ]
    elif len(zeros) == len(full):
        words = "every gradient is zero at these inputs, and so is many a wrong one"
        found = [Finding("", "zero gradient", f"{words}; {remedy}, or others")]
    elif blank and zeros:
        found = [
            Finding(
                gradient_name(name),
                "zero gradient",
                f"nothing is proved of {gradient_name(name)}: it is zero here because "
                f"{', '.join(blank)} is zero throughout; {remedy}",
            )
            for name in zeros
        ]
    else:
        found = []
        for name in zeros:
            verdict.notes.append(f"{gradient_name(name)} is zero at these inputs")
    if found:
        verdict.status, verdict.findings = "unproved", found

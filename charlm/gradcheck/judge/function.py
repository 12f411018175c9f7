"""Judging what is no backward: a function by its values, a JVP by its transpose."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .case import Case, Form, Trial
from .guard import Gradients, Misbehaved, call, where
from .guesses import close
from .inputs import copies, input_names
from .measure import distance, upstream
from .slips import explain
from .verdict import Finding, Verdict

LIMIT = {"values": 1e-9}
"""Largest difference of a value that passes, relative to the largest of its tensor."""


def judge_function(
    right: Callable[..., Any],
    mine: Callable[..., Any],
    draws: Iterable[tuple[Any, ...]],
    returns: tuple[str, ...],
    slips: dict[str, Callable[..., Any]] | None = None,
) -> Verdict:
    """Compare a function with a right one, and name the slip where they differ.

    Args:
        right: the function that is wanted.
        mine: the one to judge; both return one value, or a tuple of them.
        draws: several sets of arguments, of the same shapes.
        returns: a name for each value.
        slips: a mistake in words -> the function that makes it; without, a difference
            is not explained.
    """
    verdict, trials = Verdict(limits=LIMIT), []

    def form(wrong: Callable[..., Any]) -> Callable[..., Gradients]:
        return lambda inputs, dy: _values(wrong, inputs, returns)

    none = torch.zeros(())  # there is no gradient of the output
    try:
        for inputs in draws:
            due = _values(right, inputs, returns)
            ours = _returned(mine, inputs, returns, due)
            trials.append(Trial(inputs, none, none, ours, due))
    except Misbehaved as error:
        verdict.status, verdict.findings = "wrong", error.findings
        verdict.errors = {"values": float("inf")}
        return verdict
    off = max(
        distance(t.ours, t.right, tuple(1e-14 * _size(r) for r in t.right))
        for t in trials
    )
    verdict.errors = {"values": off}
    verdict.status = "right" if off <= LIMIT["values"] else "wrong"
    if not verdict.ok and slips is not None:
        forms = tuple(Form("", words, form(f)) for words, f in slips.items())
        names = input_names(right, trials[0].inputs)
        again = lambda f, inputs, _: _values(f, inputs, returns)  # noqa: E731
        case = Case(right, names, again, trials, forms, returns)
        verdict.slips = explain(case)
        verdict.findings = [fits[0][1] for fits in verdict.slips.values()]
        if not verdict.findings:
            words = "close to right, but not to all the digits: float32 on the way?"
            verdict.findings = [Finding("", "imprecise", words)]
    return verdict


def alike(
    one: Callable[..., Any],
    mine: Callable[..., Any],
    draws: Iterable[tuple[Any, ...]],
    returns: tuple[str, ...],
) -> set[str]:
    """Names of the values in which two functions agree wherever both return numbers."""
    same = set(returns)
    for inputs in draws:
        try:
            first = _values(one, inputs, returns)
        except Exception:  # a slip may fail at what the right function takes
            return set()
        try:
            ours = _returned(mine, inputs, returns, first)
        except Misbehaved:  # it is told so, and nothing is seen of its slip here
            continue
        found = zip(returns, first, ours, strict=True)
        same -= {name for name, a, b in found if not close(a, b)}
    return same


def _values(
    f: Callable[..., Any], inputs: tuple[Any, ...], returns: tuple[str, ...]
) -> Gradients:
    """What a function of ours returns."""
    found = f(*copies(inputs))
    return tuple(map(_tensor, found if len(returns) > 1 else (found,)))


def _tensor(value: Any) -> Tensor:
    """A value as numbers in float64."""
    kind = None if isinstance(value, Tensor) else torch.float64  # floats in full
    found = torch.as_tensor(value, dtype=kind).detach()
    return found.as_subclass(Tensor).double().clone()


def _returned(
    mine: Callable[..., Any],
    inputs: tuple[Any, ...],
    returns: tuple[str, ...],
    due: Gradients,
) -> Gradients:
    """What the function returns, if it can be compared.

    Raises:
        Misbehaved: it raises, or returns anything but finite numbers, one tensor for
            each name.
    """

    def refuse(kind: str, words: str) -> Misbehaved:
        return Misbehaved(Finding("", kind, words))

    try:
        found = call(mine, *copies(inputs))
    except NotImplementedError as error:
        raise refuse("unwritten", "not written yet") from error
    except Exception as error:
        raise refuse("raises", f"it raises {where(error)}") from error
    wanted = ", ".join(returns)
    if found is None:
        words = f"it returned nothing; end it with `return {wanted}`"
        raise refuse("nothing returned", words)
    several = isinstance(found, tuple | list)
    count = len(found) if several else 1
    if len(returns) == 1:
        found = found[0] if isinstance(found, tuple) and count == 1 else found
        count = 1 if not isinstance(found, tuple) else count
    if count != len(returns):
        raise refuse("count", f"it returned {count} values; return {wanted}")
    ours = []
    each = found if len(returns) > 1 else (found,)
    for name, value, right in zip(returns, each, due, strict=True):
        if isinstance(value, Tensor) and value.is_complex():
            raise refuse("type", f"{name} is complex; return real numbers")
        try:
            ours.append(_tensor(value))
        except Exception as error:
            words = f"{name} is a {type(value).__name__}; return numbers or a tensor"
            raise refuse("type", words) from error
        if not ours[-1].isfinite().all() and right.isfinite().all():
            place = name + str((~ours[-1].isfinite()).nonzero()[0].tolist() or "")
            words = f"{name} is infinite or not a number, first at {place}"
            raise refuse("not finite", words)
    return tuple(ours)


def _size(t: Tensor) -> float:
    return t.abs().max().item() if t.numel() else 0.0


def transposed(
    jvp: Callable[..., Any], inputs: tuple[Any, ...]
) -> Callable[[Tensor, Any], Gradients]:
    """The backward that belongs to a JVP: J^T dy, from J times each unit tangent.

    So a JVP is judged by all witnesses of a backward, and its slips are found by the
    same search.

    Args:
        jvp: ``jvp(*tangents, cache) -> y_dot``, one tangent per floating-point input.
        inputs: of the forward.
    """
    like = [inputs[i] for i in floating(inputs)]

    def run(tangents: list[Tensor], cache: Any, dy: Tensor) -> Tensor:
        found = call(jvp, *tangents, cache)
        if found is None:
            words = "the JVP returned nothing; end it with `return y_dot`"
            raise Misbehaved(Finding("", "nothing returned", words))
        if not isinstance(found, Tensor) or found.shape != dy.shape:
            got = type(found).__name__
            if isinstance(found, Tensor):
                got = f"tensor of shape {tuple(found.shape)}"
            words = f"y_dot is a {got}; it has the shape of y, {tuple(dy.shape)}"
            raise Misbehaved(Finding("", "shape", words))
        return found

    def backward(dy: Tensor, cache: Any) -> Gradients:
        at = [upstream(x, 7 + k) for k, x in enumerate(like)]
        whole, added = run(at, cache, dy), torch.zeros_like(dy)
        grads = [torch.zeros_like(x) for x in like]
        for k, grad in enumerate(grads):
            for m in range(grad.numel()):
                unit = [torch.zeros_like(x) for x in like]
                unit[k].view(-1)[m] = 1.0
                column = run(unit, cache, dy)
                grad.view(-1)[m] = (column * dy).sum()
                added = added + column * at[k].reshape(-1)[m]
        if distance((added,), (whole,), (1e-12 * _size(whole),)) > 1e-9:
            words = "y_dot is not linear in the tangents, as every derivative is"
            raise Misbehaved(Finding("", "not linear", words))
        return tuple(grads)

    return backward

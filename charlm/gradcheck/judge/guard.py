"""Running functions by somebody else, and watching what they do.

They get copies, so they cannot change the evidence; what they write to is found by
comparing, and named. Whatever they raise or return becomes words.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .inputs import changed, copies, gradient_name, named, tensors
from .verdict import Finding, Refused

HOUSE = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
Gradients = tuple[Tensor, ...]


class Misbehaved(Exception):
    """A backward that cannot be compared, with the findings that say why."""

    def __init__(self, *findings: Finding):
        super().__init__("; ".join(f.words for f in findings))
        self.findings = list(findings)


class Ended(Exception):
    """A function tried to end the whole process."""


def where(error: BaseException) -> str:
    """The error in one line: its type, its message, and the reader's own line."""
    said = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    if isinstance(error, Ended):
        words, error = str(error), error.__cause__ or error
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith(HOUSE)]
    if own and own[-1].line:
        last = own[-1]
        words += f" (line {last.lineno} of {Path(last.filename).name}: {last.line})"
    return words


def call(function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Call a function that may do anything; what it raises becomes an Exception."""
    try:
        return function(*arguments, **more)
    except SystemExit as error:  # it would end the judge without a word
        raise Ended(f"SystemExit: it calls sys.exit({error.code!r})") from error


def run_forward(
    forward: Callable[..., Any], inputs: tuple[Any, ...], names: list[str]
) -> tuple[Tensor, Any, tuple[Any, ...]]:
    """Output, cache and the copies of the inputs that the forward was given.

    Raises:
        Refused: it raises, returns anything but (y, cache), or writes to its inputs.
    """
    own = copies(inputs)
    try:
        result = call(forward, *own)
    except Exception as error:
        raise Refused(f"the forward raises {where(error)}") from error
    if not isinstance(result, tuple | list) or len(result) != 2:
        found = type(result).__name__
        if isinstance(result, tuple | list):
            found += f" of {len(result)}"
        raise Refused(
            f"the forward returned a {found} and no cache; it has to return (y, cache),"
            " and the cache may be empty: return y, ()"
        )
    y, cache = result
    if not isinstance(y, Tensor):
        raise Refused(
            f"the forward's output is a {type(y).__name__}; it has to be one tensor "
            "(join several; no .item(), no numpy)"
        )
    if y.dtype != torch.float64:
        raise Refused(
            f"the forward returned {y.dtype} for inputs in float64, in which gradients "
            "are judged; let the output have the type of the inputs"
        )
    if not y.isfinite().all():
        raise Refused(
            "the forward's output is infinite or not a number; choose inputs where it "
            "is finite"
        )
    written = changed(named(inputs, names), named(own, names))
    if written:
        raise Refused(
            f"the forward writes to {written}; let it compute a new tensor instead"
        )
    return y.detach().clone(), cache, own


def run_backward(
    backward: Callable[..., Any],
    dy: Tensor,
    cache: Any,
    own: tuple[Any, ...],
    names: list[str],
) -> Gradients:
    """Gradients that can be compared, whatever their shape, and their own copies.

    Args:
        backward: ``backward(dy, cache)``.
        dy: gradient of the output; the backward gets a copy.
        cache: as the forward returned it.
        own: the copies of the inputs that the forward was given, perhaps in the cache.
        names: of the inputs.

    Raises:
        Misbehaved: it raises, writes to what it was given, or returns anything but one
            finite float64 tensor per floating-point input.
    """
    mine = dy.clone()

    def watched() -> list[tuple[str, Tensor]]:
        return [("dy", mine), *named(own, names), *tensors(cache, "cache")]

    before = [(path, t.detach().clone()) for path, t in watched()]
    try:
        found = call(backward, mine, cache)
    except Misbehaved:
        raise
    except NotImplementedError as error:
        raise Misbehaved(Finding("", "unwritten", "not written yet")) from error
    except Exception as error:
        words = f"the backward raises {where(error)}"
        raise Misbehaved(Finding("", "raises", words)) from error
    # the numbers as they are now: a later call may write to what was returned
    due = [gradient_name(names[i]) for i in floating(own)]
    gradients, findings = _sound(found, due)
    written = changed(before, watched())
    if written:
        words = (
            f"the backward writes to {written}; others use the same numbers, so let "
            "it compute new tensors (no in-place operation, .clone() first)"
        )
        findings.insert(0, Finding("", "writes", words))
    if findings:
        raise Misbehaved(*findings)
    return gradients


def _sound(found: Any, due: list[str]) -> tuple[Gradients, list[Finding]]:
    """Copies of what a backward returned, or what is wrong with it."""
    are = "is" if len(due) == 1 else "are"
    wanted = f"{len(due)} {are} due: {', '.join(due)}"
    if found is None:
        words = f"the backward returned nothing; end it with `return {', '.join(due)}`"
        return (), [Finding("", "nothing returned", words)]
    if isinstance(found, dict):
        words = f"the backward returned a dict; return a tuple: {wanted}"
        return (), [Finding("", "type", words)]
    values = list(found) if isinstance(found, tuple | list) else [found]
    if len(values) != len(due):
        count = f"{len(values)} gradient{'s' * (len(values) != 1)}"
        words = f"the backward returned {count}, but {wanted}"
        if sum(v is not None for v in values) == len(due):
            words += "; leave the None out, inputs of integers have no gradient"
        return (), [Finding("", "count", words)]
    findings = [
        Finding(name, kind, f"{name} {words}")
        for name, value in zip(due, values, strict=True)
        for kind, words in _ill(name, value)
    ]
    if findings:
        return (), findings
    # a subclass of Tensor could answer differently than its numbers do
    return tuple(v.detach().as_subclass(Tensor).clone() for v in values), []


def _ill(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Kind and words of what makes a value no gradient; at most one."""
    if value is None:
        yield "nothing returned", "is None; return a tensor of zeros if nothing flows"
    elif type(value).__module__ == "numpy":
        yield "type", "is a numpy array; return torch.from_numpy(...) or use torch"
    elif not isinstance(value, Tensor):
        yield "type", f"is a {type(value).__name__}; return a tensor"
    elif value.is_complex():
        yield "type", "is complex; gradients of real inputs are real"
    elif value.layout != torch.strided:
        yield "type", "is sparse; return .to_dense()"
    elif value.dtype != torch.float64:
        yield (
            "type",
            f"is {value.dtype} for inputs in float64; make new tensors with "
            "torch.zeros_like(x), dy.new_zeros(...) or dtype=dy.dtype",
        )
    elif not value.isfinite().all():
        bad = (~value.isfinite()).nonzero()
        place = name + (str(bad[0].tolist()) if value.dim() else "")
        yield (
            "not finite",
            f"is infinite or not a number at {len(bad)} of {value.numel()} places, "
            f"first at {place}: a division by zero, log(0), or 0 * inf?",
        )

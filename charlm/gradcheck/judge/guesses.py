"""What slips predict: a gradient that is wrong in a known way, up to a constant."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .case import Case, Trial

CLOSE = 1e-7
"""Largest relative difference between a prediction and what was returned."""

CHANGES: tuple[tuple[str, str, Callable[[Tensor], Tensor]], ...] = (
    ("zero", "if {} were zero", torch.zeros_like),
    ("one", "if {} were one", torch.ones_like),
    ("minus", "if {} had the other sign", torch.neg),
)
"""Key, words and change of an input that a function may have left out or turned."""

Guess = tuple[str, str, str, Callable[[Trial], Tensor | None]]
"""Key, kind and words of a slip, and the gradient that it predicts for a trial."""


def close(a: Tensor, b: Tensor) -> bool:
    """Equal in shape and, but for rounding, in all numbers."""
    if a.shape != b.shape:
        return False
    if not a.numel():
        return True
    scale = max(a.abs().max().item(), b.abs().max().item())
    return (a - b).abs().max().item() <= CLOSE * scale


def factor(ours: Tensor, predicted: Tensor | None) -> float | None:
    """The constant c with ours = c * predicted, None if there is none."""
    if predicted is None or predicted.shape != ours.shape or not ours.numel():
        return None
    square = (predicted * predicted).sum().item()
    if not square or not math.isfinite(square):
        return None
    c = (ours * predicted).sum().item() / square
    return c if c and close(ours, c * predicted) else None


def near(a: float, b: float) -> bool:
    """Equal but for rounding."""
    return abs(a - b) <= 1e-6 * abs(b)


def guesses(case: Case, i: int) -> Iterator[Guess]:
    """Slips that predict the gradient up to a constant."""

    def again(inputs: tuple[Any, ...], dy: Tensor) -> Tensor | None:
        try:
            return case.witness(case.forward, inputs, dy)[i]
        except Exception:  # the forward need not take such inputs
            return None

    def swapped(t: Trial, j: int, value: Tensor) -> tuple[Any, ...]:
        return (*t.inputs[:j], value, *t.inputs[j + 1 :])

    yield "right", "factor", "is off by a factor", lambda t: t.right[i]
    first = case.trials[0]
    shape = first.right[i].shape
    for order in itertools.permutations(range(len(shape))):
        if len(shape) > 4 or order == tuple(range(len(shape))):
            continue
        text = "is transposed" if len(shape) == 2 else f"has its axes permuted {order}"
        yield f"axes {order}", "transposed", text, _permuted(i, order, view=False)
        text = "has its numbers in the wrong order: a view where a transpose is needed"
        yield f"view {order}", "viewed", text, _permuted(i, order, view=True)
    text = "has the right numbers in another shape"
    yield "reshaped", "shape", text, lambda t: _reshaped(t.right[i], t.ours[i])
    for k, other in enumerate(case.due):
        if k != i:
            text = f"is what {other} should be"
            yield f"is {k}", "mixed up", text, lambda t, k=k: t.right[k]  # type: ignore[misc]
    if case.returns:
        for j, (key, text, change) in itertools.product(
            floating(first.inputs), CHANGES
        ):
            yield (
                f"{key} input {j}",
                "left out",
                f"is what it would be {text.format(case.names[j])}",
                lambda t, j=j, change=change: again(  # type: ignore[misc]
                    swapped(t, j, change(t.inputs[j])), t.dy
                ),
            )
    else:
        text = "is the local derivative alone: dy is not multiplied in"
        ones = lambda t: again(t.inputs, torch.ones_like(t.dy))  # noqa: E731
        yield "ones", "dy forgotten", text, ones
        text = "is that for dy with its negative numbers cut off"
        cut = lambda t: again(t.inputs, t.dy.clamp_min(0))  # noqa: E731
        yield "relu dy", "dy changed", text, cut
    for j in floating(first.inputs):
        x, name = first.inputs[j], case.names[j]
        if x.dim() >= 2 and x.shape[-1] == x.shape[-2] > 1:
            text = f"goes through {name} instead of its transpose, or the reverse"
            yield (
                f"transposed input {j}",
                "transposed factor",
                text,
                lambda t, j=j: again(swapped(t, j, t.inputs[j].mT), t.dy),  # type: ignore[misc]
            )
        if x.shape == first.y.shape and first.y.dim():
            text = f"is taken at the output where it should be taken at {name}"
            yield (
                f"at output {j}",
                "at the output",
                text,
                lambda t, j=j: again(swapped(t, j, t.y), t.dy),  # type: ignore[misc]
            )


def _permuted(
    i: int, order: tuple[int, ...], view: bool
) -> Callable[[Trial], Tensor | None]:
    def predict(t: Trial) -> Tensor | None:
        right = t.right[i]
        if right.dim() != len(order):
            return None
        moved = right.permute(order)
        return moved.reshape(right.shape) if view else moved

    return predict


def _reshaped(right: Tensor, ours: Tensor) -> Tensor | None:
    fits = ours.numel() == right.numel() and ours.shape != right.shape
    return right.reshape(ours.shape) if fits else None


def constants(c: float, t: Trial, names: list[str]) -> Iterator[tuple[str, str, str]]:
    """Key, kind and words of a constant factor, the simplest first."""
    if near(c, -1):
        yield "sign", "sign", "has the wrong sign"
        return
    minus = ", and has the wrong sign" if c < 0 else ""
    prefix = "-" if minus else ""
    c = abs(c)
    if near(c, 2):
        yield f"{prefix}2", "factor 2", f"is twice too large{minus}"
    if near(c, 0.5):
        yield f"{prefix}1/2", "factor 1/2", f"is half of what it should be{minus}"
    for where, n in _lengths(t, names):
        for power, size in ((1.0, f"{n}"), (0.5, f"the root of {n}")):
            if near(c, n**power):
                words = f"is too large by {size}, {where}: divide by it{minus}"
                yield f"{prefix}{where}^{power}", "factor N", words
            if near(c, n**-power):
                words = f"is too small by {size}, {where}: one division too many"
                words += " (a mean in place of a sum?)" + minus
                yield f"{prefix}{where}^-{power}", "factor 1/N", words
    yield f"{prefix}{c:.6g}", "factor", f"is {c:.6g} times what it should be{minus}"


def _lengths(t: Trial, names: list[str]) -> Iterator[tuple[str, int]]:
    """Numbers that a gradient may be wrongly multiplied by, and what they count."""
    for what, x in (("dy", t.dy), *zip(names, t.inputs, strict=True)):
        if not isinstance(x, Tensor):
            continue
        for axis, n in enumerate(x.shape):
            if n > 1:
                yield f"the length of axis {axis - x.dim()} of {what}", n
        for axes in range(2, x.dim() + 1):
            n = math.prod(x.shape[:axes])
            rows = "elements" if axes == x.dim() else "rows"
            if n > 1:
                yield f"the number of {rows} of {what}, to axis {axes - x.dim()}", n
        if x.dtype == torch.long and 1 < int((x >= 0).sum()) < x.numel():
            yield f"the number of {what} that count", int((x >= 0).sum())

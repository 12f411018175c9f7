"""What slips predict: a gradient that is wrong in a known way, up to a constant."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .guard import Gradients
from .inputs import gradient_name
from .paths import Edge, cut

CLOSE = 1e-7
"""Largest relative difference between a prediction and what was returned."""

Witness = Callable[[Callable[..., Any], tuple[Any, ...], Tensor], Gradients]

CHANGES: tuple[tuple[str, str, Callable[[Tensor], Tensor]], ...] = (
    ("zero", "if {} were zero", torch.zeros_like),
    ("one", "if {} were one", torch.ones_like),
    ("minus", "if {} had the other sign", torch.neg),
)
"""Key, words and change of an input that a function may have left out or turned."""


@dataclass(frozen=True)
class Form:
    """A wrong form, from the bug zoo or of a task.

    Attributes:
        name: of the mistake in the zoo, "" for one of a task.
        slip: the mistake in words.
        gradients: (inputs, dy) -> what that wrong form returns.
    """

    name: str
    slip: str
    gradients: Callable[[tuple[Any, ...], Tensor], Gradients]


@dataclass(frozen=True)
class Trial:
    """One upstream gradient: what was returned, and what is right."""

    inputs: tuple[Any, ...]
    y: Tensor
    dy: Tensor
    ours: Gradients
    right: Gradients


@dataclass
class Case:
    """All trials of a backward on one set of inputs.

    Attributes:
        forward: of the pair.
        names: of the inputs.
        witness: a right gradient for any forward, inputs and dy.
        trials: with different upstream gradients.
        forms: wrong forms to compare with by name.
        returns: names of what a plain function returns, where no gradients are due:
            then ``right`` are its values, and ``witness`` gives them for other inputs.
        less: what :meth:`without` has computed.
    """

    forward: Callable[..., Any]
    names: list[str]
    witness: Witness
    trials: list[Trial] = field(default_factory=list)
    forms: tuple[Form, ...] = ()
    returns: tuple[str, ...] = ()
    less: dict[tuple[int, frozenset[Edge]], Gradients | None] = field(
        default_factory=dict, init=False, repr=False
    )

    def without(self, trial: Trial, edges: frozenset[Edge]) -> Gradients | None:
        """All gradients of a trial with these paths cut; None if it will not run."""
        key = id(trial), edges
        if key not in self.less:
            try:
                forward = cut(self.forward, edges)
                self.less[key] = self.witness(forward, trial.inputs, trial.dy)
            except Exception:  # an operation that will not run on a constant
                self.less[key] = None
        return self.less[key]

    @property
    def due(self) -> list[str]:
        """Names of what has to be returned."""
        if self.returns:
            return list(self.returns)
        return [gradient_name(self.names[i]) for i in floating(self.trials[0].inputs)]


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

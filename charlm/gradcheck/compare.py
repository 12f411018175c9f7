"""Comparing a gradient with a reference: shape first, then the numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor

RTOL = {torch.float64: 1e-9, torch.float32: 1e-5}


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found; ``str()`` is one line for a table.

    Attributes:
        name: what was compared.
        problem: why the two cannot be compared (shapes, not finite), else "".
        exact: every element is equal to the last bit.
        zero: both are zero up to rounding, where a relative error means nothing.
        max_diff: largest absolute difference.
        relative: ``max_diff`` divided by the largest magnitude of the reference.
        ok: no problem, and exact, zero or within the tolerance.
    """

    name: str
    problem: str
    exact: bool
    zero: bool
    max_diff: float
    relative: float
    ok: bool

    def __str__(self) -> str:
        mark = "ok  " if self.ok else "FAIL"
        if self.problem:
            return f"{mark} {self.name:15s} | {self.problem}"
        relative = "both zero" if self.zero else f"{self.relative:.1e}"
        return (
            f"{mark} {self.name:15s} | exact: {self.exact!s:5s} | "
            f"max difference: {self.max_diff:.1e} | relative: {relative}"
        )


def compare(
    name: str,
    ours: Tensor,
    reference: Tensor,
    rtol: float | None = None,
    zero: float | None = None,
) -> Comparison:
    """Compare a gradient with a reference: shape first, then the numbers.

    The difference is judged against the largest magnitude of the reference, not
    element by element: single elements near zero carry no information.

    Args:
        name: what is compared, for the printed line.
        ours: the gradient to judge, any shape.
        reference: the trusted one, which must have the same shape.
        rtol: largest relative difference that passes; by default 1e-9 in float64 and
            1e-5 in float32.
        zero: two gradients whose elements all stay below this magnitude count as zero;
            by default the spacing of floating-point numbers at 1.
    """
    if ours.shape != reference.shape:
        shapes = f"shape {tuple(ours.shape)} is not {tuple(reference.shape)}"
        return Comparison(name, shapes, False, False, float("inf"), float("inf"), False)
    if ours.numel() == 0:
        return Comparison(name, "", True, True, 0.0, 0.0, True)
    if not (ours.isfinite().all() and reference.isfinite().all()):
        found = "infinite or not a number"
        return Comparison(name, found, False, False, float("inf"), float("inf"), False)
    dtype = ours.dtype
    rtol = RTOL.get(dtype, 1e-2) if rtol is None else rtol
    zero = torch.finfo(dtype).eps if zero is None else zero
    diff = (ours - reference).abs().max().item()
    scale = reference.abs().max().item()
    both_zero = max(ours.abs().max().item(), scale) <= zero
    relative = 0.0 if diff == 0 else diff / scale if scale else float("inf")
    exact = torch.equal(ours, reference)
    ok = exact or both_zero or relative <= rtol
    return Comparison(name, "", exact, both_zero, diff, relative, ok)

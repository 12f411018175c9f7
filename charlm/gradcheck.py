"""Witnesses: independent ways to compute a gradient, and the comparison with ours.

Three witnesses share one signature, ``witness(f, inputs, dy)``. ``f`` is the forward
function of a pair, ``dy`` the gradient of the loss with respect to its output; each
returns a tuple with one gradient per floating-point tensor among the inputs. Two more
look along one random direction through all inputs, which scales to whole models.

==============================  ==============================  =======================
witness                         sees                            is blind to
==============================  ==============================  =======================
:func:`autograd`                every wrong backward            a wrong forward
:func:`.central_differences`    every wrong backward, without   errors below about 1e-9
                                any autograd
:func:`.complex_step`           every wrong backward, to the    functions that are not
                                last few bits, no autograd      analytic
:func:`.projection`             the sum of all errors along a   a small error in one of
                                direction, in four evaluations  many parameters
:func:`.taylor_order`           a wrong gradient, by the order  errors far below the
                                of the remainder: 1 and not 2   curvature
==============================  ==============================  =======================

At a kink (ReLU at 0, ties for a maximum) there is no gradient: there ours must lie
between the two :func:`.one_sided` slopes.

This is the only module of the package that may call ``torch.autograd``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from .compare import Comparison, compare
from .numeric import (
    Forward,
    NotAnalytic,
    central_differences,
    complex_step,
    directions,
    floating,
    one_sided,
    projection,
    taylor_order,
)

__all__ = [
    "TOLERANCE",
    "WITNESSES",
    "Comparison",
    "NotAnalytic",
    "autograd",
    "bracket",
    "central_differences",
    "cmp",
    "compare",
    "complex_step",
    "directions",
    "error",
    "errors",
    "floating",
    "grade",
    "gradients",
    "one_sided",
    "projection",
    "taylor_order",
    "upstream",
]

Backward = Callable[[Tensor, Any], Any]


def cmp(
    name: str, grad: Tensor, tensor: Tensor, rtol: float | None = None
) -> Comparison:
    """Compare our gradient with the one autograd left on a tensor, and print a line.

    Args:
        name: what is compared.
        grad: our gradient.
        tensor: a tensor that autograd has filled the ``.grad`` of.
        rtol: as in :func:`charlm.compare.compare`.

    Raises:
        ValueError: the tensor carries no gradient.
    """
    # a tensor that is not a leaf warns when its .grad is read before retain_grad()
    kept = tensor.is_leaf or tensor.retains_grad
    reference = tensor.grad if kept else None
    if reference is None:
        raise ValueError(
            f"cmp: {name!r} carries no gradient to compare with: set requires_grad on "
            "a parameter, call retain_grad() on an intermediate before the backward "
            "pass, then call backward() on the loss"
        )
    result = compare(name, grad, reference, rtol)
    print(result)
    return result


def autograd(f: Forward, inputs: tuple[Any, ...], dy: Tensor) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` by running our forward under autograd."""
    where = floating(inputs)
    with torch.inference_mode(False), torch.enable_grad():
        values = list(inputs)
        for i in where:
            values[i] = inputs[i].detach().clone().requires_grad_()
        y, _ = f(*values)
        leaves = [values[i] for i in where]
        return torch.autograd.grad(y, leaves, dy.clone())


WITNESSES = {
    "autograd": autograd,
    "central differences": central_differences,
    "complex step": complex_step,
}
"""Name of each witness, as the ledger heads its column, and the witness."""

TOLERANCE = {"autograd": 1e-9, "central differences": 1e-7, "complex step": 1e-12}
"""Largest error that passes in float64, relative to the largest gradient of a call."""


ZERO = 1e-11
"""Gradients that stay below this are zero on paper (differences leave about 1e-12)."""


def upstream(y: Tensor, seed: int = 0) -> Tensor:
    """A random gradient for an output, with its shape and type; never ones.

    With ones the loss is the plain sum of y, whose gradient through a normalisation or
    a softmax is zero: every wrong formula that is zero too would pass.
    """
    g = Generator().manual_seed(10_000 + seed)
    return torch.randn(y.shape, generator=g, dtype=torch.float64).to(y.dtype)


def gradients(backward: Backward, dy: Tensor, cache: Any) -> tuple[Tensor, ...]:
    """What a backward returns, always as a tuple."""
    found = backward(dy, cache)
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def error(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """Largest difference relative to the largest magnitude among all the references.

    One scale for all gradients of a call: a gradient that is zero by cancellation is
    then judged against the terms that cancel, not against its own rounding errors.
    When all references vanish, differences that do too count as none: numbers that
    are zero on paper come out as rounding errors. Infinite when a number or a shape of
    a gradient is wrong, or one is not finite.
    """
    if [a.shape for a in ours] != [b.shape for b in theirs]:
        return float("inf")
    if not all(t.isfinite().all() for t in (*ours, *theirs)):
        return float("inf")
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if b.numel()]
    diff = max(((a - b).abs().max().item() for a, b in pairs), default=0.0)
    largest = max((b.abs().max().item() for _, b in pairs), default=0.0)
    if diff == 0 or max(diff, largest) <= ZERO:
        return 0.0
    return diff / largest if largest else float("inf")


def bracket(
    forward: Forward, backward: Backward, inputs: tuple[Any, ...], seed: int = 0
) -> float:
    """How far a backward lies outside the slopes on both sides of a kink.

    One output at a time, whose sign decides which slope is the larger, along a shift
    of all inputs and four random directions; relative to the largest gradient.
    """
    y, cache = forward(*inputs)
    g = Generator().manual_seed(seed)
    shift = tuple(torch.ones_like(inputs[i]) for i in floating(inputs))
    ways = [shift, *(directions(inputs, g) for _ in range(4))]
    worst = 0.0
    for m in range(y.numel()):
        dy = torch.zeros_like(y)
        dy.view(-1)[m] = 1 - 2 * (m % 2)
        ours = gradients(backward, dy, cache)
        if [d.shape for d in ours] != [inputs[i].shape for i in floating(inputs)]:
            return float("inf")
        scale = max(d.abs().max().item() for d in ours) or 1.0
        for along in ways:
            slope = sum((d * v).sum().item() for d, v in zip(ours, along, strict=True))
            low, high = sorted(one_sided(forward, inputs, dy, along))
            worst = max(worst, (low - slope) / scale, (slope - high) / scale)
    return worst


def errors(
    forward: Forward,
    backward: Backward,
    inputs: tuple[Any, ...],
    seed: int = 0,
    kink: bool = False,
) -> dict[str, float | None]:
    """Run a backward against every witness, with a random upstream gradient.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: of the forward, in float64.
        seed: of the upstream gradient.
        kink: the inputs lie on a kink, where differences only :func:`bracket` it.

    Returns:
        Witness -> :func:`error`, None where it does not apply.
    """
    y, cache = forward(*inputs)
    dy = upstream(y, seed)
    ours = gradients(backward, dy, cache)
    found: dict[str, float | None] = {}
    for name, witness in WITNESSES.items():
        if kink and witness is central_differences:
            found[name] = bracket(forward, backward, inputs, seed)
            continue
        try:
            found[name] = error(ours, witness(forward, inputs, dy))
        except NotAnalytic:
            found[name] = None
    return found


def grade(forward: Forward, backward: Backward, *inputs: Any, seeds: int = 3) -> bool:
    """Judge a backward of your own; prints a line per witness, True if all agree.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: tensors in float64.
        seeds: how many upstream gradients to try.
    """
    good = True
    found = [errors(forward, backward, inputs, seed) for seed in range(seeds)]
    for name, limit in TOLERANCE.items():
        judged = [f[name] for f in found]
        worst = max((e for e in judged if e is not None), default=None)
        if worst is None:
            print(f"--   {name:20s} does not apply: no complex form of the forward")
            continue
        good = good and worst <= limit
        mark = "ok  " if worst <= limit else "FAIL"
        print(f"{mark} {name:20s} relative error {worst:.1e} (at most {limit:.0e})")
    return good

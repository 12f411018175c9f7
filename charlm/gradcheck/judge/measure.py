"""How far a gradient is from a reference, and what counts as far."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from ..numeric import Forward, directions, floating, one_sided
from .probe import EPS, size

Backward = Callable[[Tensor, Any], Any]

ZERO = 1e-11
"""Gradients that stay below this are zero on paper (differences leave about 1e-12)."""

TINY = 1e-50
"""Below every gradient: at a zero of third order the complex step leaves 1e-60."""


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


def distance(
    ours: tuple[Tensor, ...],
    theirs: tuple[Tensor, ...],
    floors: tuple[float, ...],
    limit: float = 0.0,
) -> float:
    """As :func:`error`, but every gradient by its own scale and its own rounding.

    Args:
        ours: the gradients to judge.
        theirs: the references.
        floors: per gradient, the difference that rounding alone may make; what is below
            it is measured by the scale of all gradients, and counts as rounding.
        limit: the error that would pass.
    """
    if [a.shape for a in ours] != [b.shape for b in theirs]:
        return float("inf")
    if not all(t.isfinite().all() for t in (*ours, *theirs)):
        return float("inf")
    largest = max((b.abs().max().item() for b in theirs if b.numel()), default=0.0)
    worst: float = 0.0
    for a, b, floor in zip(ours, theirs, floors, strict=True):
        if not b.numel():
            continue
        diff, scale = (a - b).abs().max().item(), b.abs().max().item()
        relative = diff / scale if scale else float("inf")
        if diff <= floor:
            relative = diff / largest if largest else 0.0
            relative = relative if relative <= limit else EPS
        worst = max(worst, relative)
    return worst


def rounding(
    witness: Callable[..., tuple[Tensor, ...]],
    forward: Forward,
    inputs: tuple[Any, ...],
    dy: Tensor,
) -> tuple[float, ...]:
    """Per gradient, the difference that rounding alone may make.

    The inputs are moved by one unit in their last place; no computation can do better
    than what that changes. A gradient that is zero by cancellation is thus known to be.
    """
    g = Generator().manual_seed(0)
    values = list(inputs)
    for k in floating(inputs):
        unit = EPS * torch.randn(inputs[k].shape, generator=g, dtype=torch.float64)
        values[k] = inputs[k] * (1 + unit)
    here, there = (witness(forward, tuple(v), dy) for v in (inputs, values))
    largest = max((a.abs().max().item() for a in here if a.numel()), default=0.0)
    total = (forward(*inputs)[0] * dy).abs().sum().item()
    floors = []
    for k, a, b in zip(floating(inputs), here, there, strict=True):
        noise = (b - a).abs().max().item() if a.numel() else 0.0
        natural = 64 * EPS * total / size(inputs[k])
        # where a kink is crossed the gradient jumps: that is no rounding
        noise = min(noise, max(1e-13 * largest, natural))
        floors.append(100 * noise + natural + TINY)
    return tuple(floors)


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
        dy = torch.zeros(y.numel(), dtype=y.dtype)
        dy[m] = 1 - 2 * (m % 2)
        dy = dy.view(y.shape)
        ours = gradients(backward, dy, cache)
        if [d.shape for d in ours] != [inputs[i].shape for i in floating(inputs)]:
            return float("inf")
        scale = max(d.abs().max().item() for d in ours) or 1.0
        for along in ways:
            slope = sum((d * v).sum().item() for d, v in zip(ours, along, strict=True))
            low, high = sorted(one_sided(forward, inputs, dy, along))
            worst = max(worst, (low - slope) / scale, (slope - high) / scale)
    return worst


def adjoint(
    forward: Forward,
    backward: Backward,
    jvp: Callable[..., Tensor],
    inputs: tuple[Any, ...],
    seed: int = 0,
) -> float:
    """How far <u, J v> is from <J^T u, v>, with J v by the JVP, J^T u by the backward.

    For a random u, and for v along one random direction per floating-point input and
    along all of them; relative to the largest gradient. Both rules have to be wrong in
    the same way for it to pass: it sees any other mistake in either, and says nothing
    of the forward beyond what stands in the cache.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        jvp: ``jvp(*tangents, cache) ->`` the tangent of y.
        inputs: of the forward.
        seed: of u and of the directions.

    Returns:
        The largest error, infinite where a shape is wrong or a number is not finite.
    """
    y, cache = forward(*inputs)
    u = upstream(y, seed)
    ours = gradients(backward, u, cache)
    whole = directions(inputs, Generator().manual_seed(seed))
    if [d.shape for d in ours] != [v.shape for v in whole]:
        return float("inf")
    zeros = tuple(torch.zeros_like(v) for v in whole)
    ways = [(*zeros[:i], v, *zeros[i + 1 :]) for i, v in enumerate(whole)]
    largest = max((d.abs().max().item() for d in ours if d.numel()), default=0.0)
    worst = 0.0
    for way in (whole, *ways):
        y_dot = jvp(*way, cache)
        if y_dot.shape != y.shape:
            return float("inf")
        terms = [(d * v).sum() for d, v in zip(ours, way, strict=True)]
        off = abs((u * y_dot).sum().item() - sum(terms, torch.zeros(())).item())
        if math.isnan(off):
            return float("inf")
        if max(off, largest) > ZERO:
            worst = max(worst, off / largest if largest else math.inf)
    return worst

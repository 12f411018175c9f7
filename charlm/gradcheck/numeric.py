"""Witnesses that only call the forward function, and record nothing while it runs.

``f(*inputs)`` returns ``(y, cache)``, as the forward of a pair does; ``dy`` is the
gradient of the loss with respect to ``y``.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

Forward = Callable[..., tuple[Any, Any]]


def floating(inputs: tuple[Any, ...]) -> list[int]:
    """Positions of the floating-point tensors: the inputs that have a gradient."""
    return [
        i
        for i, value in enumerate(inputs)
        if isinstance(value, Tensor) and value.is_floating_point()
    ]


class NotAnalytic(ValueError):
    """A function that cannot be carried to complex numbers."""


STENCIL = (-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)
"""Places in steps of h, and weights: their sum divided by 12 h is the slope."""


def central_differences(
    f: Forward,
    inputs: tuple[Any, ...],
    dy: Tensor,
    h: float | tuple[float, ...] = 3e-4,
) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` from four values around each element.

    The stencil (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h has an error of order
    (h / r)**4, where r is the distance over which f bends; h has to stay well below r
    (for 1/x near zero r is x) and well above rounding. It wants
    float64, where it is good to 1e-11 of the scale when r is about 1.
    ``judge/probe.py`` finds a step where this one does not fit. Several steps are one
    per floating-point input.
    """
    where, gradients = floating(inputs), []
    steps = h if isinstance(h, tuple) else (h,) * len(where)
    for i, step in zip(where, steps, strict=True):
        x = inputs[i].detach().clone(memory_format=torch.contiguous_format)
        values = (*inputs[:i], x, *inputs[i + 1 :])
        flat = x.view(-1)
        gradient = torch.zeros_like(flat)
        for k, centre in enumerate(flat.tolist()):
            for place, weight in STENCIL:
                flat[k] = centre + place * step
                gradient[k] += weight * (f(*values)[0] * dy).sum()
            flat[k] = centre
        gradients.append((gradient / (12 * step)).view(x.shape))
    return tuple(gradients)


def complex_step(
    f: Forward, inputs: tuple[Any, ...], dy: Tensor, h: float = 1e-30
) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` from one value of f at x + ih per element.

    f(x + ih) = f(x) + ih f'(x) + O(h**2): the imaginary part divided by h is the
    derivative. The formula subtracts nothing; what cancels inside f still does. f has
    to be analytic.

    Raises:
        NotAnalytic: f cannot be computed with complex numbers, or gives real ones. That
            it can is no proof; ``judge/probe.py`` asks further.
    """
    where = floating(inputs)
    values = list(inputs)
    for i in where:
        values[i] = inputs[i].to(torch.complex128)
    try:
        y = f(*values)[0]  # also where there is no element to move
    except Exception as error:  # torch has many ways to say that it has no such form
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise NotAnalytic(f"complex step: {said[0]}") from error
    if not y.is_complex():
        raise NotAnalytic("complex step: the forward drops the imaginary part")
    gradients = []
    for i in where:
        flat = values[i].clone(memory_format=torch.contiguous_format).view(-1)
        gradient = torch.zeros(flat.shape, dtype=torch.float64)
        shifted = [*values[:i], flat.view(inputs[i].shape), *values[i + 1 :]]
        for k, centre in enumerate(flat.tolist()):
            flat[k] = centre + 1j * h
            gradient[k] = (f(*shifted)[0].imag * dy).sum() / h
            flat[k] = centre
        gradients.append(gradient.view(inputs[i].shape))
    return tuple(gradients)


def directions(inputs: tuple[Any, ...], generator: Generator) -> tuple[Tensor, ...]:
    """A random direction for every floating-point tensor, all together of length 1."""
    found = [
        torch.randn(inputs[i].shape, generator=generator, dtype=inputs[i].dtype)
        for i in floating(inputs)
    ]
    length = math.sqrt(sum((v * v).sum().item() for v in found)) or 1.0
    return tuple(v / length for v in found)


def moved(
    inputs: tuple[Any, ...], along: tuple[Tensor, ...], step: float
) -> tuple[Any, ...]:
    """The inputs, each floating-point tensor moved by ``step`` along its direction."""
    values = list(inputs)
    for i, v in zip(floating(inputs), along, strict=True):
        values[i] = inputs[i] + step * v
    return tuple(values)


def projection(
    f: Forward,
    inputs: tuple[Any, ...],
    dy: Tensor,
    along: tuple[Tensor, ...],
    h: float = 3e-4,
) -> float:
    """Slope of ``sum(dy * f)`` along one direction through all inputs, by four values.

    It has to equal the sum of gradient times direction. Four evaluations check any
    number of parameters at once; an error is missed only if it is at right angles to
    the direction, which a random one is with probability zero, but an error in one
    parameter among many moves the result only a little.
    """
    total = 0.0
    for place, weight in STENCIL:
        y = f(*moved(inputs, along, place * h))[0]
        total += weight * (y * dy).sum().item()
    return total / (12 * h)


def taylor_order(
    f: Forward,
    inputs: tuple[Any, ...],
    dy: Tensor,
    gradients: tuple[Tensor, ...],
    along: tuple[Tensor, ...],
    h: float = 1e-3,
) -> float:
    """Order of the remainder L(x + hv) - L(x) - h <gradient, v> as h is halved.

    About 2 if the gradient is right, 1 if it is wrong. It needs no threshold on an
    error; it is blind to a mistake whose effect is far below the curvature, and where
    the function is a straight line along v the remainder is nothing but rounding: then
    the result is infinite.
    """
    value = (f(*inputs)[0] * dy).sum().item()
    slope = sum((d * v).sum().item() for d, v in zip(gradients, along, strict=True))
    rest = []
    for step in (h, h / 2):
        y = f(*moved(inputs, along, step))[0]
        rest.append(abs((y * dy).sum().item() - value - step * slope))
    scale = 1.0 + (f(*inputs)[0] * dy).abs().sum().item()
    if max(rest) <= 64 * torch.finfo(torch.float64).eps * scale:
        return math.inf
    return math.log2(rest[0] / rest[1]) if rest[1] else math.inf


def one_sided(
    f: Forward,
    inputs: tuple[Any, ...],
    dy: Tensor,
    along: tuple[Tensor, ...],
    h: float = 1e-5,
) -> tuple[float, float]:
    """Slopes of ``sum(dy * f(*inputs))`` on both sides, along one direction.

    At a kink the two differ, and that of a subgradient lies between them. From three
    values each, (4 f(h) - f(2h) - 3 f(0)) / 2h: good to about h**2.
    """
    here = f(*inputs)[0]
    left, right = (
        sum(
            weight * ((f(*moved(inputs, along, place * step))[0] - here) * dy).sum()
            for place, weight in ((1, 4.0), (2, -1.0))
        )
        / (2 * step)
        for step in (-h, h)
    )
    return float(left), float(right)

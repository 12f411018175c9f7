"""Questions about a forward at the inputs at hand, answered by evaluating it.

How far may a difference reach? Is the function analytic, so that a complex step makes
sense? Does it have a kink here? Nothing is looked up in a list of operations: what
matters is how the function behaves at these inputs.
"""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from ..numeric import STENCIL, Forward, NotAnalytic, directions, floating, moved

EPS = torch.finfo(torch.float64).eps
LADDER = [16.0**-k for k in range(-2, 6)]
"""Steps that are tried, in units of the usual one."""


def size(x: Tensor) -> float:
    """Median magnitude of the elements that are not zero; 1 if there are none."""
    found = x.abs()[x != 0]
    return found.median().item() if found.numel() else 1.0


def slopes(
    f: Forward, inputs: tuple[Any, ...], along: tuple[Tensor, ...], h: float
) -> Tensor:
    """Slope of every output along one direction, by four values."""
    # outputs that do not move cancel before anything is summed: less rounding
    found = sum(w * f(*moved(inputs, along, p * h))[0] for p, w in STENCIL)
    return torch.as_tensor(found) / (12 * h)


def step(f: Forward, inputs: tuple[Any, ...], i: int, usual: float = 3e-4) -> float:
    """A step for differences along input ``i`` that fits the function and the input.

    All elements are moved at once by up to the step, none like another: what hangs on
    the distance of two elements has to show. Where two steps of
    very different length give the same slopes, neither truncation nor rounding rules.
    The usual step is kept if it will do; else steps around it and around the size of
    the input are tried, and the one that agrees best with the next shorter one wins.
    """
    x = inputs[i]
    if not x.numel() or not f(*inputs)[0].numel():
        return usual
    g = Generator().manual_seed(0)
    still = {k: torch.zeros_like(inputs[k]) for k in floating(inputs)}
    ways = []
    for _ in range(2):  # along a single one, slopes may cancel by chance
        move = 2 * torch.rand(x.shape, generator=g, dtype=x.dtype) - 1
        ways.append(tuple((still | {i: move}).values()))
    tried: dict[float, Tensor] = {}
    largest = float(f(*inputs)[0].abs().max())

    def doubt(h: float) -> float:
        for length in (h, h / 16):
            if length not in tried:
                found = [slopes(f, inputs, way, length).flatten() for way in ways]
                tried[length] = torch.cat(found)
        long, short = tried[h], tried[h / 16]
        scale = max(float(long.abs().max()), float(short.abs().max()))
        if not scale or not math.isfinite(scale):  # no movement tells nothing
            return math.inf
        apart = float((long - short).abs().max())
        # what rounding alone makes of the shorter step says nothing against the longer
        return max(0.0, apart - 64 * EPS * largest / h) / scale

    if doubt(usual) <= 1e-8:
        return usual
    units = [usual, usual * size(x)]
    return min([usual, *(u * ratio for u in units for ratio in LADDER)], key=doubt)


def why_not_analytic(f: Forward, inputs: tuple[Any, ...]) -> str:
    """Why the complex step does not apply to a forward here; "" if it does.

    Of an analytic function the slope along the imaginary axis is ``i`` times that along
    the real one (the equations of Cauchy and Riemann). Both are measured, on two random
    directions through all inputs; a conjugate, an absolute value or a kink shows.
    """
    g = Generator().manual_seed(0)
    sizes = [size(inputs[k]) for k in floating(inputs)]
    for _ in range(2):
        random = directions(inputs, g)
        along = tuple(s * v for s, v in zip(sizes, random, strict=True))
        values = list(inputs)
        for k, v in zip(floating(inputs), along, strict=True):
            values[k] = torch.complex(inputs[k], 1e-30 * v)
        try:
            y = f(*values)[0]
            if not y.is_complex():
                raise NotAnalytic("the forward drops the imaginary part")
        except Exception as error:  # whatever torch says that it lacks
            said = str(error).strip().splitlines() or [type(error).__name__]
            return f"no complex form of the forward ({said[0]})"
        imaginary = y.imag / 1e-30
        if not y.numel():
            continue
        scale = max(imaginary.abs().max().item(), EPS)
        # steps in units of the inputs' size, and of one
        steps = [3e-4 * r * unit for unit in (1, 1 / min(sizes)) for r in LADDER]
        if not any(
            (slopes(f, inputs, along, h) - imaginary).abs().max().item() <= 1e-6 * scale
            for h in steps
        ):
            return "the forward is not analytic here"
    return ""


def kinks(
    f: Forward, inputs: tuple[Any, ...], dy: Tensor, h: tuple[float, ...]
) -> tuple[Tensor, ...]:
    """Where ``sum(dy * f(*inputs))`` has different slopes on the two sides.

    Args:
        f: the forward.
        inputs: of the forward.
        dy: the gradient of its output.
        h: a step per floating-point input, as :func:`step` finds it.

    Returns:
        A mask per floating-point input: elements along which the slope jumps. A bend
        shrinks with the step, a jump does not.
    """
    y = f(*inputs)[0]
    noise = 64 * EPS * (y * dy).abs().sum().item()
    masks = []
    for i, usual in zip(floating(inputs), h, strict=True):
        x = inputs[i].detach().clone(memory_format=torch.contiguous_format)
        values = (*inputs[:i], x, *inputs[i + 1 :])
        flat = x.view(-1)
        long, short = usual / 64, usual / 1024
        jumps = torch.zeros(2, flat.numel(), dtype=torch.float64)
        largest = 0.0
        for k, centre in enumerate(flat.tolist()):
            for row, length in enumerate((long, short)):
                side = []
                for sign in (-1, 1):
                    flat[k] = centre + sign * length
                    side.append(((f(*values)[0] - y) * dy).sum().item() * sign / length)
                flat[k] = centre
                jumps[row, k] = abs(side[1] - side[0])
                largest = max(largest, *map(abs, side))
        least = max(1e-5 * largest, noise / short)
        there = (jumps[0] > least) & (jumps[1] > 0.5 * jumps[0])
        masks.append(there.view(x.shape))
    return tuple(masks)

"""A minibatch in parts, and gradients in sixteen bits."""

import torch
from torch import Generator, Tensor

from ..cases.draw import randint, randn
from .task import Draws, task


def _parts(g: Generator) -> Draws:
    for label, sizes in (("three parts", (4, 7, 2)), ("two parts", (3, 3))):
        targets = [randint(g, 5, n) for n in sizes]
        targets[0][1:3] = -1
        yield label, (targets,)


@task(
    _parts,
    "shares",
    slips={
        "each part counts alike, 1 / K: this is the mean of means": (
            lambda parts: torch.ones(len(parts)) / len(parts)
        ),
        "places without a target, which are negative, count as well": (
            lambda parts: torch.tensor(
                [len(y) / sum(map(len, parts)) for y in parts]
            ).double()
        ),
        "these are the numbers of targets; divide by their sum": (
            lambda parts: torch.tensor([int((y >= 0).sum()) for y in parts])
        ),
        "targets that are 0 are left out; only negative ones are none": (
            lambda parts: (
                torch.stack([(y > 0).sum() for y in parts])
                / torch.cat(parts).gt(0).sum().double()
            )
        ),
    },
)
def shares(parts: list[Tensor]) -> Tensor:
    """Targets of K parts, negative where there is none  ->  shares (K), in float64."""
    counts = torch.stack([(y >= 0).sum() for y in parts]).double()
    share: Tensor = counts / counts.sum()
    return share


def _scaled(g: Generator) -> Draws:
    for label, size in (("long", 5.0), ("short", 0.1)):
        factor = torch.tensor(2.0**10).double()
        yield label, (factor * size * randn(g, 6), factor, torch.tensor(1.0).double())


def _cut(g: Tensor, longest: Tensor) -> Tensor:
    shorter: Tensor = g * (longest / g.norm()).clamp(max=1.0)
    return shorter


@task(
    _scaled,
    "g",
    slips={
        "it is clipped before it is divided by the factor": (
            lambda g, factor, longest: _cut(g, longest) / factor
        ),
        "each element is clipped; its length is due to be at most c": (
            lambda g, factor, longest: (g / factor).clamp(-longest, longest)
        ),
        "it is always made c long, also where it is shorter": (
            lambda g, factor, longest: g / g.norm() * longest
        ),
        "its largest element is compared with c, not its length": (
            lambda g, factor, longest: (
                g / factor * (longest / (g / factor).abs().max()).clamp(max=1.0)
            )
        ),
        "it is not clipped": lambda g, factor, longest: g / factor,
        "the square of its length is compared, not its length": (
            lambda g, factor, longest: (
                g / factor * (longest / (g / factor).square().sum()).clamp(max=1.0)
            )
        ),
    },
)
def unscaled(g: Tensor, factor: Tensor, longest: Tensor) -> Tensor:
    """g (P) of the loss times ``factor``  ->  the gradient (P), clipped."""
    return _cut(g / factor, longest)

"""Sums and terms: an axis summed too often or not at all, a path that is left out."""

import itertools
import math
from collections.abc import Iterator

from torch import Tensor

from .case import Case, Trial
from .guesses import CLOSE, close, factor, near
from .paths import Edge, cuts
from .verdict import Finding


def sums(name: str, trials: list[Trial], i: int) -> Iterator[tuple[str, Finding]]:
    """A sum over axes missing, or one too many, or a mean in its place."""
    ours, right = trials[0].ours[i], trials[0].right[i]
    shapes = f"shape {tuple(ours.shape)} should be {tuple(right.shape)}"
    for axes in _axes(ours.dim()):
        text = "axis " + " and ".join(map(str, axes))
        for keepdim in (False, True):
            if all(close(_sum(t.ours[i], axes, keepdim), t.right[i]) for t in trials):
                words = f"{name} is not summed over {text} yet: {shapes}"
                yield f"unsummed {axes}", Finding(name, "sum missing", words)
    for axes in _axes(right.dim()):
        text = "axis " + " and ".join(map(str, axes))
        n = math.prod(right.shape[a] for a in axes)
        if n < 2:
            continue
        for mean, sort in ((1, "sum"), (n, "mean")):
            for keepdim in (False, True):
                wrong = [_sum(t.right[i], axes, keepdim) / mean for t in trials]
                met = all(
                    close(t.ours[i], w)
                    or (keepdim and close(t.ours[i], w.expand(t.right[i].shape)))
                    for t, w in zip(trials, wrong, strict=True)
                )
                if met:
                    words = f"{name} has a {sort} over {text} too many"
                    yield f"{sort} {axes}", Finding(name, f"{sort} too many", words)


def _axes(count: int) -> Iterator[tuple[int, ...]]:
    """Sets of axes, counted from the right."""
    for size in range(1, min(count, 4) + 1):
        yield from itertools.combinations(range(-count, 0), size)


def _sum(x: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    return x.sum(axes, keepdim=keepdim)


def terms(case: Case, trials: list[Trial], i: int) -> Iterator[tuple[str, Finding]]:
    """A term of the sum over paths is missing, or has a wrong sign or factor."""
    name = case.due[i]
    if trials[0].ours[i].shape != trials[0].right[i].shape:
        return
    others = []
    for number, (edges, line) in enumerate(cuts(case.forward, trials[0].inputs)):
        c = _constant_share(case, trials, i, edges)
        if c is None:
            continue
        if near(c, -1):  # the plainest explanation ends the search
            words = f"{name} lacks the path through {line}"
            yield f"path {number}", Finding(name, "term missing", words)
            return
        if near(c, -2):
            kind, words = "term sign", "has the wrong sign on the path through"
        elif near(c, 1):
            kind, words = "term twice", "counts twice the path through"
        else:
            kind, words = "term factor", f"has a factor {1 + c:.6g} on the path through"
        if len(edges) == 1:
            finding = Finding(name, kind, f"{name} {words} {line}")
            others.append((f"path {number} {c:.6g}", finding))
    yield from others[:1]


def _constant_share(
    case: Case, trials: list[Trial], i: int, edges: frozenset[Edge]
) -> float | None:
    """The share of a path that is too much, if it is the same in all trials."""
    first = None
    for t in trials:
        without = case.without(t, edges)
        if without is None:
            return None
        c = _share(t.ours[i], t.right[i], t.right[i] - without[i])
        if c is None or (first is not None and not near(c, first)):
            return None
        first = c
    return first


def _share(ours: Tensor, right: Tensor, term: Tensor) -> float | None:
    """The constant c with ours = right + c * term; None if there is none."""
    scale = right.abs().max().item() if right.numel() else 0.0
    if not term.numel() or term.abs().max().item() <= CLOSE * scale:
        return None
    if close(term, right):  # the only path there is
        return None
    return factor(ours - right, term)

"""Statements about outcomes of training, held with a margin.

A gradient is right or wrong, on every machine. A loss is one draw from a distribution:
another seed, another processor, another thread, and it is another number. What a page
says of it may be asserted only with room for that, in units of how far the seeds lie
apart.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

from torch import Tensor

ASKED = 2.0  # spreads between what was measured and where the claim would end
SEEDS = 3  # fewer have no spread worth the name
RECORD = (
    "CHARLM_OUTCOMES"  # a file to which every outcome is added, in place of raising
)

OWN = (
    "CHARLM_NAMES"  # a list in place of the bundled one, for which claims were written
)
ELSEWHERE = "With another list of names this "  # begins what is said of such a claim

Measured = float | Sequence[float] | Tensor


class FellShort(AssertionError):
    """What was claimed did not come out with the margin that was asked."""


@dataclass(frozen=True, repr=False)
class Outcome:
    """What :func:`outcome` found; shown as one line.

    Attributes:
        claim: the sentence.
        said: the comparison with its measured values.
        margin: distance from the nearest end of the claim, in spreads; negative where
            the claim is not true.
        asked: the margin that it had to have.
        ok: whether it has it.
    """

    claim: str
    said: str
    margin: float
    asked: float
    ok: bool

    def __repr__(self) -> str:
        held = "holds" if self.ok else "fell short"
        return (
            f"{held}: {self.claim} | {self.said} | "
            f"margin {self.margin:.1f} spreads, asked {self.asked:g}"
        )


def numbers(side: Measured) -> list[float]:
    """One side of a comparison as a flat list of numbers."""
    if isinstance(side, Tensor):
        return [float(x) for x in side.detach().flatten().tolist()]
    if isinstance(side, int | float):
        return [float(side)]
    return [float(x) for x in side]


def deviation(side: list[float]) -> float:
    """Standard deviation; nan where a value is none, as after a run that diverged."""
    return stdev(side) if all(map(math.isfinite, side)) else math.nan


def shown(side: list[float]) -> str:
    """The values of one side, and their mean and spread where there are several."""
    if len(side) == 1:
        return f"{side[0]:.4g}"
    values = " ".join(f"{x:.4g}" for x in side[:6]) + (" ..." if len(side) > 6 else "")
    return f"[{values}; mean {fmean(side):.4g}, spread {deviation(side):.2g}]"


def outcome(
    claim: str, *chain: Measured | str, asked: float = ASKED, spread: float = 0.0
) -> Outcome:
    """Hold a statement about measured numbers, with a margin in units of their spread.

    The chain reads as one writes it, for two sides or more::

        outcome("the tree is below the MLP", tree, "<", mlp)
        outcome("it ends where it should", 2.33, "<", losses, "<", 2.40)
        outcome("seed by seed it is ahead", with_it - without, "<", 0)

    A side is a number, or the values of at least three seeds. Between two neighbours
    the distance of the means has to be ``asked`` times the spread: the standard
    deviation over the seeds, for two measured sides the root of the sum of squares.

    Args:
        claim: what the page says, in a few words.
        *chain: measured values and signs in turn, all ``"<"`` or all ``">"``.
        asked: how many spreads there have to be.
        spread: standard deviation over seeds known from elsewhere, such as a recorded
            study, where a side was measured once.

    Raises:
        FellShort: the margin is smaller, or the claim is not true; the message says
            what was claimed, what came out and how far it is. A record being made
            (the file named by ``CHARLM_OUTCOMES``) takes the failure instead; where
            ``CHARLM_NAMES`` puts another list in the place of the bundled one, it is
            printed, since the claim was written for the bundled one.
        ValueError: the chain cannot be read, or nothing tells the spread.
    """
    sides, signs = [numbers(s) for s in chain[::2]], chain[1::2]  # type: ignore[arg-type]
    if len(signs) != len(sides) - 1 or len({*signs}) != 1:
        raise ValueError(
            f"outcome: write value, sign, value, ...; got {len(chain)} parts"
        )
    if signs[0] not in ("<", ">"):
        raise ValueError(f"outcome: a sign is '<' or '>', not {signs[0]!r}")
    for side in sides:
        if len(side) != 1 and len(side) < SEEDS:
            raise ValueError(
                f"outcome: {len(side)} values; give one, or {SEEDS} or more"
            )
    if spread == 0 and all(len(side) == 1 for side in sides):
        raise ValueError(
            f"outcome: nothing tells how far seeds lie apart; measure {SEEDS}, "
            "or give spread= from a record"
        )
    towards = 1 if signs[0] == "<" else -1
    margins = []
    for left, right in pairwise(sides):
        gap = towards * (fmean(right) - fmean(left))
        across = math.hypot(
            spread, *(deviation(s) for s in (left, right) if len(s) != 1)
        )
        margins.append(gap / across if across else math.copysign(math.inf, gap or -1))
    margin = min(margins, key=lambda m: -math.inf if math.isnan(m) else m)
    ok = margin >= asked  # false for a nan too
    said = f" {signs[0]} ".join(map(shown, sides))
    found = Outcome(claim, said, margin, asked, ok)
    record = os.environ.get(RECORD)
    if record:
        with Path(record).open("a", encoding="utf8") as file:
            file.write(json.dumps(vars(found)) + "\n")
    elif not ok and os.environ.get(OWN):
        print(f"{ELSEWHERE}{found}")
    elif not ok:
        raise FellShort(str(found))
    return found


def fact(claim: str, holds: bool) -> None:
    """Hold a fact of the bundled list of names, such as that no name occurs twice.

    Raises:
        AssertionError: it is not so; printed instead where ``CHARLM_NAMES`` puts
            another list in the place of the bundled one.
    """
    if holds:
        return
    if not os.environ.get(OWN):
        raise AssertionError(claim)
    print(f"{ELSEWHERE}is not so: {claim}")

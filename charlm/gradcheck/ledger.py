"""The gradient ledger: every pair, run through every witness, with the worst errors."""

from collections.abc import Iterator
from dataclasses import dataclass

from .. import ops
from . import cases, witnesses
from .grade import errors
from .judge import adjoint
from .witnesses import TOLERANCE

SEEDS = (0, 1, 2)
COLUMNS = (*witnesses.WITNESSES, "adjoint")
"""The witnesses that judge any backward, and the JVP of the pair itself."""


@dataclass(frozen=True)
class Row:
    """What the witnesses say of one pair.

    Attributes:
        pair: its name.
        cases: how many sets of inputs were run, each with a random ``dy``.
        errors: witness -> worst error, relative to the gradient's largest element;
            None where the witness does not apply.
        worst: witness -> the label of the case where that error was met.
        problem: the first disagreement found, in words; "" when there is none.
    """

    pair: str
    cases: int
    errors: dict[str, float | None]
    worst: dict[str, str]
    problem: str

    @property
    def ok(self) -> bool:
        """Every witness agrees with the backward on every case."""
        return not self.problem


def judged(pair: str) -> Iterator[tuple[str, dict[str, float | None], str]]:
    """Run one pair through all witnesses, case after case, on three seeds.

    Yields:
        Label of the case, errors (witness -> error) and the first disagreement found,
        in words; "" when there is none.
    """
    for seed in SEEDS:
        listed, both = cases.cases(pair, seed), ops.pairs()[pair]
        for case in listed:
            f, inputs = case.forward, case.inputs
            found = errors(f, both.backward, inputs, seed, case.kink)
            if both.jvp:
                found["adjoint"] = adjoint(f, both.backward, both.jvp, inputs, seed)
            problems = (
                f"{pair}_backward, case {case.label!r}, seed {seed}: {name} "
                f"disagrees, relative error {error:.1e}"
                for name, error in found.items()
                if error is not None and error > TOLERANCE[name]
            )
            yield case.label, found, next(problems, "")


def check(pair: str) -> Row:
    """What all witnesses say of one pair, on all its cases and three seeds."""
    largest: dict[str, float | None] = dict.fromkeys(COLUMNS)
    worst = dict.fromkeys(COLUMNS, "")
    problem, count = "", 0
    for label, found, told in judged(pair):
        count += 1
        problem = problem or told
        for name, error in found.items():
            before = largest[name]
            if error is not None and (before is None or error > before):
                largest[name], worst[name] = error, label
    return Row(pair, count, largest, worst, problem)


def rows() -> list[Row]:
    """The whole ledger, a row per pair."""
    return [check(pair) for pair in ops.pairs()]

"""The gradient ledger: every pair, run through every witness, with the worst errors."""

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


def check(pair: str) -> Row:
    """Run one pair through all witnesses, on all its cases and three seeds."""
    largest: dict[str, float | None] = dict.fromkeys(COLUMNS)
    worst = dict.fromkeys(COLUMNS, "")
    problem, count = "", 0
    for seed in SEEDS:
        for case in cases.cases(pair, seed):
            count += 1
            both, f, inputs = ops.pairs()[pair], case.forward, case.inputs
            judged = errors(f, both.backward, inputs, seed, case.kink)
            if both.jvp:
                judged["adjoint"] = adjoint(f, both.backward, both.jvp, inputs, seed)
            for name, found in judged.items():
                if found is None:
                    continue
                before = largest[name]
                if before is None or found > before:
                    largest[name], worst[name] = found, case.label
                if found > TOLERANCE[name] and not problem:
                    problem = (
                        f"{pair}_backward, case {case.label!r}, seed {seed}: {name} "
                        f"disagrees, relative error {found:.1e}"
                    )
    return Row(pair, count, largest, worst, problem)


def rows() -> list[Row]:
    """The whole ledger, a row per pair."""
    return [check(pair) for pair in ops.pairs()]

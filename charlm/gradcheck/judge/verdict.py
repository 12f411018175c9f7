"""What a judge says: findings by name, errors by witness, and what to do."""

from dataclasses import asdict, dataclass, field
from typing import Any


class Refused(ValueError):
    """The functions or inputs cannot be judged; the message says what to change."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        gradient: which one, such as "dW"; "" if it is not about a single gradient.
        slip: its kind in a few fixed words, such as "transposed" or "writes".
        words: what is wrong and what to do, as a sentence for people.
        bug: the name of the same mistake in the bug zoo, or "".
    """

    gradient: str
    slip: str
    words: str
    bug: str = ""

    def __str__(self) -> str:
        return self.words


@dataclass
class Verdict:
    """What was found about a backward on one set of inputs.

    Attributes:
        status: "right", "wrong", or "unproved" where the inputs prove nothing.
        errors: witness -> relative error; None where it does not apply, infinite where
            there was nothing to compare.
        limits: witness -> the largest error that passes.
        silent: witness -> why it does not apply.
        findings: what is wrong, the most certain first.
        notes: what else a reader should know.
        slips: gradient -> all slips that fit, to be compared with other inputs.
    """

    status: str = "right"
    errors: dict[str, float | None] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    slips: dict[str, list[tuple[str, Finding]]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Right, and proved to be."""
        return self.status == "right"

    def lines(self) -> list[str]:
        """For people: a line per witness, then what is wrong, then notes."""
        if [finding.slip for finding in self.findings] == ["unwritten"]:
            return [f"--   {self.findings[0]}"]
        said = []
        for name, error in self.errors.items():
            limit = self.limits[name]
            if error is None:
                said.append(f"--   {name:20s} does not apply: {self.silent[name]}")
                continue
            if error == float("inf"):
                said.append(f"FAIL {name:20s} cannot be compared")
                continue
            mark = "ok  " if error <= limit else "FAIL"
            number = f"relative error {error:.1e} (at most {limit:.0e})"
            said.append(f"{mark} {name:20s} {number}")
        mark = "FAIL" if self.status == "wrong" else "--  "
        said += [f"{mark} {finding}" for finding in self.findings]
        return said + [f"note {note}" for note in self.notes]

    def as_dict(self) -> dict[str, Any]:
        """For machines: plain values; an infinite error becomes None."""
        found = asdict(self)
        del found["slips"]
        finite = {w: e for w, e in self.errors.items() if e is None or e < float("inf")}
        return found | {"errors": dict.fromkeys(self.errors) | finite}

"""What a list of items holds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """What a list of items holds, as the book prints it."""

    items: int
    distinct: int
    shortest: int
    longest: int
    mean_length: float
    symbols: str
    pairs: int
    sha256: str

    def rows(self) -> list[tuple[str, str]]:
        """Fact and value, for a table."""
        return [
            ("items", f"{self.items:,}"),
            ("distinct items", f"{self.distinct:,}"),
            ("length", f"{self.shortest} to {self.longest}"),
            ("mean length", f"{self.mean_length:.2f}"),
            ("characters", self.symbols),
            ("pairs of context and next character", f"{self.pairs:,}"),
            ("sha256 of the items", self.sha256[:16]),
        ]


def describe(items: Sequence[str]) -> Card:
    """Count what the items hold.

    Raises:
        ValueError: no items.
    """
    if not items:
        raise ValueError("describe: no items")
    lengths = [len(item) for item in items]
    text = "\n".join(items)
    return Card(
        items=len(items),
        distinct=len(set(items)),
        shortest=min(lengths),
        longest=max(lengths),
        mean_length=sum(lengths) / len(lengths),
        symbols="".join(sorted(set("".join(items)))),
        pairs=sum(lengths) + len(items),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )

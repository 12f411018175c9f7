"""The vocabulary: which symbols there are, and their numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .text import short

BOUNDARY = "."


@dataclass(frozen=True)
class Vocab:
    """The symbols of a data set, each once; the first begins and ends every item."""

    symbols: str

    @classmethod
    def of(cls, items: Iterable[str], boundary: str = BOUNDARY) -> "Vocab":
        """The items' characters, sorted, behind a boundary that they do not contain.

        Raises:
            ValueError: the boundary is not one character, or occurs in an item.
        """
        if len(boundary) != 1:
            raise ValueError(f"boundary is {boundary!r}; give one character")
        items = list(items)
        refuse_boundary(items, boundary)
        return cls(boundary + "".join(sorted(set().union(*items))))

    @cached_property
    def stoi(self) -> dict[str, int]:
        """Symbol -> its number."""
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    @cached_property
    def itos(self) -> dict[int, str]:
        """Number -> its symbol."""
        return dict(enumerate(self.symbols))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Numbers of the characters of a text.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        stoi = self.stoi
        try:
            return [stoi[c] for c in text]
        except KeyError:
            place, strange = next((i, c) for i, c in enumerate(text) if c not in stoi)
            raise ValueError(
                f"{short(text)}: character {place + 1}, {strange!r}, is not in the "
                f"vocabulary; known are {short(self.symbols)}"
            ) from None

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers.

        Raises:
            ValueError: a number is not that of a symbol.
        """
        try:
            return "".join([self.itos[int(i)] for i in numbers])
        except KeyError as error:
            raise ValueError(
                f"decode: {error} is not from 0 to {len(self) - 1}, the numbers of "
                "this vocabulary; decode with the one that encoded"
            ) from None


def refuse_boundary(items: Sequence[str], boundary: str) -> None:
    """Hold that no item contains the boundary.

    Raises:
        ValueError: says which item does.
    """
    for number, item in enumerate(items, 1):
        if boundary in item:
            raise ValueError(
                f"item {number}, {short(item)}, contains {boundary!r}, which marks the "
                "ends of items; replace it, or choose another boundary (--boundary)"
            )

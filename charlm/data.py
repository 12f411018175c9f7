"""Text as data: reading, vocabulary, splitting, windows, whole names, minibatches."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Generator, Tensor

from .fetch import SOURCES, locate
from .text import read_lines, read_text

BOUNDARY = "."
IGNORE = -1  # target of a place past the end of a name


def load(source: str | Path) -> list[str]:
    """The items of a known data set or of any text file with one item per line.

    Args:
        source: "names" (in the package, needs no network), "makemore" (downloaded
            once, or taken from the folder ``CHARLM_DATA``), or the path of a file.

    Raises:
        ValueError: says which file, which line, and what to do.
    """
    if str(source) in SOURCES:
        items = read_lines(locate(str(source)))
        for number, item in enumerate(items, 1):
            if not (item.isascii() and item.isalpha() and item.islower()):
                raise ValueError(
                    f"{source}, item {number}: {item!r} has characters outside a-z; "
                    "this data set is a list of names: load it with load_text"
                )
        return items
    path = Path(source)
    if not path.exists():
        locate(str(source))  # raises, and lists the known names
    return read_lines(path)


def load_text(source: str | Path) -> str:
    """The running text of a known data set ("tinyshakespeare") or of a text file.

    Raises:
        ValueError: as :func:`load`.
    """
    path = Path(source)
    return read_text(locate(str(source)) if not path.exists() else path)


@dataclass(frozen=True)
class Vocab:
    """The symbols of a data set; symbol 0 is the boundary that begins and ends an item.

    Attributes:
        symbols: every symbol once, the boundary first.
    """

    symbols: str

    @classmethod
    def of(cls, items: Iterable[str]) -> "Vocab":
        """The characters that occur in the items, sorted, behind the boundary.

        Raises:
            ValueError: the boundary itself occurs in an item.
        """
        items = list(items)
        for number, item in enumerate(items, 1):
            if BOUNDARY in item:
                raise ValueError(
                    f"item {number}, {item!r}, contains {BOUNDARY!r}, which marks the "
                    "ends of items; replace it in the data"
                )
        return cls(BOUNDARY + "".join(sorted(set("".join(items)))))

    @cached_property
    def index(self) -> dict[str, int]:
        """Symbol -> its number."""
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Numbers of the characters of a text.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        index = self.index
        try:
            return [index[c] for c in text]
        except KeyError:
            place, strange = next((i, c) for i, c in enumerate(text) if c not in index)
            raise ValueError(
                f"{text!r}: character {place + 1}, {strange!r}, is not in the "
                f"vocabulary; known are {self.symbols!r}"
            ) from None

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers."""
        return "".join(self.symbols[i] for i in numbers)


def split(
    items: Sequence[str], seed: int, fractions: tuple[float, float] = (0.8, 0.1)
) -> tuple[list[str], list[str], list[str]]:
    """Shuffle with a seed and cut into train, dev and test.

    With seed 42 on "makemore" this is the split of the lectures, name by name.

    Args:
        items: what to split.
        seed: of Python's random numbers.
        fractions: of train and dev; the rest is test.

    Raises:
        ValueError: a part would be empty.
    """
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)
    first = int(fractions[0] * len(shuffled))
    second = int(sum(fractions) * len(shuffled))
    parts = shuffled[:first], shuffled[first:second], shuffled[second:]
    if not all(parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise ValueError(
            f"split: {len(items)} items by {fractions} gives parts of {sizes}; give "
            "more items, or fractions that leave each part at least one"
        )
    return parts


def windows(items: Sequence[str], vocab: Vocab, block: int) -> tuple[Tensor, Tensor]:
    """Every character of every item with the ``block`` characters before it.

    Returns:
        X (N, block) contexts, filled with the boundary at the start, and Y (N) targets,
        the last one of an item being the boundary. N is all characters plus all ends.

    Raises:
        ValueError: no items, or ``block`` below 1.
    """
    if block < 1:
        raise ValueError(f"windows: block is {block}; a context has at least 1 symbol")
    if not items:
        raise ValueError("windows: no items to cut windows from")
    # all items in one row of symbols, each with `block` boundaries before it: then the
    # contexts are its overlapping pieces
    lengths = torch.tensor([len(item) + 1 for item in items])
    padded = "".join(vocab.symbols[0] * block + item for item in items)
    stream = torch.tensor(vocab.encode(padded + vocab.symbols[0]))
    number = torch.arange(len(items)).repeat_interleave(lengths)
    # place of each target: one later per character, `block - 1` more per new item
    place = torch.arange(len(number)) + block + number * (block - 1)
    Y = stream[place]
    X = stream.unfold(0, block, 1)[place - block]
    return X.contiguous(), Y


def pack(items: Sequence[str], vocab: Vocab) -> tuple[Tensor, Tensor]:
    """Whole items as rows, for models that predict at every place at once.

    Returns:
        X (N, T) begins with the boundary; Y (N, T) is the symbol after each place and
        ends with the boundary. T is the longest item plus one; places past the end of
        an item are 0 in X and -1, to be ignored, in Y.

    Raises:
        ValueError: no items.
    """
    if not items:
        raise ValueError("pack: no items")
    rows = [[0, *vocab.encode(item), 0] for item in items]
    longest = max(map(len, rows))
    pad = torch.tensor([row + [IGNORE] * (longest - len(row)) for row in rows])
    X, Y = pad[:, :-1].clone(), pad[:, 1:].contiguous()
    # the last boundary of an item is a target only, never an input
    X[Y == IGNORE] = 0
    return X, Y


def minibatch(
    X: Tensor, Y: Tensor, size: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """``size`` rows of X and Y, drawn with replacement."""
    ix = torch.randint(len(X), (size,), generator=generator)
    return X[ix], Y[ix]


def batches(
    X: Tensor, Y: Tensor, size: int, generator: Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """All rows once, in random order, ``size`` at a time; the last may be smaller.

    Raises:
        ValueError: ``size`` is below 1 or larger than the data.
    """
    if not 1 <= size <= len(X):
        raise ValueError(
            f"batches: size is {size}, and the data have {len(X)} rows; choose a size "
            "between 1 and that"
        )
    order = torch.randperm(len(X), generator=generator)
    pieces = (order[i : i + size] for i in range(0, len(X), size))
    return ((X[ix], Y[ix]) for ix in pieces)


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

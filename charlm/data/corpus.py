"""A data set made ready: split, with its vocabulary, in the form a model wants."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from .memory import refuse_beyond
from .odd import composed, spelt
from .rows import pack, split, windows
from .sources import SOURCES, is_running, load, load_text
from .text import short
from .vocab import BOUNDARY, Vocab

PARTS = ("train", "dev", "test")
"""Names of the three parts of a data set."""

START = "\0"  # begins a running text; no text contains it
FREE = "\n"  # no item contains it
LONGEST = 1_000  # symbols of an item that is read whole


class Reading(Protocol):
    """How a model reads: that many symbols back, windows or (causal) whole texts."""

    block: int
    causal: bool


def encode(model: Reading, items: list[str], vocab: Vocab) -> tuple[Tensor, Tensor]:
    """Items as this model wants them: whole if it is causal, else as windows."""
    if model.causal:
        return pack(items, vocab)
    return windows(items, vocab, max(model.block, 1))


@dataclass(frozen=True)
class Corpus:
    """Items or running text, split in three.

    Attributes:
        source: what it was loaded from.
        running: True for running text, False for items.
        vocab: the symbols; number 0 is the boundary.
        parts: train, dev and test, or all; lists of items, or of one text each.
        digest: sha256 of the content, to tell data sets apart.
        compose: letters and their accents were made one character.
    """

    source: str
    running: bool
    vocab: Vocab
    parts: dict[str, list[str]]
    digest: str
    compose: bool = False

    @property
    def text(self) -> str:
        """All of it, in one piece, in the order of the parts."""
        return "\n".join(item for part in self.parts.values() for item in part)

    @property
    def longest(self) -> str:
        """The longest item; of running text the shortest part, which limits a block."""
        items = [item for part in self.parts.values() for item in part]
        return min(items, key=len) if self.running else max(items, key=len)

    def fits(self, model: Reading) -> None:
        """Hold that a model can read every part.

        Raises:
            ValueError: an item that is longer than the block of a model that reads
                whole items, or than any such model should read; or running text with a
                part that is shorter than the block.
        """
        size = len(self.longest)
        if self.running:
            if size < model.block:
                raise ValueError(
                    f"{self.source}: one of its parts has {size} characters, and the "
                    f"model reads {model.block}; give a longer text, or a smaller block"
                )
            return
        # a model that joins neighbours or filters reads items longer than its context
        limit = model.block if hasattr(model, "check_length") else LONGEST
        if model.causal and size + 1 > limit:
            raise ValueError(
                f"{self.source}: {short(self.longest)} has {size:,} characters and an "
                f"end, and this model reads at most {limit:,}; shorten it, choose a "
                "larger block, read running text as such (--text), or choose the mlp"
            )
        items = [item for part in self.parts.values() for item in part]
        wide = size + 1 if model.causal else max(model.block, 1)
        rows = len(items) if model.causal else sum(len(item) + 1 for item in items)
        # X and Y, and the lists they are made from
        refuse_beyond(
            32 * rows * wide,
            f"{self.source}: {rows:,} rows of {wide:,} symbols",
            "choose a smaller block or fewer items",
        )

    def encode(self, model: Reading, part: str) -> tuple[Tensor, Tensor]:
        """X and Y of a part, as this model wants them.

        Raises:
            ValueError: as :meth:`fits`.
        """
        self.fits(model)
        if not self.running:
            return encode(model, self.parts[part], self.vocab)
        (text,) = self.parts[part]
        stream = torch.tensor([0, *self.vocab.encode(text)])
        size = max(model.block, 1)
        if model.causal:  # pieces side by side: every character is predicted once
            count = (len(stream) - 1) // size
            X = stream[: count * size].view(count, size)
            return X, stream[1 : count * size + 1].view(count, size)
        return stream[:-1].unfold(0, size, 1), stream[size:]


def corpus(
    source: str | Path,
    running: bool = False,
    seed: int = 42,
    boundary: str | None = None,
    compose: bool = False,
    vocab: Vocab | None = None,
    whole: bool = False,
) -> Corpus:
    """Load and split a data set.

    Items are shuffled with the seed and cut 80/10/10; running text is cut in place
    90/5/5, so that no part is read out of order. Copies of an item stay on one side of
    the cut, except in the known data sets, whose split is that of the lectures.

    Args:
        source: a known name, or the path of a text file.
        running: True if the file is running text; "book" and "tinyshakespeare" are.
        seed: of the split of items.
        boundary: marks the ends of items; by default "." or, where an item contains
            that, the end of a line.
        compose: make letters and their accents one character (normalisation form C).
        vocab: the symbols, instead of those that occur; its first is the boundary.
        whole: do not split; there is one part, "all".

    Raises:
        ValueError: as :func:`.load`; too little to split; a character that ``vocab``
            lacks; an item with the boundary.
    """
    running = running or is_running(source)
    if running:
        if boundary is not None:
            raise ValueError("running text has no items, so no boundary; leave it out")
        content = composed(load_text(source)) if compose else load_text(source)
        items, mark = [content], START
    else:
        items = load(source)
        items = [composed(item) for item in items] if compose else items
        content, mark = "\n".join(items), BOUNDARY if boundary is None else boundary
        if boundary is None and any(BOUNDARY in item for item in items):
            mark = FREE
    if vocab:
        _known(vocab, "".join(items), str(source))
    else:
        vocab = Vocab.of(items, mark)
    digest = hashlib.sha256(f"{running} {seed} {content}".encode()).hexdigest()
    parts = {"all": items}
    if not whole:
        own = str(source) not in SOURCES  # those have the split of the lectures
        cut = _cut(content) if running else _split(items, seed, together=own)
        parts = dict(zip(PARTS, cut, strict=True))
    return Corpus(str(source), running, vocab, parts, digest, compose)


def _cut(text: str) -> list[list[str]]:
    """Running text in three pieces, in place."""
    first, second = int(0.9 * len(text)), int(0.95 * len(text))
    return [[text[:first]], [text[first:second]], [text[second:]]]


def _split(items: list[str], seed: int, together: bool) -> Sequence[list[str]]:
    """Items in three parts; copies of one stay ``together`` on one side."""
    if not together:
        return split(items, seed)
    copies = Counter(items)
    return [
        [item for item in part for _ in range(copies[item])]
        for part in split(list(copies), seed)
    ]


def _known(vocab: Vocab, text: str, source: str) -> None:
    unknown = sorted(set(text) - set(vocab.symbols[1:]))
    if unknown:
        raise ValueError(
            f"{source}: the model does not know {len(unknown)} of its characters, "
            f"{', '.join(map(spelt, unknown[:5]))}; it knows {short(vocab.symbols)}"
        )

"""A data set made ready: split, with its vocabulary, in the form a model wants."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from .rows import pack, split, windows
from .sources import load, load_text
from .vocab import Vocab

PARTS = ("train", "dev", "test")
"""Names of the three parts of a data set."""

START = "\0"  # begins a running text; no text contains it


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
        parts: train, dev and test; lists of items, or of one text each.
        digest: sha256 of the content, to tell data sets apart.
    """

    source: str
    running: bool
    vocab: Vocab
    parts: dict[str, list[str]]
    digest: str

    def encode(self, model: Reading, part: str) -> tuple[Tensor, Tensor]:
        """X and Y of a part, as this model wants them.

        Raises:
            ValueError: running text that is shorter than the model's context.
        """
        if not self.running:
            return encode(model, self.parts[part], self.vocab)
        (text,) = self.parts[part]
        stream = torch.tensor([0, *self.vocab.encode(text)])
        size = model.block
        if len(stream) <= size:
            raise ValueError(
                f"{self.source}: its {part} part has {len(text)} characters, and the "
                f"model reads {size}; give a longer text, or a smaller block"
            )
        if model.causal:  # pieces side by side: every character is predicted once
            count = (len(stream) - 1) // size
            X = stream[: count * size].view(count, size)
            return X, stream[1 : count * size + 1].view(count, size)
        return stream[:-1].unfold(0, size, 1), stream[size:]


def corpus(source: str | Path, running: bool = False, seed: int = 42) -> Corpus:
    """Load and split a data set.

    Items are shuffled with the seed and cut 80/10/10; running text is cut in place
    90/5/5, so that no part is read out of order.

    Args:
        source: a known name, or the path of a text file.
        running: True if the file is running text; "tinyshakespeare" always is.
        seed: of the split of items.

    Raises:
        ValueError: as :func:`.load`; too little to split.
    """
    running = running or str(source) == "tinyshakespeare"
    if running:
        text = load_text(source)
        first, second = int(0.9 * len(text)), int(0.95 * len(text))
        cut: Sequence[list[str]] = [
            [text[:first]],
            [text[first:second]],
            [text[second:]],
        ]
        vocab, content = Vocab.of([text], START), text
    else:
        items = load(source)
        cut = split(items, seed)
        vocab, content = Vocab.of(items), "\n".join(items)
    digest = hashlib.sha256(f"{running} {seed} {content}".encode()).hexdigest()
    parts = dict(zip(PARTS, cut, strict=True))
    return Corpus(str(source), running, vocab, parts, digest)

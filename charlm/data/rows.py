"""Items as rows of symbols: splits, windows, whole names, minibatches."""

import math
import random
from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from .vocab import Vocab, refuse_boundary

IGNORE = -1
"""Target of a place past the end of a name: it does not count."""


def split(
    items: Sequence[str],
    seed: int,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> tuple[list[str], list[str], list[str]]:
    """Shuffle with a seed and cut into train, dev and test.

    With seed 42 on "makemore" this is the split of the lectures, name by name.

    Args:
        items: what to split.
        seed: of Python's random numbers.
        fractions: of train, dev and test; together 1.

    Raises:
        ValueError: the fractions are no such three, or a part would be empty.
    """
    good = len(fractions) == 3 and min(fractions) > 0
    if not good or not math.isclose(sum(fractions), 1):
        raise ValueError(f"split: {fractions} are not three parts of 1, all above 0")
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)
    # 0.7 + 0.1 is a little less than 0.8; without the 1e-9 int() would drop an item
    first = int(fractions[0] * len(shuffled) + 1e-9)
    second = int((fractions[0] + fractions[1]) * len(shuffled) + 1e-9)
    parts = shuffled[:first], shuffled[first:second], shuffled[second:]
    if not all(parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise ValueError(
            f"split: {len(items)} items by {fractions} gives parts of {sizes}; give "
            "more items, or fractions that leave each part at least one"
        )
    return parts


def _encode_items(items: Sequence[str], vocab: Vocab) -> list[list[int]]:
    if not items:
        raise ValueError("no items; give at least one")
    refuse_boundary(items, vocab.symbols[0])
    return [vocab.encode(item) for item in items]


def windows(items: Sequence[str], vocab: Vocab, block: int) -> tuple[Tensor, Tensor]:
    """Every character of every item with the ``block`` characters before it.

    Returns:
        X (N, block) contexts, filled with the boundary at the start, and Y (N) targets,
        the last one of an item being the boundary. N is all characters plus all ends.

    Raises:
        ValueError: no items, an item with an unknown character or the boundary, or
            ``block`` below 1.
    """
    if block < 1:
        raise ValueError(f"windows: block is {block}; a context has at least 1 symbol")
    rows = _encode_items(items, vocab)
    # all items in one row of symbols, each with `block` boundaries before it: then the
    # contexts are its overlapping pieces
    stream = torch.tensor([i for row in rows for i in [0] * block + row] + [0])
    lengths = torch.tensor([len(row) + 1 for row in rows])
    number = torch.arange(len(rows)).repeat_interleave(lengths)
    # place of each target: one later per character, `block - 1` more per new item
    place = torch.arange(len(number)) + block + number * (block - 1)
    X = stream.unfold(0, block, 1)[place - block].contiguous()
    return X, stream[place]


def pack(items: Sequence[str], vocab: Vocab) -> tuple[Tensor, Tensor]:
    """Whole items as rows, for models that predict at every place at once.

    Returns:
        X (N, T) begins with the boundary; Y (N, T) is the symbol after each place and
        ends with the boundary. T is the longest item plus one; places past the end of
        an item are 0 in X and -1, to be ignored, in Y.

    Raises:
        ValueError: no items, or an item with an unknown character or the boundary.
    """
    rows = _encode_items(items, vocab)
    longest = max(map(len, rows))
    X = torch.tensor([[0, *row] + [0] * (longest - len(row)) for row in rows])
    Y = torch.tensor([[*row, 0] + [IGNORE] * (longest - len(row)) for row in rows])
    return X, Y


def minibatch(
    X: Tensor, Y: Tensor, size: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """``size`` rows of X and Y, drawn with replacement (so ``size`` may exceed them).

    Raises:
        ValueError: ``size`` is below 1, X and Y differ in length, or have no rows.
    """
    _check_rows(X, Y, size)
    where = generator.device  # need not be that of the data
    ix = torch.randint(len(X), (size,), generator=generator, device=where).to(X.device)
    return X[ix], Y[ix]


def batches(
    X: Tensor, Y: Tensor, size: int, generator: Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """All rows once, in random order, ``size`` at a time; the last may be smaller.

    Raises:
        ValueError: as :func:`minibatch`, or ``size`` is larger than the data.
    """
    _check_rows(X, Y, size)
    if size > len(X):
        raise ValueError(f"size is {size}, and the data have {len(X)} rows; reduce it")
    order = torch.randperm(len(X), generator=generator, device=generator.device)
    return ((X[ix], Y[ix]) for ix in torch.split(order.to(X.device), size))


def _check_rows(X: Tensor, Y: Tensor, size: int) -> None:
    if size < 1:
        raise ValueError(f"size is {size}; a minibatch has at least 1 row")
    if not len(X) == len(Y) > 0:
        raise ValueError(f"X has {len(X)} rows, Y {len(Y)}; give as many, at least 1")

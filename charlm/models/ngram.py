"""Models that only count: add-alpha smoothing and interpolated Kneser-Ney.

They have a ``forward`` and no ``backward``: the best table is known in closed form, so
there is nothing to train. The chapter "Counting" derives both.
"""

import math

import torch
from torch import Tensor


class NGram:
    """Counts of what follows each context, plus ``alpha`` for every symbol.

    The probability of a symbol after a context that was seen n times, c times with this
    symbol, is (c + alpha) / (n + V alpha). A context never seen predicts every symbol
    alike, which for alpha = 0 is the limit of alpha -> 0.

    ``contexts`` (U) are the numbers of the contexts seen, in order, the last symbol
    being the lowest digit to the base V; ``counts`` (U, V) holds what followed each.

    Args:
        vocab_size: V.
        X: (N, T) contexts, as from :func:`charlm.data.windows`.
        Y: (N) what followed.
        block: how many of the T symbols to use, the last ones; all if None.
        alpha: added to every count; 0 gives maximum likelihood.

    Raises:
        ValueError: X, Y, ``block`` or ``alpha`` are no such things.
    """

    causal = False

    def __init__(
        self,
        vocab_size: int,
        X: Tensor,
        Y: Tensor,
        block: int | None = None,
        alpha: float = 0.1,
    ) -> None:
        if not 0 <= alpha < math.inf:
            raise ValueError(f"NGram: alpha is {alpha}; give a number from 0 on")
        self.vocab_size, self.alpha = vocab_size, alpha
        self.block = _checked(vocab_size, X, Y, block)
        V = vocab_size
        numbers = _numbers(X, self.block, V)  # (N)
        self.contexts, row = torch.unique(numbers, return_inverse=True)  # (U), (N)
        U = len(self.contexts)
        self.counts = torch.bincount(row * V + Y, minlength=U * V).reshape(U, V)
        smooth = self.counts.double() + alpha  # (U, V)
        self.logp = (smooth / smooth.sum(1, keepdim=True)).log()  # (U, V)

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, None]:
        """ix (B, T) symbols, T >= block  ->  log-probabilities (B, V).

        Raises:
            ValueError: too few symbols in a row, or one outside the vocabulary.
        """
        _check_symbols(ix, self.block, self.vocab_size)
        numbers = _numbers(ix, self.block, self.vocab_size)
        row, seen = _find(self.contexts, numbers)
        uniform = -math.log(self.vocab_size)
        return self.logp[row].masked_fill(~seen.unsqueeze(1), uniform), None


class KneserNey:
    """Interpolated Kneser-Ney: every context leans on the one that is shorter by one.

    From each count the discount is taken off; what is freed goes to the prediction of
    the shorter context. The full contexts hold counts of occurrences. Every shorter
    one holds *continuation* counts: of how many different longer contexts a symbol
    was seen in. Below the empty context lies the uniform distribution. A context never
    seen predicts what its longest seen ending predicts.

    ``levels[k]`` holds, for contexts of k symbols, their numbers (U) in order and their
    probabilities (U, V).

    Args:
        vocab_size: V.
        X: (N, T) contexts, as from :func:`charlm.data.windows`.
        Y: (N) what followed.
        block: how many of the T symbols to use, the last ones; all if None.
        discount: taken off every count, 0 to 1.

    Raises:
        ValueError: X, Y, ``block`` or ``discount`` are no such things.

    Source: R. Kneser and H. Ney (1995), in the form of S. Chen and J. Goodman (1999),
    with one discount for all orders.
    """

    causal = False

    def __init__(
        self,
        vocab_size: int,
        X: Tensor,
        Y: Tensor,
        block: int | None = None,
        discount: float = 0.9,
    ) -> None:
        if not 0 <= discount <= 1:
            raise ValueError(
                f"KneserNey: discount is {discount}; give a number from 0 to 1, since "
                "the smallest count that it is taken off is 1"
            )
        self.vocab_size, self.discount = vocab_size, discount
        self.block = _checked(vocab_size, X, Y, block)
        V = vocab_size
        self.levels: list[tuple[Tensor, Tensor]] = []
        below = torch.zeros(1, dtype=torch.long)
        p = torch.full((1, V), 1 / V, dtype=torch.float64)
        for k, (grams, counts) in enumerate(_continuations(X, Y, self.block, V)):
            contexts, row = torch.unique(grams // V, return_inverse=True)
            table = torch.zeros(len(contexts), V, dtype=torch.float64)
            table[row, grams % V] = counts.double()  # each gram stands there once
            # the ending of a context that was seen was itself seen
            shorter, _ = _find(below, contexts % V ** max(k - 1, 0))
            kept = (table - discount).clamp_min(0)
            freed = discount * (table > 0).double().sum(1, keepdim=True)
            p = (kept + freed * p[shorter]) / table.sum(1, keepdim=True)
            below = contexts
            self.levels.append((contexts, p))

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, None]:
        """ix (B, T) symbols, T >= block  ->  log-probabilities (B, V).

        Raises:
            ValueError: too few symbols in a row, or one outside the vocabulary.
        """
        _check_symbols(ix, self.block, self.vocab_size)
        p = self.levels[0][1].expand(len(ix), -1)  # (B, V): of the empty context
        for k, (contexts, table) in enumerate(self.levels[1:], 1):
            row, seen = _find(contexts, _numbers(ix, k, self.vocab_size))
            p = torch.where(seen.unsqueeze(1), table[row], p)
        return p.log(), None


def _continuations(
    X: Tensor, Y: Tensor, block: int, V: int
) -> list[tuple[Tensor, Tensor]]:
    """Numbers and counts of the distinct (k + 1)-grams, for k from 0 to ``block``."""
    numbers = _numbers(X, block, V) * V + Y  # (N)
    grams, counts = torch.unique(numbers, return_counts=True)  # (G), (G)
    found = [(grams, counts)]
    for k in range(block - 1, -1, -1):
        # without their first symbol the distinct grams fall together; how many do is
        # the number of different symbols that came before the shorter one
        grams, counts = torch.unique(grams % V ** (k + 1), return_counts=True)
        found.append((grams, counts))
    return found[::-1]


def _numbers(ix: Tensor, block: int, V: int) -> Tensor:
    """The last ``block`` symbols of each row, read as the digits of one number (B)."""
    numbers = torch.zeros(len(ix), dtype=torch.long)
    for j in range(ix.shape[1] - block, ix.shape[1]):
        numbers = numbers * V + ix[:, j]
    return numbers


def _find(contexts: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Row of each number in the sorted contexts (B), and whether it is there (B)."""
    row = torch.searchsorted(contexts, numbers).clamp_max(len(contexts) - 1)
    return row, contexts[row] == numbers


def _checked(V: int, X: Tensor, Y: Tensor, block: int | None) -> int:
    """The block, once everything fits together."""
    if X.ndim != 2 or Y.shape != X.shape[:1] or not len(X):
        raise ValueError(
            f"X is {tuple(X.shape)}, Y {tuple(Y.shape)}; give contexts (N, T) and "
            "targets (N) with at least one row, as data.windows does"
        )
    block = X.shape[1] if block is None else block
    if not 0 <= block <= X.shape[1]:
        raise ValueError(
            f"block is {block}, and the rows of X hold {X.shape[1]} symbols; make "
            "longer windows, or give a block from 0 to that"
        )
    if V ** (block + 1) >= 2**63:
        raise ValueError(
            f"{block + 1} symbols out of {V} do not fit into one 64-bit number; give a "
            "smaller block"
        )
    _check_symbols(torch.cat([X, Y.unsqueeze(1)], 1), block, V)
    return block


def _check_symbols(ix: Tensor, block: int, V: int) -> None:
    if ix.ndim != 2 or ix.shape[1] < block:
        raise ValueError(
            f"contexts of shape {tuple(ix.shape)}; this model reads {block} symbols, "
            "so give (B, T) with T at least that"
        )
    if ix.is_floating_point() or ix.is_complex():
        raise ValueError(f"symbols are {ix.dtype}; give integers, as data.windows does")
    if ix.numel() and not 0 <= ix.min() <= ix.max() < V:
        raise ValueError(
            f"symbols from {int(ix.min())} to {int(ix.max())}, and the vocabulary has "
            f"{V}, numbered from 0; give its real size, or encode with the same one"
        )

"""Counting: what followed this context, how often? No gradients, a bar for all others.

Both models answer with logarithms of probabilities, which are scores that a softmax
leaves as they are; so sampling and measuring work as for a trained model.
"""

from typing import Any

import torch
from torch import Tensor


class Table:
    """How often each symbol followed each context that was seen.

    Contexts are numbered as digits in base V and kept in order, so that a lookup is a
    binary search: rows (K, V) for the K contexts seen, nothing for the others.

    Args:
        contexts: (N, k) symbols; k may be 0.
        symbols: (N) what followed.
        weights: (N) how often.
        vocab_size: V.
    """

    def __init__(
        self, contexts: Tensor, symbols: Tensor, weights: Tensor, vocab_size: int
    ) -> None:
        self.vocab_size = vocab_size
        number = self.number(contexts)  # (N)
        self.keys, row = torch.unique(number, return_inverse=True)
        self.rows = torch.zeros(len(self.keys), vocab_size, dtype=torch.float64)
        self.rows.index_put_((row, symbols), weights, accumulate=True)

    def number(self, contexts: Tensor) -> Tensor:
        """contexts (B, k)  ->  one number per context (B)."""
        number = torch.zeros(len(contexts), dtype=torch.long)  # (B)
        for column in contexts.unbind(1):
            number = number * self.vocab_size + column  # (B)
        return number

    def __getitem__(self, contexts: Tensor) -> Tensor:
        """contexts (B, k)  ->  counts (B, V), zero where a context was never seen."""
        number = self.number(contexts)  # (B)
        place = torch.searchsorted(self.keys, number).clamp_max(len(self.keys) - 1)
        seen = self.keys[place] == number  # (B)
        found: Tensor = self.rows[place] * seen.unsqueeze(1)  # (B, V)
        return found


def _check(X: Tensor, Y: Tensor, context: int, vocab_size: int) -> None:
    if X.dim() != 2 or len(X) != len(Y) or len(X) == 0:
        raise ValueError(
            f"n-gram: X is {tuple(X.shape)} and Y {tuple(Y.shape)}; give windows "
            "(N, T) and as many targets (N), at least one"
        )
    if not 0 <= context <= X.shape[1]:
        raise ValueError(
            f"n-gram: contexts of {context} symbols, and the windows have "
            f"{X.shape[1]}; make windows with block={context} or more"
        )
    if vocab_size ** (context + 1) >= 2**63:
        raise ValueError(
            f"n-gram: {vocab_size} symbols in contexts of {context} cannot be numbered "
            "in 64 bits; use a shorter context"
        )


class NGram:
    """Relative frequency of a symbol after the last ``context`` symbols.

    P(w | c) = (n(c, w) + alpha) / (n(c) + alpha V): maximum likelihood for alpha = 0,
    add-one smoothing for 1. A context that was never seen gets the uniform law.

    Args:
        X: (N, T) windows, T at least ``context``.
        Y: (N) targets.
        vocab_size: V.
        context: symbols that are read; 1 makes a bigram model.
        alpha: added to every count, at least 0.

    Raises:
        ValueError: shapes that do not fit, a context that is too long, alpha below 0.
    """

    causal = False

    def __init__(
        self, X: Tensor, Y: Tensor, vocab_size: int, context: int, alpha: float = 1.0
    ) -> None:
        _check(X, Y, context, vocab_size)
        if alpha < 0:
            raise ValueError(f"NGram: alpha is {alpha}; counts can only be added to")
        self.block, self.context, self.alpha = max(context, 1), context, alpha
        ones = torch.ones(len(Y), dtype=torch.float64)
        self.table = Table(X[:, X.shape[1] - context :], Y, ones, vocab_size)

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, Any]:
        """ix (B, T) symbols  ->  logarithms of probabilities (B, V), no cache."""
        counts = self.table[ix[:, ix.shape[1] - self.context :]] + self.alpha  # (B, V)
        total = counts.sum(1, keepdim=True)  # (B, 1)
        uniform = torch.full_like(counts, 1 / counts.shape[1])  # (B, V)
        p = torch.where(total > 0, counts / total.clamp_min(1e-300), uniform)  # (B, V)
        return p.log(), None


class KneserNey:
    """Interpolated Kneser-Ney smoothing: every order hands a share to the next lower.

    From each count of a context a ``discount`` is taken, and what is saved is given to
    the distribution of the context without its first symbol. Orders below the highest
    do not count how often a symbol followed, but after how many different symbols:
    what is frequent only behind one context says little about others.

    Args:
        X: (N, T) windows, T at least ``context``.
        Y: (N) targets.
        vocab_size: V.
        context: symbols that the highest order reads.
        discount: taken from every count, in [0, 1].

    Raises:
        ValueError: as :class:`NGram`, or a discount outside [0, 1].

    Source: Kneser and Ney (1995); interpolated as in Chen and Goodman (1999).
    """

    causal = False

    def __init__(
        self,
        X: Tensor,
        Y: Tensor,
        vocab_size: int,
        context: int = 5,
        discount: float = 0.9,
    ) -> None:
        _check(X, Y, context, vocab_size)
        if not 0 <= discount <= 1:
            raise ValueError(f"KneserNey: discount is {discount}; give 0 to 1")
        self.block, self.context, self.discount = max(context, 1), context, discount
        T = X.shape[1]
        grams = torch.cat([X[:, T - context :], Y[:, None]], 1)  # (N, context+1)
        kinds, weights = torch.unique(grams, dim=0, return_counts=True)
        self.tables = [self._table(kinds, weights.double(), vocab_size)]
        for _ in range(context):
            # every kind counts once for the kind without its first symbol
            kinds, weights = torch.unique(kinds[:, 1:], dim=0, return_counts=True)
            self.tables.insert(0, self._table(kinds, weights.double(), vocab_size))

    @staticmethod
    def _table(kinds: Tensor, weights: Tensor, vocab_size: int) -> Table:
        return Table(kinds[:, :-1], kinds[:, -1], weights, vocab_size)

    def forward(self, ix: Tensor, training: bool = False) -> tuple[Tensor, Any]:
        """ix (B, T) symbols  ->  logarithms of probabilities (B, V), no cache."""
        V, T = self.tables[0].vocab_size, ix.shape[1]
        p = torch.full((len(ix), V), 1 / V, dtype=torch.float64)  # (B, V)
        for length, table in enumerate(self.tables):
            counts = table[ix[:, T - length :]]  # (B, V)
            total = counts.sum(1, keepdim=True)  # (B, 1)
            kinds = (counts > 0).to(p.dtype).sum(1, keepdim=True)  # (B, 1)
            saved = self.discount * kinds * p  # (B, V)
            mixed = (counts - self.discount).clamp_min(0) + saved  # (B, V)
            p = torch.where(total > 0, mixed / total.clamp_min(1e-300), p)  # (B, V)
        return p.log(), None

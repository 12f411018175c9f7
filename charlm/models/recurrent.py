"""Recurrent nets: a state that is carried from symbol to symbol."""

from typing import Any

import torch
from torch import Generator, Tensor

from ..layers import Embedding, Layer, Linear, Recurrent


class RNN(Layer):
    """Embedding, a recurrent cell along the text, scores at every position.

    Right padding needs no mask: no state reads a later symbol, and targets that do not
    count send no gradient.

    Args:
        vocab_size: V.
        generator: draws the initial weights.
        block: symbols that running text is cut into, each piece from a state of zeros.
        n_embd: numbers per symbol, E.
        n_hidden: units of the state, H.
        truncate: as in :class:`charlm.layers.Recurrent`.
        dtype: of all parameters.

    Source: Mikolov et al. (2010); the cell is that of Elman (1990).
    """

    causal = True
    pair = "rnn_cell"

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        block: int = 64,
        n_embd: int = 24,
        n_hidden: int = 83,
        truncate: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.block = block
        self.embed = Embedding(vocab_size, n_embd, generator, dtype=dtype)
        self.cell = Recurrent(self.pair, n_embd, n_hidden, generator, truncate, dtype)
        self.head = Linear(n_hidden, vocab_size, generator, gain=0.1, dtype=dtype)
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (B, T) symbols  ->  logits (B, T, V)."""
        e, c_embed = self.embed.forward(x)  # (B, T, E)
        h, c_cell = self.cell.forward(e)  # (B, T, H)
        logits, c_head = self.head.forward(h)  # (B, T, V)
        return logits, (c_embed, c_cell, c_head)

    def backward(self, dy: Tensor, cache: Any) -> None:
        """dy (B, T, V): adds the gradient of every parameter."""
        c_embed, c_cell, c_head = cache
        dh = self.head.backward(dy, c_head)
        de = self.cell.backward(dh, c_cell)
        self.embed.backward(de, c_embed)


class GRU(RNN):
    """As :class:`RNN`, with gates that reset and update the state.

    ``reset`` is "after" (the reset follows the product, as in PyTorch) or "before" (as
    in the paper).

    Raises:
        ValueError: another ``reset``.

    Source: Cho et al. (2014).
    """

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        block: int = 64,
        n_embd: int = 24,
        n_hidden: int = 46,
        truncate: int | None = None,
        dtype: torch.dtype = torch.float32,
        reset: str = "after",
    ) -> None:
        if reset not in ("before", "after"):
            raise ValueError(f"GRU: reset={reset!r}; choose 'before' or 'after'")
        self.pair = "gru_cell" if reset == "before" else "gru_cell_after"
        size = block, n_embd, n_hidden, truncate
        super().__init__(vocab_size, generator, *size, dtype)


class LSTM(RNN):
    """As :class:`RNN`, with a cell that is kept, written and read through gates.

    ``forget`` is the initial bias of the gate that keeps the cell.

    Raises:
        ValueError: a ``forget`` that float32 does not hold.

    Source: Hochreiter and Schmidhuber (1997); Gers et al. (2000).
    """

    pair = "lstm_cell"

    def __init__(
        self,
        vocab_size: int,
        generator: Generator,
        block: int = 64,
        n_embd: int = 24,
        n_hidden: int = 39,
        truncate: int | None = None,
        dtype: torch.dtype = torch.float32,
        forget: float = 0.0,
    ) -> None:
        if not abs(forget) <= 3e38:
            raise ValueError(f"LSTM: forget is {forget}; give -3e+38 to 3e+38")
        size = block, n_embd, n_hidden, truncate
        super().__init__(vocab_size, generator, *size, dtype)
        self.cell.b[n_hidden : 2 * n_hidden] = forget

"""A cell unrolled in time."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from . import init
from .base import Layer

GATES = {"rnn_cell": 1, "gru_cell": 3, "gru_cell_after": 3, "lstm_cell": 4}


class Recurrent(Layer):
    """One cell at every position, with the same weights:  x (B, T, I)  ->  h (B, T, H).

    The state begins at zero; the parameters are those of the cell.

    Args:
        pair: "rnn_cell", "gru_cell", "gru_cell_after" or "lstm_cell".
        n_in: I.
        n_hidden: H.
        generator: draws the initial weights.
        truncate: the gradient is cut after so many steps, counted from the beginning
            of the text; the state is not. None cuts nothing.
        dtype: of the parameters.

    Raises:
        ValueError: another ``pair``.
    """

    W: Tensor
    U: Tensor
    b: Tensor

    def __init__(
        self,
        pair: str,
        n_in: int,
        n_hidden: int,
        generator: Generator,
        truncate: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if pair not in GATES:
            raise ValueError(
                f"Recurrent: {pair!r} is no cell; give {' or '.join(GATES)}"
            )
        self.step, self.back = getattr(ops, pair), getattr(ops, f"{pair}_backward")
        self.truncate = truncate
        self.two = pair == "lstm_cell"  # its state has two parts, and the first is h
        columns = GATES[pair] * n_hidden
        W = init.normal(n_in, columns, 1.0, generator, dtype)
        U = init.normal(n_hidden, columns, 1.0, generator, dtype)
        b = torch.zeros(columns, dtype=dtype)
        inner = {"v": b[:n_hidden].clone()} if pair == "gru_cell_after" else {}
        super().__init__(W=W, U=U, b=b, **inner)

    def forward(
        self, x: Tensor, training: bool = True, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """x (B, T, I)  ->  h (B, T, H).

        Where ``mask`` (B, T) is false a text has ended, and its state is held.
        """
        weights = [getattr(self, n) for n in self.parameters]
        s = x.new_zeros(len(x), len(weights[1]))  # (B, H)
        if self.two:
            s = torch.stack([s, s])  # (2, B, H)
        states, caches = [], []
        for t in range(x.shape[1]):
            new, c_cell = self.step(x[:, t], s, *weights)
            s, c_keep = (new, None) if mask is None else ops.keep(mask[:, t], new, s)
            states.append(s[0] if self.two else s)
            caches.append((c_cell, c_keep))
        h = torch.stack(states, 1)  # (B, T, H)
        return h, (x.shape, s.shape, caches)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        """dy (B, T, H)  ->  dx (B, T, I): the loop of the forward, reversed."""
        shape, state, caches = cache
        dx, ds = dy.new_empty(shape), dy.new_zeros(state)
        for t in reversed(range(len(caches))):
            c_cell, c_keep = caches[t]
            # h was used twice: by what reads the states, and by the next step
            dh = ds[0] if self.two else ds
            dh += dy[:, t]
            dheld = None
            if c_keep is not None:
                ds, dheld = ops.keep_backward(ds, c_keep)
            dx[:, t], ds, *own = self.back(ds, c_cell)
            self.add(*own)
            if dheld is not None:
                ds += dheld  # the old state was used twice: by the cell, and held
            if self.truncate and t % self.truncate == 0:
                ds = torch.zeros_like(ds)
        return dx

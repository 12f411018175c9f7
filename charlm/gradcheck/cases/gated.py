"""Cells with gates."""

from torch import Generator

from .draw import Inputs
from .recurrent import cell


def gru_cell(g: Generator) -> Inputs:
    """As for rnn_cell."""
    yield from cell(g, "gru_cell", 3)


def gru_cell_after(g: Generator) -> Inputs:
    """As for rnn_cell, with a bias in the product."""
    yield from cell(g, "gru_cell_after", 3)


def lstm_cell(g: Generator) -> Inputs:
    """As for rnn_cell, with two parts of the state."""
    yield from cell(g, "lstm_cell", 4)

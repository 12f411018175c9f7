"""Attention in tiles."""

from itertools import cycle

from torch import Generator

from . import attention
from .draw import Inputs, randn


def tiled_attention(g: Generator) -> Inputs:
    """As for attention, in tiles of all kinds; scores that grow from tile to tile."""
    tiles = cycle(((2, 3), (3, 2), (64, 64), (1, 1)))
    for label, inputs, options in attention.attention(g):
        rows, columns = next(tiles)
        size = {"rows": rows, "columns": columns}
        yield f"{label}, {rows} by {columns}", inputs, {**options, **size}
    for label, factor in (("growing", 3.0), ("falling", -3.0)):
        q, k, v = randn(g, 5, 2).abs(), randn(g, 5, 2).abs(), randn(g, 5, 3)
        k = factor * k.cumsum(0)
        yield f"scores {label}", (q, k, v), {"rows": 2, "columns": 2}

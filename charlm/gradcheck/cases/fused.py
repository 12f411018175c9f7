"""Attention by kernels."""

from torch import Generator

from . import attention
from .draw import Inputs, randn


def fused_attention(g: Generator) -> Inputs:
    """As for attention; shapes that kernels take, more rows than their tiles have."""
    yield from attention.attention(g)
    for label, lead, (T, M, D), options in (
        ("equal widths", (2,), (4, 4, 3), {}),
        ("many leading axes", (2, 1, 2), (2, 2, 2), {}),
        ("equal widths, across", (), (2, 5, 3), {"causal": False}),
        ("long", (), (40, 40, 2), {}),
    ):
        q, (k, v) = randn(g, *lead, T, D), randn(g, 2, *lead, M, D)
        yield label, (q, k, v), options
    q, k, v = randn(g, 3, 2, 3, 4).mT  # neighbours in a row are not so in memory
    yield "strided", (q, k, v), {}

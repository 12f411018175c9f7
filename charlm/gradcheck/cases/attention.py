"""Attention."""

from torch import Generator

from .draw import Inputs, randn
from .trained import trained


def attention(g: Generator) -> Inputs:
    """Causal and not, one position, heads, more keys than queries, sharp weights."""
    for label, lead, (T, S, D, E), options in (
        ("causal", (2,), (4, 4, 3, 2), {}),
        ("heads", (2, 2), (3, 3, 2, 2), {}),
        ("one position", (2,), (1, 1, 3, 2), {}),
        ("no batch", (), (5, 5, 2, 3), {}),
        ("all see all", (2,), (3, 3, 2, 4), {"causal": False}),
        ("across", (2,), (2, 5, 3, 2), {"causal": False}),
        ("the last two of five", (2,), (2, 5, 3, 2), {}),
    ):
        q, k, v = randn(g, *lead, T, D), randn(g, *lead, S, D), randn(g, *lead, S, E)
        yield label, (q, k, v), options
    q, k, v = (randn(g, 1, 4, 3) for _ in range(3))
    yield "sharp", (4 * q, 4 * k, v), {}
    yield "trained", trained(), {}

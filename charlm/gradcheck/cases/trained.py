"""Activations as training makes them: sharp, correlated, far from Gaussian."""

from functools import cache

import torch
from torch import Generator, Tensor

from ... import ops
from .draw import randn

NAMES = (
    "katarina antonio mariam yusuf elena dimitri aisha henrik soledad tomasz ingrid "
    "malik rosalind takeshi beatriz oluwaseun annika javier leilani stefano"
).split()


@cache
def trained() -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of one name in a head that was trained on a few names.

    A public backward was wrong on such numbers while random ones passed.
    """
    g = Generator().manual_seed(0)
    size = 1 + max(map(len, NAMES))
    text = torch.tensor([[ord(c) - 96 for c in f"{n:`<{size}}"] for n in NAMES])
    X, Y = text.roll(1, 1), text  # ` is the boundary, symbol 0, and fills up
    V, T = 27, size
    shapes = (V, 6), (T, 6), (6, 12), (4, V)
    C, P, W, out = (0.4 * randn(g, *shape) for shape in shapes)
    bias = torch.zeros(12).double()
    for _ in range(400):
        x, c_embed = ops.embedding(X, C)
        h, c_pos = ops.add_positions(x, P)
        both, c_map = ops.linear(h, W, bias)
        q, k, v = both[..., :4], both[..., 4:8], both[..., 8:]
        read, c_att = ops.attention(q, k, v)
        logits, c_out = ops.matmul(read.flatten(0, 1), out)
        loss, c_loss = ops.cross_entropy(logits, Y.flatten())
        dlogits = ops.cross_entropy_backward(torch.ones_like(loss), c_loss)
        dread, dout = ops.matmul_backward(dlogits, c_out)
        parts = ops.attention_backward(dread.view(read.shape), c_att)
        dh, dW, _ = ops.linear_backward(torch.cat(parts, -1), c_map)
        dx, dP = ops.add_positions_backward(dh, c_pos)
        steps = (C, ops.embedding_backward(dx, c_embed)), (P, dP), (W, dW), (out, dout)
        for parameter, gradient in steps:
            parameter -= 0.5 * gradient
    return q[0, :7], k[0, :7], v[0, :7]

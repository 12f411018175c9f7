"""Slips in recurrent cells and masks."""

from typing import Any

import torch
from torch import Tensor

from ... import ops
from .bug import bug


@bug("rnn_cell", "the recurrent weights learn what they should not, the rest is right")
def state_of_the_wrong_time(dy: Tensor, cache: Any) -> Any:
    """dU takes the state that went out instead of the one that came in."""
    x, h, W, U, y = cache
    dx, dh, dW, _, db = ops.rnn_cell_backward(dy, cache)
    return dx, dh, dW, y.T @ ((1 - y * y) * dy), db


@bug("rnn_cell", "long memories are not learnt: each loss blames the last step only")
def past_forgotten(dy: Tensor, cache: Any) -> Any:
    """No gradient goes back to the state before."""
    dx, dh, *rest = ops.rnn_cell_backward(dy, cache)
    return dx, torch.zeros_like(dh), *rest


@bug("rnn_cell", "right while U is symmetric, else the blame goes astray step by step")
def recurrent_matrix_not_transposed(dy: Tensor, cache: Any) -> Any:
    """The gradient goes back in time through U instead of its transpose."""
    _, _, _, U, y = cache
    dx, _, *rest = ops.rnn_cell_backward(dy, cache)
    return dx, ((1 - y * y) * dy) @ U, *rest


@bug("rnn_cell", "saturated units go on learning, and gradients explode sooner")
def slope_of_tanh_forgotten(dy: Tensor, cache: Any) -> Any:
    """The gradient goes back as if there were no tanh."""
    *most, y = cache
    return ops.rnn_cell_backward(dy, (*most, torch.zeros_like(y)))


@bug("keep", "padding is learnt: ended texts still change the weights")
def gradient_not_cut_at_the_mask(dy: Tensor, cache: Any) -> Any:
    """The new state gets all of the gradient, masked or not."""
    _, dold = ops.keep_backward(dy, cache)
    return dy.clone(), dold


@bug("keep", "short texts learn nothing: their gradient ends where they end")
def held_state_forgotten(dy: Tensor, cache: Any) -> Any:
    """Where a text has ended nothing goes back to its held state."""
    dnew, dold = ops.keep_backward(dy, cache)
    return dnew, torch.zeros_like(dold)


@bug("gru_cell", "trains well enough: the other convention's gradient, nearly right")
def reset_on_the_wrong_side(dy: Tensor, cache: Any) -> Any:
    """The reset goes back as if it stood after the product, as in cuDNN."""
    x, h, W, U, r, z, n = cache
    m = h @ U[:, 2 * h.shape[1] :]
    return ops.gru_cell_after_backward(dy, (x, h, W, U, r, z, n, m))[:5]


@bug("gru_cell", "the net holds on where it should write")
def update_gate_flipped(dy: Tensor, cache: Any) -> Any:
    """z and 1 - z are exchanged on the way back."""
    *most, z, n = cache
    return ops.gru_cell_backward(dy, (*most, 1 - z, n))


@bug("gru_cell", "long memories are not learnt")
def direct_path_forgotten(dy: Tensor, cache: Any) -> Any:
    """The term z h sends nothing back: only the products are differentiated."""
    dx, dh, *rest = ops.gru_cell_backward(dy, cache)
    return dx, dh - cache[5] * dy, *rest


@bug("gru_cell", "the candidate's weights learn from states that were reset")
def reset_forgotten_in_the_weights(dy: Tensor, cache: Any) -> Any:
    """The candidate's dU takes h instead of r h."""
    x, h, W, U, r, z, n = cache
    dx, dh, dW, dU, db = ops.gru_cell_backward(dy, cache)
    H = h.shape[1]
    dn = (1 - n * n) * (1 - z) * dy
    return dx, dh, dW, torch.cat([dU[:, : 2 * H], h.T @ dn], -1), db


@bug("gru_cell_after", "the candidate's recurrent weights learn too fast")
def reset_forgotten_on_the_way_back(dy: Tensor, cache: Any) -> Any:
    """The gradient of the product does not pass the reset gate."""
    x, h, W, U, r, z, n, m = cache
    dx, _, dW, _, db, _ = ops.gru_cell_after_backward(dy, cache)
    H = h.shape[1]
    dn = (1 - n * n) * (1 - z) * dy
    dr, dz = (r * (1 - r) * m * dn), z * (1 - z) * (h - n) * dy
    dk = torch.cat([dr, dz, dn], -1)
    return dx, z * dy + dk @ U.T, dW, h.T @ dk, db, dk[:, 2 * H :].sum(0)


@bug("gru_cell_after", "one bias steps twice as far as the others")
def bias_doubled(dy: Tensor, cache: Any) -> Any:
    """The candidate's two biases both get both gradients."""
    dx, dh, dW, dU, db, dv = ops.gru_cell_after_backward(dy, cache)
    H = len(dv)
    both = db[2 * H :] + dv
    return dx, dh, dW, dU, torch.cat([db[: 2 * H], both]), both


@bug("lstm_cell", "the loss falls, and long memories are not learnt")
def cell_gradient_overwritten(dy: Tensor, cache: Any) -> Any:
    """dc is set by h' = o tanh(c') instead of added to what came from the future."""
    dh, dnew = dy
    return ops.lstm_cell_backward(torch.stack([dh, torch.zeros_like(dnew)]), cache)


@bug("lstm_cell", "the net learns only through its cell, as if h' were not read")
def output_path_forgotten(dy: Tensor, cache: Any) -> Any:
    """c' hears nothing of h' = o tanh(c'): dc goes on as it came."""
    *_, o, t = cache
    dh, dnew = dy
    without = dnew - o * (1 - t * t) * dh  # takes away what will be added
    return ops.lstm_cell_backward(torch.stack([dh, without]), cache)


@bug("lstm_cell", "what is kept and what is written get each other's blame")
def forget_and_input_exchanged(dy: Tensor, cache: Any) -> Any:
    """i and f, which stand side by side, are taken for each other."""
    *most, i, f, g, o, t = cache
    return ops.lstm_cell_backward(dy, (*most, f, i, g, o, t))


@bug("lstm_cell", "the forget gate learns from the wrong past")
def cell_of_the_wrong_time(dy: Tensor, cache: Any) -> Any:
    """The forget gate is blamed by the cell that went out, not the one that came in."""
    x, h, c, W, U, i, f, g, o, t = cache
    return ops.lstm_cell_backward(dy, (x, h, f * c + i * g, W, U, i, f, g, o, t))


@bug("lstm_cell", "memories do not fade in the gradient as they do in the state")
def forget_gate_forgotten(dy: Tensor, cache: Any) -> Any:
    """dc goes back in time without the factor f."""
    *_, f, _, o, t = cache
    dx, ds, *rest = ops.lstm_cell_backward(dy, cache)
    dnew = dy[1] + o * (1 - t * t) * dy[0]
    return dx, torch.stack([ds[0], dnew]), *rest

"""Slips in sums, copies, rearrangements, products and activations."""

from typing import Any

import torch
from torch import Tensor

from ... import ops
from .bug import bug


@bug("linear", "the loss falls, the biases hardly move")
def bias_averaged(dy: Tensor, cache: Any) -> Any:
    """The bias gradient is averaged over rows, not summed."""
    dx, dW, _ = ops.linear_backward(dy, cache)
    return dx, dW, dy.reshape(-1, dy.shape[-1]).mean(0)


@bug("linear", "an error about shapes, unless the matrix is square: then nonsense")
def weights_transposed(dy: Tensor, cache: Any) -> Any:
    """The factors of the weight gradient are exchanged."""
    dx, dW, db = ops.linear_backward(dy, cache)
    return dx, dW.T, db


@bug("linear", "nothing but a loss that stays high, if the matrix is square")
def matrix_not_transposed(dy: Tensor, cache: Any) -> Any:
    """The gradient goes back through W instead of its transpose."""
    x, W = cache
    _, dW, db = ops.linear_backward(dy, cache)
    return (dy @ W if W.shape[0] == W.shape[1] else dy @ W.T), dW, db


@bug("embedding", "rare symbols learn, frequent ones lag behind")
def repeats_dropped(dy: Tensor, cache: Any) -> Any:
    """Rows are assigned with dC[ix] += dy, which keeps one of several contributions."""
    ix, shape = cache
    dC = dy.new_zeros(shape)
    dC[ix] += dy
    return dC


@bug("gather", "as with the embedding: contributions to one place get lost")
def scatter_overwrites(dy: Tensor, cache: Any) -> Any:
    """Numbers read from one place overwrite each other instead of adding up."""
    ix, shape = cache
    return dy.new_zeros(shape).scatter_(-1, ix, dy)


@bug("matmul", "an error about shapes, or nonsense if the matrices are square")
def transpose_forgotten(dy: Tensor, cache: Any) -> Any:
    """The second factor goes back without its transpose, reshaped to fit."""
    a, b = cache
    wrong = b.reshape(*b.shape[:-2], b.shape[-1], b.shape[-2])
    return dy @ wrong, a.mT @ dy


@bug("unembedding", "the scores learn, the layers below do not follow")
def scores_not_summed(dy: Tensor, cache: Any) -> Any:
    """Each row hears of its best-scored symbol only."""
    x, C = cache
    best = dy.abs().amax(-1, keepdim=True) == dy.abs()
    return (dy * best) @ C, ops.unembedding_backward(dy, cache)[1]


@bug("broadcast_to", "an error about shapes, or silent growth of a parameter")
def copies_not_summed(dy: Tensor, cache: Any) -> Any:
    """The gradient keeps the large shape: nothing was summed over the copies."""
    return dy.clone()


@bug("sum_over", "the loss falls more slowly, by the length of the axis")
def sum_shared(dy: Tensor, cache: Any) -> Any:
    """A sum goes back as if it were a mean."""
    return ops.mean_over_backward(dy, cache)


@bug("mean_over", "the loss falls faster or blows up, by the length of the axis")
def mean_not_divided(dy: Tensor, cache: Any) -> Any:
    """A mean goes back as if it were a sum."""
    return ops.sum_over_backward(dy, cache)


@bug("max_over", "nothing, until two entries tie: then the gradient is too large")
def ties_all_paid(dy: Tensor, cache: Any) -> Any:
    """Every entry that ties for the maximum gets the whole gradient."""
    share, axis, keepdim = cache
    return (share > 0).to(dy.dtype) * (dy if keepdim else dy.unsqueeze(axis))


@bug("permute", "right for two axes, nonsense for three")
def same_order_again(dy: Tensor, cache: Any) -> Any:
    """The axes are permuted once more instead of back."""
    (order,) = cache
    return dy.permute(order)


@bug("transpose", "right shapes only if the axes are of equal length")
def viewed_not_transposed(dy: Tensor, cache: Any) -> Any:
    """The shape is turned back, the numbers are not."""
    first, second = cache
    return dy.reshape(dy.transpose(first, second).shape)


@bug("split_heads", "the loss falls, and stops far too high")
def viewed_not_permuted(dy: Tensor, cache: Any) -> Any:
    """Heads and positions are mixed up: a view where a permutation is needed."""
    B, N, T, D = dy.shape
    return dy.reshape(B, T, N * D)


@bug("flatten_consecutive", "the tree learns less than a flat net")
def neighbours_interleaved(dy: Tensor, cache: Any) -> Any:
    """The gradient of a group goes to places far apart instead of neighbours."""
    (n,) = cache
    B, T, C = dy.shape
    return dy.reshape(B, T, n, C // n).transpose(1, 2).reshape(B, n * T, C // n)


@bug("tanh", "units on the negative side get too much")
def square_forgotten(dy: Tensor, cache: Any) -> Any:
    """1 - y instead of 1 - y**2."""
    (y,) = cache
    return (1 - y) * dy


@bug("tanh", "saturated units go on learning")
def output_taken_for_input(dy: Tensor, cache: Any) -> Any:
    """The derivative is taken at the output: tanh is applied twice."""
    (y,) = cache
    return (1 - y.tanh() ** 2) * dy


@bug("sigmoid", "passes every check whose upstream gradient is all ones")
def upstream_forgotten(dy: Tensor, cache: Any) -> Any:
    """The local derivative alone is returned."""
    (y,) = cache
    return y * (1 - y)


@bug("relu", "learns, but not what the loss asks for")
def gradient_clipped(dy: Tensor, cache: Any) -> Any:
    """ReLU is applied to the gradient instead of its mask."""
    return torch.where(dy > 0, dy, 0.0)


@bug("leaky_relu", "units on the negative side stop learning")
def leak_forgotten(dy: Tensor, cache: Any) -> Any:
    """The slope on the negative side is taken for zero."""
    (factor,) = cache
    return (factor == 1) * dy


@bug("silu", "learns a little worse, nothing to see")
def product_rule_forgotten(dy: Tensor, cache: Any) -> Any:
    """Only one factor of x sigmoid(x) is differentiated."""
    _, s = cache
    return s * dy


@bug("gelu_tanh", "nothing: the error is below one part in a hundred")
def exact_for_tanh_form(dy: Tensor, cache: Any) -> Any:
    """The tanh form of GELU goes back with the derivative of the exact form."""
    x, _ = cache
    return ops.gelu_backward(dy, ops.gelu(x)[1])


@bug("gate", "one half of the gate learns too fast")
def other_factor_forgotten(dy: Tensor, cache: Any) -> Any:
    """The tanh side is not multiplied by the sigmoid."""
    t, s = cache
    return dy * (1 - t * t), dy * t * s * (1 - s)

"""The gradients of the book, each one a pair of plain functions.

A *pair* is a function ``f`` and its sibling ``f_backward``::

    y, cache = f(*inputs)
    dx, dW, db = f_backward(dy, cache)

``dy`` is the gradient of the loss with respect to ``y`` and has its shape.
``f_backward`` returns one gradient per floating-point tensor among the inputs, in the
order of the arguments; a single one is returned bare. Pairs write to no input, hold no
state and draw no random numbers.

The name is the registry: :func:`pairs` finds every pair by its name, nothing is listed
by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .activation import (
    gelu,
    gelu_backward,
    gelu_tanh,
    gelu_tanh_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softplus,
    softplus_backward,
    swiglu,
    swiglu_backward,
    tanh,
    tanh_backward,
)
from .attention import attention, attention_backward
from .block import dropout, dropout_backward, residual, residual_backward
from .conv import causal_conv, causal_conv_backward, gate, gate_backward
from .loss import (
    cross_entropy,
    cross_entropy_backward,
    l2,
    l2_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from .matrix import (
    embedding,
    embedding_backward,
    linear,
    linear_backward,
    matmul,
    matmul_backward,
    unembedding,
    unembedding_backward,
)
from .move import (
    flatten_consecutive,
    flatten_consecutive_backward,
    gather,
    gather_backward,
    merge_heads,
    merge_heads_backward,
    permute,
    permute_backward,
    scatter_add,
    scatter_add_backward,
    split_heads,
    split_heads_backward,
    transpose,
    transpose_backward,
    view,
    view_backward,
)
from .norm import (
    batchnorm,
    batchnorm_backward,
    batchnorm_eval,
    batchnorm_eval_backward,
    groupnorm,
    groupnorm_backward,
    layernorm,
    layernorm_backward,
    rmsnorm,
    rmsnorm_backward,
)
from .position import (
    add_positions,
    add_positions_backward,
    rope,
    rope_backward,
    sinusoid,
)
from .reduce import (
    broadcast_to,
    broadcast_to_backward,
    max_over,
    max_over_backward,
    mean_over,
    mean_over_backward,
    sum_over,
    sum_over_backward,
)

__all__ = [
    "Pair",
    "add_positions",
    "add_positions_backward",
    "attention",
    "attention_backward",
    "batchnorm",
    "batchnorm_backward",
    "batchnorm_eval",
    "batchnorm_eval_backward",
    "broadcast_to",
    "broadcast_to_backward",
    "causal_conv",
    "causal_conv_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "embedding",
    "embedding_backward",
    "flatten_consecutive",
    "flatten_consecutive_backward",
    "gate",
    "gate_backward",
    "gather",
    "gather_backward",
    "gelu",
    "gelu_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "groupnorm",
    "groupnorm_backward",
    "l2",
    "l2_backward",
    "layernorm",
    "layernorm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "matmul_backward",
    "max_over",
    "max_over_backward",
    "mean_over",
    "mean_over_backward",
    "merge_heads",
    "merge_heads_backward",
    "pairs",
    "permute",
    "permute_backward",
    "relu",
    "relu_backward",
    "residual",
    "residual_backward",
    "rmsnorm",
    "rmsnorm_backward",
    "rope",
    "rope_backward",
    "scatter_add",
    "scatter_add_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "sinusoid",
    "softmax",
    "softmax_backward",
    "softplus",
    "softplus_backward",
    "split_heads",
    "split_heads_backward",
    "sum_over",
    "sum_over_backward",
    "swiglu",
    "swiglu_backward",
    "tanh",
    "tanh_backward",
    "transpose",
    "transpose_backward",
    "unembedding",
    "unembedding_backward",
    "view",
    "view_backward",
]


@dataclass(frozen=True)
class Pair:
    """A function and the function that computes its gradients."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]


def pairs() -> dict[str, Pair]:
    """Find every pair of the package: name -> :class:`Pair`, sorted by name."""
    found = {}
    for info in iter_modules(__path__):
        names = vars(import_module(f"{__name__}.{info.name}"))
        for name, forward in names.items():
            backward = names.get(f"{name}_backward")
            if callable(forward) and callable(backward):
                found[name] = Pair(name, forward, backward)
    return dict(sorted(found.items()))

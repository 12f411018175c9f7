"""The same forward functions by PyTorch's own operators: name of a pair -> function.

The package must not call these; the tests compare with them.
"""

import torch
import torch.nn.functional as F
from torch import nn


def add_positions(x, P):
    where = torch.arange(x.shape[-2]).expand(x.shape[:-1])
    return x + F.embedding(where, P)


def attention(q, k, v, causal=True):
    T, M = q.shape[-2], k.shape[-2]
    if causal and T != M:  # is_causal would count from the first key
        mask = torch.ones(T, M, dtype=torch.bool).tril(M - T)
        return F.scaled_dot_product_attention(q, k, v, mask)
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def batchnorm(x, gamma, beta, eps=1e-5, correction=0):
    rows = x.reshape(-1, x.shape[-1])
    var, mean = torch.var_mean(rows, 0, correction=correction)
    if correction == 0 and len(rows) > 1 and eps:  # F.batch_norm refuses the others
        y = F.batch_norm(rows, None, None, gamma, beta, training=True, eps=eps)
    else:
        y = F.batch_norm(rows, mean, var, gamma, beta, eps=eps)
    return y.reshape(x.shape)


def batchnorm_eval(x, gamma, beta, mean, var, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    return F.batch_norm(rows, mean, var, gamma, beta, eps=eps).reshape(x.shape)


def broadcast_to(x, shape):
    return torch.broadcast_to(x, shape)


def causal_conv(x, W, b, dilation=1):
    past = (len(W) - 1) * dilation
    rows = F.pad(x.mT, (past, 0))
    return F.conv1d(rows, W.permute(2, 1, 0), b, dilation=dilation).mT


def cross_entropy(logits, targets, smoothing=0.0, temperature=1.0):
    rows = logits.reshape(-1, logits.shape[-1]) / temperature
    options = {"ignore_index": -1, "label_smoothing": smoothing}
    return F.cross_entropy(rows, targets.reshape(-1), **options)


def dropout(x, keep, p):
    return torch.where(keep, x / (1 - p), 0.0)


def embedding(ix, C):
    return F.embedding(ix, C)


def flatten_consecutive(x, n):
    return torch.cat([x[:, i::n] for i in range(n)], -1)


def fused_attention(q, k, v, causal=True):
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return attention(q, k, v, causal)


def gate(a, b):
    return F.glu(torch.stack([a.tanh(), b]), 0).squeeze(0)


def gather(x, ix):
    return torch.take_along_dim(x, ix, -1)


def gelu(x):
    return F.gelu(x)


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def gru_cell(x, h, W, U, b):
    """The paper's form; torch has the other one only."""
    Wr, Wz, Wn, Ur, Uz, Un = (m.T for w in (W, U) for m in w.chunk(3, 1))
    br, bz, bn = b.chunk(3)
    r = torch.sigmoid(F.linear(x, Wr, br) + F.linear(h, Ur))
    z = torch.sigmoid(F.linear(x, Wz, bz) + F.linear(h, Uz))
    n = torch.tanh(F.linear(x, Wn, bn) + F.linear(r * h, Un))
    return torch.lerp(n, h, z)


def gru_cell_after(x, h, W, U, b, v):
    inner = torch.cat([torch.zeros_like(b[: 2 * len(v)]), v])
    return of_torch(nn.GRUCell, x, h, W, U, b, inner)


def groupnorm(x, gamma, beta, groups, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    # F.group_norm refuses a single row with groups of one feature
    return torch.group_norm(rows, groups, gamma, beta, eps).reshape(x.shape)


def keep(mask, new, old):
    m = mask.to(new.dtype)[:, None]
    return m * new + (1 - m) * old


def l2(W, strength):
    return strength / 2 * torch.linalg.vector_norm(W) ** 2


def layernorm(x, gamma, beta, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)


def leaky_relu(x, slope=0.01):
    return F.leaky_relu(x, slope)


def linear(x, W, b):
    return F.linear(x, W.T, b)


def log_softmax(x):
    return F.log_softmax(x, -1)


def lstm_cell(x, s, W, U, b):
    return torch.stack(of_torch(nn.LSTMCell, x, tuple(s), W, U, b))


def matmul(a, b):
    return torch.einsum("...ik,...ko->...io", a, b)


def max_over(x, axis, keepdim=False):
    return torch.amax(x, axis, keepdim)


def mean_over(x, axis, keepdim=False):
    return torch.mean(x, axis, keepdim)


def merge_heads(x):
    return torch.cat(list(x.unbind(1)), -1)


def of_torch(cell, x, state, W, U, b, inner=None):
    """A step of one of PyTorch's cells; of its two biases we have the first."""
    module = cell(len(W), len(U), dtype=x.dtype)
    weights = {
        "weight_ih": W.T,
        "weight_hh": U.T,
        "bias_ih": b,
        "bias_hh": torch.zeros_like(b) if inner is None else inner,
    }
    return torch.func.functional_call(module, weights, (x, state))


def permute(x, order):
    return torch.movedim(x, order, tuple(range(len(order))))


def relu(x):
    return F.relu(x)


def residual(x, branch):
    return torch.add(x, branch)


def rnn_cell(x, h, W, U, b):
    return of_torch(nn.RNNCell, x, h, W, U, b)


def rmsnorm(x, gamma, eps=1e-5):
    return F.rms_norm(x, x.shape[-1:], gamma, eps)


def rope(x, base=10_000.0, start=0):
    T, D = x.shape[-2:]
    frequency = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    where = torch.arange(start, start + T, dtype=torch.float64)
    angle = torch.outer(where, frequency)
    turn = torch.polar(torch.ones_like(angle), angle)
    pairs = torch.view_as_complex(x.double().reshape(*x.shape[:-1], D // 2, 2))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


def scatter_add(x, ix, size):
    hot = F.one_hot(ix, max(size, 1))[..., :size]
    return torch.einsum("...k,...kv->...v", x, hot.to(x.dtype))


def sigmoid(x):
    return torch.sigmoid(x)


def silu(x):
    return F.silu(x)


def softmax(x):
    return F.softmax(x, -1)


def softplus(x):
    return F.softplus(x)


def split_heads(x, heads):
    return torch.stack(x.chunk(heads, -1), 1)


def sum_over(x, axis, keepdim=False):
    return torch.sum(x, axis, keepdim)


def swiglu(a, b):
    return F.silu(a) * b


def tanh(x):
    return torch.tanh(x)


def tiled_attention(q, k, v, causal=True, rows=64, columns=64):
    return attention(q, k, v, causal)


def transpose(x, first, second):
    return torch.swapaxes(x, first, second)


def unembedding(x, C):
    return F.linear(x, C)


def view(x, shape):
    return x.contiguous().view(shape)

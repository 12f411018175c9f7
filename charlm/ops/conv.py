"""Causal convolution in time, and the gate of WaveNet."""

from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def causal_conv(
    x: Tensor, W: Tensor, b: Tensor, dilation: int = 1
) -> tuple[Tensor, Cache]:
    """A filter of K taps, ``dilation`` steps apart, that never looks ahead.

    x (B, T, I), W (K, I, O), b (O), dilation in [1, inf)  ->  y (B, T, O), where
    y[t] = b + sum over k of x[t - (K - 1 - k) * dilation] W[k], and x is zero before
    the beginning. The last tap reads the present.

    Source: van den Oord et al. (2016), section 2.1.
    """
    K, T = W.shape[0], x.shape[1]
    reach = (K - 1) * dilation
    past = x.new_zeros(x.shape[0], reach, x.shape[2])
    padded = torch.cat([past, x], 1)
    y = b.expand(*x.shape[:2], -1)  # (B, T, O)
    for k in range(K):
        y = y + padded[:, k * dilation : k * dilation + T] @ W[k]  # (B, T, O)
    return y, (padded, W, dilation)


def causal_conv_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (B, T, O)  ->  dx (B, T, I), dW (K, I, O), db (O).

    Derived in eq-causal-conv-dx, eq-causal-conv-dw, eq-causal-conv-db.
    """
    padded, W, dilation = cache
    K, T = W.shape[0], dy.shape[1]
    db = dy.sum((0, 1))  # (O)
    dW = torch.empty_like(W)  # (K, I, O)
    dpadded = torch.zeros_like(padded)
    for k in range(K):
        time = slice(k * dilation, k * dilation + T)
        dW[k] = padded[:, time].flatten(0, 1).T @ dy.flatten(0, 1)
        # += because an input is read by every tap
        dpadded[:, time] += dy @ W[k].T
    dx = dpadded[:, (K - 1) * dilation :].clone()  # (B, T, I)
    return dx, dW, db


def causal_conv_jvp(
    x_dot: Tensor, W_dot: Tensor, b_dot: Tensor, cache: Cache
) -> Tensor:
    """x_dot (B, T, I), W_dot (K, I, O), b_dot (O)  ->  y_dot (B, T, O).

    Derived in eq-jvp-product.
    """
    padded, W, dilation = cache
    still, _ = causal_conv(x_dot, W, b_dot, dilation)  # (B, T, O)
    T = x_dot.shape[1]
    for k, tap_dot in enumerate(W_dot):
        still = still + padded[:, k * dilation : k * dilation + T] @ tap_dot
    return still  # (B, T, O)


def gate(a: Tensor, b: Tensor) -> tuple[Tensor, Cache]:
    """y = tanh(a) sigmoid(b):  a (...), b (...)  ->  y (...).

    Source: van den Oord et al. (2016), equation 2.
    """
    t, s = a.tanh(), b.sigmoid()  # (...)
    return t * s, (t, s)


def gate_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (...)  ->  da (...), db (...).

    Derived in eq-gate-da, eq-gate-db.
    """
    t, s = cache
    da = dy * s * (1 - t * t)  # (...)
    db = dy * t * s * (1 - s)  # (...)
    return da, db


def gate_jvp(a_dot: Tensor, b_dot: Tensor, cache: Cache) -> Tensor:
    """a_dot (...), b_dot (...)  ->  y_dot (...). Derived in eq-jvp-product."""
    t, s = cache
    t_dot, s_dot = (1 - t * t) * a_dot, (s - s * s) * b_dot  # (...)
    return t_dot * s + t * s_dot

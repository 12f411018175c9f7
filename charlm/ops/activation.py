"""Activations: functions of one number, applied to every element."""

import math
from typing import Any

import torch
from torch import Tensor

Cache = tuple[Any, ...]


def tanh(x: Tensor) -> tuple[Tensor, Cache]:
    """y = tanh(x), element by element:  x (...)  ->  y (...)."""
    y = x.tanh()  # (...)
    return y, (y,)


def tanh_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-tanh-dx. The derivative needs only the output.
    """
    (y,) = cache
    return (1 - y * y) * dy  # (...)


def tanh_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    (y,) = cache
    return x_dot - y * y * x_dot  # (...)


def sigmoid(x: Tensor) -> tuple[Tensor, Cache]:
    """y = 1 / (1 + exp(-x)), a number between 0 and 1:  x (...)  ->  y (...)."""
    y = x.sigmoid()  # (...)
    return y, (y,)


def sigmoid_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-sigmoid-dx. The derivative needs only the output.
    """
    (y,) = cache
    return y * (1 - y) * dy  # (...)


def sigmoid_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    (y,) = cache
    return (y - y * y) * x_dot  # (...)


def relu(x: Tensor) -> tuple[Tensor, Cache]:
    """y = max(x, 0):  x (...)  ->  y (...). The derivative at 0 is taken as 0."""
    # .real is the identity on real numbers; it lets the complex-step check pass through
    on = ~(x.real <= 0)  # (...)  not x > 0: what is not a number has to stay so
    y = torch.where(on, x, 0.0)  # (...)
    return y, (on,)


def relu_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-relu-dx.
    """
    (on,) = cache
    return on * dy  # (...)


def relu_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    (on,) = cache
    return torch.where(on, x_dot, 0.0)  # (...)


def leaky_relu(x: Tensor, slope: float = 0.01) -> tuple[Tensor, Cache]:
    """y = x where x is positive, else ``slope`` times x.

    x (...), slope in (-inf, inf)  ->  y (...).
    """
    factor = torch.full_like(x.real, slope).masked_fill(x.real > 0, 1.0)  # (...)
    y = factor * x  # (...)
    return y, (factor,)


def leaky_relu_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-leaky-relu-dx.
    """
    (factor,) = cache
    return factor * dy  # (...)


def leaky_relu_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    (factor,) = cache
    return factor * x_dot  # (...)


def softplus(x: Tensor) -> tuple[Tensor, Cache]:
    """y = log(1 + exp(x)), a smooth :func:`relu`:  x (...)  ->  y (...).

    Computed as ``max(x, 0) + log(1 + exp(-abs(x)))``, where nothing overflows.
    """
    positive = x.real > 0  # (...)
    small = torch.where(positive, -x, x).exp()  # (...)  exp(-abs(x))
    y = torch.where(positive, x, 0.0) + small.log1p()  # (...)
    return y, (x,)


def softplus_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-softplus-dx.
    """
    (x,) = cache
    return x.sigmoid() * dy  # (...)


def softplus_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    (x,) = cache
    return x.sigmoid() * x_dot  # (...)


def silu(x: Tensor) -> tuple[Tensor, Cache]:
    """y = x sigmoid(x), also called swish:  x (...)  ->  y (...).

    Source: Hendrycks and Gimpel (2016); Ramachandran, Zoph and Le (2017).
    """
    s = x.sigmoid()  # (...)
    return x * s, (x, s)


def silu_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-silu-dx.
    """
    x, s = cache
    return s * (1 + x * (1 - s)) * dy  # (...)


def silu_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    x, s = cache
    s_dot = (s - s * s) * x_dot  # (...)
    return x_dot * s + x * s_dot


def gelu(x: Tensor) -> tuple[Tensor, Cache]:
    """y = x Phi(x) with the normal distribution function Phi:  x (...)  ->  y (...).

    Source: Hendrycks and Gimpel (2016).
    """
    Phi = 0.5 * (1 + torch.erf(x * math.sqrt(0.5)))  # (...)
    return x * Phi, (x, Phi)


def gelu_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-gelu-dx.
    """
    x, Phi = cache
    phi = (-0.5 * x * x).exp() / math.sqrt(2 * math.pi)  # (...)  normal density
    return (Phi + x * phi) * dy  # (...)


def gelu_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    x, Phi = cache
    Phi_dot = (-0.5 * x * x).exp() / math.sqrt(2 * math.pi) * x_dot  # (...)
    return x_dot * Phi + x * Phi_dot


SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_tanh(x: Tensor) -> tuple[Tensor, Cache]:
    """y = x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x**3), close to gelu.

    x (...)  ->  y (...). GPT-2 uses this form; its derivative is not that of gelu.

    Source: Hendrycks and Gimpel (2016).
    """
    t = (SLOPE * (x + CUBIC * x * x * x)).tanh()  # (...)
    return 0.5 * x * (1 + t), (x, t)


def gelu_tanh_backward(dy: Tensor, cache: Cache) -> Tensor:
    """dy (...)  ->  dx (...).

    Derived in eq-gelu-tanh-dx.
    """
    x, t = cache
    du = SLOPE * (1 + 3 * CUBIC * x * x)  # (...)
    return 0.5 * (1 + t + x * (1 - t * t) * du) * dy  # (...)


def gelu_tanh_jvp(x_dot: Tensor, cache: Cache) -> Tensor:
    """x_dot (...)  ->  y_dot (...). Derived in eq-jvp-elementwise."""
    x, t = cache
    u_dot = SLOPE * (x_dot + 3 * CUBIC * x * x * x_dot)  # (...)
    t_dot = (1 - t * t) * u_dot  # (...)
    return 0.5 * (x_dot * (1 + t) + x * t_dot)


def swiglu(a: Tensor, b: Tensor) -> tuple[Tensor, Cache]:
    """y = silu(a) b, one half of the features gating the other.

    a (...), b (...)  ->  y (...).

    Source: Shazeer (2020).
    """
    gated, cache = silu(a)  # (...)
    return gated * b, (cache, gated, b)


def swiglu_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor]:
    """dy (...)  ->  da (...), db (...).

    Derived in eq-swiglu-da, eq-swiglu-db.
    """
    silu_cache, gated, b = cache
    return silu_backward(dy * b, silu_cache), gated * dy


def swiglu_jvp(a_dot: Tensor, b_dot: Tensor, cache: Cache) -> Tensor:
    """a_dot (...), b_dot (...)  ->  y_dot (...). Derived in eq-jvp-product."""
    silu_cache, gated, b = cache
    return silu_jvp(a_dot, silu_cache) * b + gated * b_dot  # (...)

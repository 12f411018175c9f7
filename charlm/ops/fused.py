"""Attention by the kernels that PyTorch ships, forward and backward called by name."""

from typing import Any

import torch
from torch import Tensor

from .attention import attention, attention_backward, attention_jvp, offset

Cache = tuple[Any, ...]
aten = torch.ops.aten


def fused_kernel(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> str:
    """Which kernel computes the attention of q, k and v; "" where none does.

    "cpu" for real numbers on the processor. On a graphics processor of NVIDIA, from
    Ampere on, "flash" for 16 bits and "efficient" for float32, whose heads must have a
    multiple of 8 features, at most 256. All want values as wide as keys, and count a
    causal mask from the first key, so as many queries as keys.
    """
    T, D = q.shape[-2:]
    if v.shape[-1] != D or (causal and k.shape[-2] != T) or not q.numel():
        return ""
    if q.device.type == "cpu":
        return "" if q.is_complex() else "cpu"
    if q.device.type == "cuda" and D % 8 == 0 and D <= 256:
        modern = torch.cuda.get_device_properties(q.device).major >= 8
        by_type = {torch.float32: "efficient"}
        by_type |= dict.fromkeys((torch.float16, torch.bfloat16), "flash")
        return by_type.get(q.dtype, "") if modern else ""
    return ""


def fused_attention(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = True
) -> tuple[Tensor, Cache]:
    """The function of :func:`.attention`, by the kernel :func:`fused_kernel` chooses.

    q (..., T, D), k (..., M, D), v (..., M, E)  ->  y (..., T, E). Kept are, besides
    inputs and output, the logarithms of the rows' sums, as by :func:`.tiled_attention`.
    On a graphics processor half types stay: sums are float32, but y, by which the
    backward knows the sum of each row, is rounded. On the processor, and by the plain
    pair where there is no kernel, all is float32 at least.

    Raises:
        ValueError: ``causal`` with more queries than keys.

    Source: Dao (2024); Rabe and Staats (2021) for "efficient".
    """
    if causal:
        offset("fused_attention", q.shape[-2], k.shape[-2])
    kernel = fused_kernel(q, k, v, causal)
    if not kernel:
        y, plain = attention(_wide(q), _wide(k), _wide(v), causal)
        return y.to(q.dtype), (kernel, q, k, v, causal, plain)
    forward, _ = KERNELS[kernel]
    kept = forward(_heads(q), _heads(k), _heads(v), causal)
    y = kept[0].reshape(q.shape).to(q.dtype)
    return y, (kernel, q, k, v, causal, kept)


def fused_attention_backward(dy: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """dy (..., T, E)  ->  dq (..., T, D), dk (..., M, D), dv (..., M, E).

    Derived in eq-fused-attention. On a graphics processor a kernel may add the parts of
    dq in any order, so that two calls differ in the last bits.
    """
    kernel, q, k, v, causal, kept = cache
    if not kernel:
        dq, dk, dv = attention_backward(_wide(dy), kept)
        return dq.to(q.dtype), dk.to(q.dtype), dv.to(q.dtype)
    _, backward = KERNELS[kernel]
    heads = _heads(q), _heads(k), _heads(v)
    dq, dk, dv = (d.to(q.dtype) for d in backward(_heads(dy), *heads, causal, kept))
    return dq.reshape(q.shape), dk.reshape(k.shape), dv.reshape(v.shape)


def fused_attention_jvp(
    q_dot: Tensor, k_dot: Tensor, v_dot: Tensor, cache: Cache
) -> Tensor:
    """q_dot (..., T, D), k_dot (..., M, D), v_dot (..., M, E)  ->  y_dot (..., T, E).

    Derived in eq-jvp-attention. The kernels have none, so this is the plain pair's.
    """
    _, q, k, v, causal, _ = cache
    _, plain = attention(_wide(q), _wide(k), _wide(v), causal)
    y_dot = attention_jvp(_wide(q_dot), _wide(k_dot), _wide(v_dot), plain)
    return y_dot.to(q.dtype)


def _heads(x: Tensor) -> Tensor:
    """x (..., T, D)  ->  (B, N, T, D), rows without gaps, as the kernels want it."""
    x = x.reshape(1, 1, *x.shape).flatten(0, -4)
    return x if x.stride(-1) == 1 else x.contiguous()


def _wide(x: Tensor) -> Tensor:
    """Half types in float32, others as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


# The kernels: each gives y first and what its backward wants with it. Dropout is 0.0.


def _cpu(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Cache:
    # at least float32: in half types PyTorch 2.4 gives wrong gradients of large scores
    q, k, v = _wide(q), _wide(k), _wide(v)
    return aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal)


def _back_on_cpu(
    dy: Tensor, q: Tensor, k: Tensor, v: Tensor, causal: bool, kept: Cache
) -> tuple[Tensor, Tensor, Tensor]:
    back = aten._scaled_dot_product_flash_attention_for_cpu_backward
    return back(_wide(dy), _wide(q), _wide(k), _wide(v), *kept, 0.0, causal)


def _flash(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Cache:
    found = aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal)
    return found[:8]  # y, lse, four numbers of packed texts, two of a dropout's seed


def _back_by_flash(
    dy: Tensor, q: Tensor, k: Tensor, v: Tensor, causal: bool, kept: Cache
) -> tuple[Tensor, Tensor, Tensor]:
    back = aten._scaled_dot_product_flash_attention_backward
    return back(dy, q, k, v, *kept[:6], 0.0, causal, *kept[6:])


def _efficient(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Cache:
    wants_lse = True
    return aten._scaled_dot_product_efficient_attention(
        q, k, v, None, wants_lse, 0.0, causal
    )


def _back_efficiently(
    dy: Tensor, q: Tensor, k: Tensor, v: Tensor, causal: bool, kept: Cache
) -> tuple[Tensor, Tensor, Tensor]:
    back = aten._scaled_dot_product_efficient_attention_backward
    wanted = [True, True, True, False]  # there is no bias
    return back(dy, q, k, v, None, *kept, 0.0, wanted, causal)[:3]


KERNELS = {
    "cpu": (_cpu, _back_on_cpu),
    "flash": (_flash, _back_by_flash),
    "efficient": (_efficient, _back_efficiently),
}

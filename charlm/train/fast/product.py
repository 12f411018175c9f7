"""The product of two matrices, by the faster of the two libraries inside PyTorch.

PyTorch multiplies with MKL, which uses half the width of the vector registers of AMD
processors that have AVX-512. oneDNN, which PyTorch brings for its compiled models, uses
all of it, and is twice as fast there on large matrices. A call of it costs more, so
small matrices stay with MKL. Everywhere else this is ``torch.mm``.
"""

from typing import Any

import torch
from torch import Tensor

# multiplications from which on the call is worth its price
LARGE = 2_000_000


def _onednn() -> Any:
    """The linear map of oneDNN, where it is the faster one; else None."""
    # older releases of PyTorch cannot say what the processor is
    cpu: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if "AMD" not in str(cpu.get("cpu_name")) or not cpu.get("avx512_f"):
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


ONEDNN = _onednn()


def product(
    a: Tensor, b: Tensor, bias: Tensor | None = None, out: Tensor | None = None
) -> Tensor:
    """a (M, K) b (K, N) + bias (N)  ->  (M, N), in ``out`` where that is given."""
    if ONEDNN and a.dtype == torch.float32 and len(a) * b.numel() >= LARGE:
        if a.is_contiguous() or bias is not None or len(a) <= b.shape[1]:
            y: Tensor = ONEDNN(a, b.t(), bias, "none", [], "")
        else:  # it copies a transposed first matrix: rather the smaller of the two
            y = ONEDNN(b.t(), a, None, "none", [], "").t()
        return y if out is None else out.copy_(y)
    if bias is None:
        return torch.mm(a, b, out=out)
    return torch.addmm(bias, a, b, out=out)

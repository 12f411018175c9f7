"""Autograd as a witness, and the three witnesses together.

This is the only file of the package that may call ``torch.autograd``.
"""

from typing import Any

import torch
from torch import Tensor

from .compare import Comparison, compare
from .judge import Bench
from .numeric import Forward, central_differences, complex_step, floating


def cmp(
    name: str, grad: Tensor, tensor: Tensor, rtol: float | None = None
) -> Comparison:
    """Compare our gradient with the one autograd left on a tensor, and print a line.

    Args:
        name: what is compared.
        grad: our gradient.
        tensor: a tensor that autograd has filled the ``.grad`` of.
        rtol: as in :func:`.compare`.

    Raises:
        ValueError: the tensor carries no gradient.
    """
    # a tensor that is not a leaf warns when its .grad is read before retain_grad()
    kept = tensor.is_leaf or tensor.retains_grad
    reference = tensor.grad if kept else None
    if reference is None:
        raise ValueError(
            f"cmp: {name!r} carries no gradient to compare with: set requires_grad on "
            "a parameter, call retain_grad() on an intermediate before the backward "
            "pass, then call backward() on the loss"
        )
    result = compare(name, grad, reference, rtol)
    print(result)
    return result


def autograd(f: Forward, inputs: tuple[Any, ...], dy: Tensor) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` by running our forward under autograd.

    An input that has no influence has a gradient of zeros.
    """
    where = floating(inputs)
    with torch.inference_mode(False), torch.enable_grad():
        values = list(inputs)
        for i in where:
            values[i] = inputs[i].detach().clone().requires_grad_()
        y, _ = f(*values)
        leaves = [values[i] for i in where]
        if not y.requires_grad:  # nothing flows
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        found = torch.autograd.grad(y, leaves, dy.clone(), materialize_grads=True)
        # laid out like any other tensor, whatever the strides of the input
        return tuple(gradient.contiguous() for gradient in found)


WITNESSES = {
    "autograd": autograd,
    "central differences": central_differences,
    "complex step": complex_step,
}
"""Name of each witness, as the ledger heads its column, and the witness."""


TOLERANCE = {
    "autograd": 1e-9,
    "central differences": 1e-7,
    "complex step": 1e-12,
    "adjoint": 1e-12,
}
"""Largest error that passes in float64, relative to the gradient's largest element."""


BENCH = Bench("autograd", WITNESSES, TOLERANCE)
"""What :func:`.grade` judges with."""

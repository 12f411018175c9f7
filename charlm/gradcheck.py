"""Witnesses: independent ways to compute a gradient, and the comparison with ours.

Three witnesses share one signature, ``witness(f, inputs, dy)``. ``f`` is the forward
function of a pair, ``dy`` the gradient of the loss with respect to its output; each
returns a tuple with one gradient per floating-point tensor among the inputs.

============================  ================================  ========================
witness                       sees                              is blind to
============================  ================================  ========================
:func:`autograd`              every wrong backward              a wrong forward
:func:`central_differences`   every wrong backward, without     errors below about 1e-9;
                              any autograd                      kinks, ties
:func:`complex_step`          every wrong backward, to the      functions that are not
                              last few bits, without autograd   analytic
============================  ================================  ========================

This is the only module of the package that may call ``torch.autograd``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from .compare import Comparison, compare

__all__ = [
    "TOLERANCE",
    "WITNESSES",
    "Comparison",
    "autograd",
    "central_differences",
    "cmp",
    "compare",
    "complex_step",
    "error",
    "errors",
    "floating",
    "grade",
    "gradients",
    "upstream",
]

Forward = Callable[..., tuple[Any, Any]]
Backward = Callable[[Tensor, Any], Any]


def cmp(
    name: str, grad: Tensor, tensor: Tensor, rtol: float | None = None
) -> Comparison:
    """Compare our gradient with the one autograd left on a tensor, and print a line.

    Args:
        name: what is compared.
        grad: our gradient.
        tensor: a tensor that autograd has filled the ``.grad`` of.
        rtol: as in :func:`charlm.compare.compare`.

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


def floating(inputs: tuple[Any, ...]) -> list[int]:
    """Positions of the floating-point tensors: the inputs that have a gradient."""
    return [
        i
        for i, value in enumerate(inputs)
        if isinstance(value, Tensor) and value.is_floating_point()
    ]


def autograd(f: Forward, inputs: tuple[Any, ...], dy: Tensor) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` by running our forward under autograd."""
    where = floating(inputs)
    with torch.inference_mode(False), torch.enable_grad():
        values = list(inputs)
        for i in where:
            values[i] = inputs[i].detach().clone().requires_grad_()
        y, _ = f(*values)
        leaves = [values[i] for i in where]
        return torch.autograd.grad(y, leaves, dy.clone())


def central_differences(
    f: Forward, inputs: tuple[Any, ...], dy: Tensor, h: float = 3e-4
) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` from four values around each element.

    The stencil (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h has an error of order
    (h / r)**4, where r is the distance over which f bends; h has to stay well below r
    (two almost equal rows of a batch make r small) and well above rounding. It wants
    float64, where it is good to 1e-11 of the scale when r is about 1.
    """
    gradients = []
    for i in floating(inputs):
        x = inputs[i].detach().clone()
        values = (*inputs[:i], x, *inputs[i + 1 :])
        flat = x.view(-1)
        gradient = torch.zeros_like(flat)
        for k, centre in enumerate(flat.tolist()):
            for steps, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
                flat[k] = centre + steps * h
                gradient[k] += weight * (f(*values)[0] * dy).sum()
            flat[k] = centre
        gradients.append((gradient / (12 * h)).view(x.shape))
    return tuple(gradients)


def complex_step(
    f: Forward, inputs: tuple[Any, ...], dy: Tensor, h: float = 1e-30
) -> tuple[Tensor, ...]:
    """Gradients of ``sum(dy * f(*inputs))`` from one value of f at x + ih per element.

    f(x + ih) = f(x) + ih f'(x) + O(h**2): the imaginary part divided by h is the
    derivative, and nothing is subtracted, so nothing cancels. f has to be analytic.
    """
    where = floating(inputs)
    values = list(inputs)
    for i in where:
        values[i] = inputs[i].to(torch.complex128)
    gradients = []
    for i in where:
        shape = inputs[i].shape
        flat = values[i].clone().view(-1)
        gradient = torch.zeros(flat.shape, dtype=torch.float64)
        moved = [*values[:i], flat.view(shape), *values[i + 1 :]]
        for k, centre in enumerate(flat.tolist()):
            flat[k] = centre + 1j * h
            gradient[k] = (f(*moved)[0].imag * dy).sum() / h
            flat[k] = centre
        gradients.append(gradient.view(shape))
    return tuple(gradients)


WITNESSES = {
    "autograd": autograd,
    "central differences": central_differences,
    "complex step": complex_step,
}
"""Name of each witness, as the ledger heads its column, and the witness."""

TOLERANCE = {"autograd": 1e-9, "central differences": 1e-7, "complex step": 1e-12}
"""Largest error that passes in float64, relative to the largest gradient of a call."""


def upstream(y: Tensor, seed: int = 0) -> Tensor:
    """A random gradient for an output, with its shape and type; never ones.

    With ones the loss is the plain sum of y, whose gradient through a normalisation or
    a softmax is zero: every wrong formula that is zero too would pass.
    """
    g = Generator().manual_seed(10_000 + seed)
    return torch.randn(y.shape, generator=g, dtype=torch.float64).to(y.dtype)


def gradients(backward: Backward, dy: Tensor, cache: Any) -> tuple[Tensor, ...]:
    """What a backward returns, always as a tuple."""
    found = backward(dy, cache)
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def error(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """Largest difference relative to the largest magnitude among all the references.

    One scale for all gradients of a call: a gradient that is zero by cancellation is
    then judged against the terms that cancel, not against its own rounding errors.
    Infinite when a number or a shape of a gradient is wrong, or one is not finite.
    """
    if [a.shape for a in ours] != [b.shape for b in theirs]:
        return float("inf")
    if not all(t.isfinite().all() for t in (*ours, *theirs)):
        return float("inf")
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if b.numel()]
    diff = max(((a - b).abs().max().item() for a, b in pairs), default=0.0)
    largest = max((b.abs().max().item() for _, b in pairs), default=0.0)
    return 0.0 if diff == 0 else diff / largest if largest else float("inf")


def errors(
    forward: Forward, backward: Backward, inputs: tuple[Any, ...], seed: int = 0
) -> dict[str, float]:
    """Run a backward against every witness, with a random upstream gradient.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: of the forward, in float64.
        seed: of the upstream gradient.

    Returns:
        Witness -> :func:`error`.
    """
    y, cache = forward(*inputs)
    dy = upstream(y, seed)
    ours = gradients(backward, dy, cache)
    return {
        name: error(ours, witness(forward, inputs, dy))
        for name, witness in WITNESSES.items()
    }


def grade(forward: Forward, backward: Backward, *inputs: Any, seeds: int = 3) -> bool:
    """Judge a backward of your own; prints a line per witness, True if all agree.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: tensors in float64.
        seeds: how many upstream gradients to try.
    """
    good = True
    found = [errors(forward, backward, inputs, seed) for seed in range(seeds)]
    for name, limit in TOLERANCE.items():
        worst = max(f[name] for f in found)
        good = good and worst <= limit
        mark = "ok  " if worst <= limit else "FAIL"
        print(f"{mark} {name:20s} relative error {worst:.1e} (at most {limit:.0e})")
    return good

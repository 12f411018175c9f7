"""Witnesses: independent ways to compute a gradient, and the comparison with ours.

Three witnesses share one signature, ``witness(f, inputs, dy)``. ``f`` is the forward
function of a pair, ``dy`` the gradient of the loss with respect to its output; each
returns a tuple with one gradient per floating-point tensor among the inputs. Two more
look along one random direction through all inputs, which scales to whole models.

* :func:`autograd` sees every wrong backward, and no wrong forward;
* :func:`.central_differences` sees every wrong backward without any autograd, and no
  error below about 1e-9;
* :func:`.complex_step` sees every wrong backward to the last few bits without autograd,
  where the function is analytic;
* :func:`.projection` sees the sum of all errors along a direction in four evaluations,
  and no small error in one of many parameters;
* :func:`.taylor_order` sees a wrong gradient by the order of the remainder, 1 and not
  2, and no error far below the curvature.

At a kink (ReLU at 0, ties for a maximum) there is no gradient: there ours must lie
between the two :func:`.one_sided` slopes.

:func:`grade` puts all of them together and says which slip a wrong gradient equals; how
it does so stands in ``charlm/judge/``.

This is the only module of the package that may call ``torch.autograd``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import ops
from .bugs import zoo
from .compare import Comparison, compare
from .judge import (
    ZERO,
    Bench,
    Form,
    Verdict,
    bracket,
    error,
    gradients,
    judge,
    upstream,
)
from .numeric import (
    Forward,
    NotAnalytic,
    central_differences,
    complex_step,
    directions,
    floating,
    one_sided,
    projection,
    taylor_order,
)

__all__ = [
    "BENCH",
    "TOLERANCE",
    "WITNESSES",
    "ZERO",
    "Comparison",
    "NotAnalytic",
    "Verdict",
    "autograd",
    "bracket",
    "central_differences",
    "cmp",
    "compare",
    "complex_step",
    "directions",
    "error",
    "errors",
    "floating",
    "grade",
    "gradients",
    "one_sided",
    "projection",
    "taylor_order",
    "upstream",
    "verdict",
    "zoo_forms",
]

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

TOLERANCE = {"autograd": 1e-9, "central differences": 1e-7, "complex step": 1e-12}
"""Largest error that passes in float64, relative to the largest gradient of a call."""

BENCH = Bench("autograd", WITNESSES, TOLERANCE)
"""What :func:`grade` judges with."""


def errors(
    forward: Forward,
    backward: Backward,
    inputs: tuple[Any, ...],
    seed: int = 0,
    kink: bool = False,
) -> dict[str, float | None]:
    """Run a backward against every witness, with a random upstream gradient.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: of the forward, in float64.
        seed: of the upstream gradient.
        kink: the inputs lie on a kink, where differences only :func:`bracket` it.

    Returns:
        Witness -> error, None where it does not apply, infinite where a backward
        returned what cannot be compared or wrote to what it was given.

    Raises:
        ValueError: the forward or the inputs cannot be judged at.
    """
    found = judge(BENCH, forward, backward, inputs, (seed,), kink=kink, diagnose=False)
    return found.errors


def zoo_forms(forward: Forward, pair: str | None = None) -> tuple[Form, ...]:
    """The bug zoo's wrong forms of a pair, to compare a wrong gradient with.

    Args:
        forward: a function of :mod:`charlm.ops`, or one that passes on what a single
            such function returns.
        pair: its name; by default it is looked for in the forward.
    """
    if pair is None:
        code = getattr(forward, "__code__", None)
        called = {getattr(forward, "__name__", ""), *(code.co_names if code else ())}
        known = called.intersection(ops.pairs())
        if len(known) != 1:
            return ()
        pair = known.pop()

    def form(wrong: Backward) -> Callable[[tuple[Any, ...], Tensor], Any]:
        return lambda inputs, dy: gradients(wrong, dy.clone(), forward(*inputs)[1])

    return tuple(
        Form(bug.name, bug.slip, form(bug.backward))
        for bug in zoo()
        if bug.pair == pair
    )


def verdict(
    forward: Forward,
    backward: Backward,
    *inputs: Any,
    seeds: int = 3,
    kink: bool = False,
) -> Verdict:
    """As :func:`grade`, but returns what was found instead of printing it."""
    forms = zoo_forms(forward)
    return judge(BENCH, forward, backward, inputs, range(seeds), kink=kink, forms=forms)


def grade(
    forward: Forward,
    backward: Backward,
    *inputs: Any,
    seeds: int = 3,
    kink: bool = False,
) -> bool:
    """Judge a backward of your own; prints a line per witness, True if all agree.

    A wrong gradient is named, with the slip it equals if that is known. Inputs in
    float32 are judged in float64. Nothing the functions do to their arguments reaches
    the judge, and writing to them is a fault.

    Args:
        forward: ``forward(*inputs) -> (y, cache)``.
        backward: ``backward(dy, cache) ->`` one gradient per floating-point input.
        inputs: tensors, best of random numbers; others are passed on as they are.
        seeds: how many upstream gradients to try.
        kink: say that the inputs lie on a kink, where differences only
            :func:`bracket` a gradient; without it kinks are looked for.

    Raises:
        ValueError: the forward or the inputs cannot be judged at; the message says
            what to change.
    """
    found = verdict(forward, backward, *inputs, seeds=seeds, kink=kink)
    print("\n".join(found.lines()))
    return found.ok

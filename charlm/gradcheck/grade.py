"""A backward against all witnesses: errors, a verdict, the name of a slip."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .bugs import zoo
from .judge import Form, Verdict, close, gradients, judge
from .numeric import Forward
from .witnesses import BENCH

Backward = Callable[[Tensor, Any], Any]


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
        kink: the inputs lie on a kink, where differences only :func:`.bracket` it.

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

    right = ops.pairs()[pair].backward

    def form(wrong: Backward) -> Callable[[tuple[Any, ...], Tensor], Any]:
        def found(inputs: tuple[Any, ...], dy: Tensor) -> tuple[Tensor, ...]:
            theirs, ours = (
                gradients(f, dy.clone(), forward(*inputs)[1]) for f in (wrong, right)
            )
            # a gradient that the bug leaves right is no sign of it, also where what
            # the forward does besides makes it wrong
            return tuple(
                torch.full_like(a, torch.nan) if close(a, b) else a
                for a, b in zip(theirs, ours, strict=True)
            )

        return found

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
            :func:`.bracket` a gradient; without it kinks are looked for.

    Raises:
        ValueError: the forward or the inputs cannot be judged at; the message says
            what to change.
    """
    found = verdict(forward, backward, *inputs, seeds=seeds, kink=kink)
    print("\n".join(found.lines()))
    return found.ok

"""The pairs as others get them: contracts held, half types computed in float32.

The functions in the files of this folder are what the book derives. Around each stands
what is the same for all: a forward holds its :class:`.Contract`, a backward wants a
``dy`` of the shape of ``y``. Within a file they call each other without it, and so does
compiled code.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from itertools import compress
from operator import attrgetter
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from .contract import Contract
from .fit import fit, indices, plain, refuse, shown
from .pair import of

HALF = {torch.float16, torch.bfloat16}
NARROW = {"block", "conv", "fused", "matrix", "move"}
"""Files whose pairs stay in half precision if that comes: they move numbers, or leave
their sums to kernels of PyTorch, which add up in float32, as all other pairs do."""
ADDING = {"embedding", "gather", "scatter_add"}
"""Pairs in such files whose sums PyTorch adds up in the type itself on a graphics
processor, number after number."""

Function = Callable[..., Any]
Look = tuple[Any, Any]  # a shape and a type
look: Callable[[Any], Look] = attrgetter("shape", "dtype")
is_compiling = torch.compiler.is_compiling
_trusting = False


@contextmanager
def trusted(fits: bool = True) -> Iterator[None]:
    """Within it nothing is held, if what comes is known to fit: it costs no time.

    For a loop in which calls of the same shapes and types have gone through before. Not
    for half precision, which is then computed as it comes.
    """
    global _trusting
    before, _trusting = _trusting, fits
    try:
        yield
    finally:
        _trusting = before


class Known:
    """What is known of all calls with tensors that look alike.

    Args:
        contract: of the pair.
        looks: of its tensors.
        sizes: what the letters stand for.
        half: the call has to be computed in float32.
    """

    __slots__ = "contract", "half", "looks", "sizes", "y"
    y: Look | None

    def __init__(
        self, contract: Contract, looks: list[Look], sizes: Any, half: bool
    ) -> None:
        self.contract, self.looks, self.sizes = contract, looks, sizes
        self.half, self.y = half, None


class Kept(tuple[Any, ...]):
    """A cache that knows what it was made for."""

    known: Known


def guard(module: ModuleType) -> dict[str, Function]:
    """Put guarded functions in the place of a file's pairs; returns them by name."""
    found: dict[str, Function] = {}
    narrow = module.__name__.rpartition(".")[2] in NARROW
    for pair in of(module):
        wide = not narrow or pair.name in ADDING
        if pair.forward.__doc__:  # python -OO leaves none to read
            contract = Contract(pair.forward)
            found[pair.name] = _forward(pair.forward, contract, wide)
            found[f"{pair.name}_backward"] = _backward(pair.backward, contract)
            if pair.jvp:
                found[f"{pair.name}_jvp"] = _jvp(pair.jvp, contract)
    for name, function in found.items():
        setattr(module, name, function)
    return found


def _forward(f: Function, contract: Contract, wide: bool) -> Function:
    n = len(contract.arguments)
    tensors = {a.name for a in contract.arguments}
    first = [a.kind for a in contract.arguments].index("floating")
    # torch takes integers below zero for places counted from the end
    counted = [
        i for i, a in enumerate(contract.arguments) if a.below and not a.negative
    ]

    def known_of(*looks: Any, **named: Any) -> Known:
        sizes = fit(contract, *looks, **named)
        half = wide and looks[first][1] in HALF
        return Known(contract, list(looks[:n]), sizes, half)

    alike = lru_cache(1024)(known_of)
    with_options = lru_cache(1024, typed=True)(known_of)  # 1, 1.0 and True are equal

    @wraps(f)
    def held(*args: Any, **named: Any) -> tuple[Any, Any]:
        if _trusting or is_compiling():
            return f(*args, **named)
        try:
            if len(args) == n and not named:
                known = alike(*map(look, args))
            else:
                if not tensors.isdisjoint(named):
                    args, named = _in_order(contract, args, named)
                known = with_options(*map(look, args[:n]), *args[n:], **named)
        except (AttributeError, TypeError):  # no tensor, or an option that is a list
            known = known_of(*map(_look, args[:n]), *args[n:], **named)
        for i in counted:
            if args[i].is_cpu and args[i].numel() and int(args[i].min()) < 0:
                indices(contract, args, known.sizes)
        if known.half:
            args = _cast(args, torch.float32)
        try:
            y, cache = f(*args, **named)
        except (IndexError, RuntimeError):
            indices(contract, args, known.sizes)
            raise
        if known.half:
            y = y.to(known.looks[first][1])
        if known.y is None:
            known.y = look(y)
        kept = Kept(cache)
        kept.known = known
        return y, kept

    return held


def _backward(f: Function, contract: Contract) -> Function:
    @wraps(f)
    def held(dy: Any, cache: Any) -> Any:
        if type(cache) is not Kept:  # made by hand: nothing is known of the output
            return f(dy, cache)
        known = cache.known
        try:
            right = look(dy) == known.y
        except AttributeError:
            right = False
        if not right:
            (dy,) = _alike(contract, "_backward", ["dy"], [dy], [known.y])
        if known.half:
            return _cast(f(_cast(dy, torch.float32), cache), dy.dtype)
        return f(dy, cache)

    return held


def _jvp(f: Function, contract: Contract) -> Function:
    floats = [a.kind == "floating" for a in contract.arguments]
    names = [f"{a.name}_dot" for a in contract.arguments if a.kind == "floating"]

    @wraps(f)
    def held(*tangents: Any) -> Any:
        *dots, cache = tangents
        known = cache.known if type(cache) is Kept else None
        if not known or known.contract is not contract:
            return f(*tangents)
        due = list(compress(known.looks, floats))
        if list(map(_look, dots)) != due:
            dots = _alike(contract, "_jvp", names, dots, due)
            tangents = (*dots, cache)
        if known.half:
            return _cast(f(*_cast(tuple(dots), torch.float32), cache), due[0][1])
        return f(*tangents)

    return held


def _in_order(
    contract: Contract, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Tensors given by name moved to their place in front."""
    named = dict(named)
    for argument in contract.arguments[len(args) :]:
        if argument.name not in named:
            break
        args = (*args, named.pop(argument.name))
    return args, named


def _alike(
    contract: Contract,
    suffix: str,
    names: list[str],
    values: list[Any],
    due: Any,
) -> list[Tensor]:
    """Directions in the type of what they belong to; other shapes are refused."""

    def wrong(fault: str, remedy: str) -> None:
        refuse(contract, fault, remedy, suffix)

    for name, value, (shape, dtype) in zip(names, values, due, strict=True):
        if not isinstance(value, Tensor):
            wrong(f"{name} is no tensor", f"give torch.as_tensor({name})")
        if value.shape != shape:
            fault = f"{name} is {shown(value.shape)} where {shown(shape)} is due"
            wrong(fault, "give it the shape of what it belongs to")
        if not value.is_floating_point():
            fault = f"{name} is {plain(value.dtype)} where {plain(dtype)} is due"
            wrong(fault, f"give {name}.to(torch.{plain(dtype)})")
    return [v.to(dtype) for v, (_, dtype) in zip(values, due, strict=True)]


def _look(value: Any) -> Look:
    return getattr(value, "shape", ()), getattr(value, "dtype", None)


def _cast(values: Any, dtype: torch.dtype) -> Any:
    """A tensor, or every one of a tuple, in another type if it is floating-point."""
    if isinstance(values, tuple):
        return tuple(_cast(v, dtype) for v in values)
    is_float = isinstance(values, Tensor) and values.is_floating_point()
    return values.to(dtype) if is_float else values

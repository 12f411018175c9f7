"""Does a call fit its contract? What does not is refused, with the reason."""

from numbers import Integral, Real
from typing import Any, NoReturn

import torch

from .contract import Contract

FLOATING = {
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.complex128,
    torch.complex64,
}
Shape = tuple[int, ...]
EQUAL = "make them equal; nothing is broadcast unless broadcast_to is called"


def refuse(contract: Contract, fault: str, remedy: str, suffix: str = "") -> NoReturn:
    """Raise a ValueError: who, what is wrong, what to do, and what is accepted."""
    name = contract.name + suffix
    raise ValueError(f"{name}: {fault}; {remedy} [{contract.text}]")


def shown(shape: Any) -> str:
    """A shape as docstrings write it: (5, 3), (3), ()."""
    return f"({', '.join(str(n) for n in shape)})"


def plain(dtype: Any) -> str:
    """The name of a type: float32."""
    return str(dtype).removeprefix("torch.")


def fit(contract: Contract, *args: Any, **named: Any) -> dict[str, Any]:
    """Hold all that can be known without looking at numbers.

    Args:
        contract: what to hold.
        args: the arguments of the call, each tensor replaced by its shape and type.
        named: options by name.

    Returns:
        Letter or option -> its number.

    Raises:
        ValueError: something does not fit.
    """
    bound = contract.signature.bind(*args, **named)
    bound.apply_defaults()
    values = bound.arguments
    shapes = {a.name: values[a.name][0] for a in contract.arguments}
    _types(contract, [values[a.name][1] for a in contract.arguments])
    sizes = _sizes(contract, shapes)
    for name in contract.options:
        _option(contract, name, values[name])
        sizes[name] = values[name]
    for name, of, empty in contract.axes:
        _axis(contract, name, sizes[name], of, shapes[of], empty)
    for name, relation, of in contract.relations:
        _related(contract, name, relation, of, sizes)
    return sizes


def _types(contract: Contract, types: list[Any]) -> None:
    first: tuple[str, Any] | None = None
    for argument, dtype in zip(contract.arguments, types, strict=True):
        name, kind = argument.name, argument.kind
        fault = f"{name} is {plain(dtype)}"
        if not isinstance(dtype, torch.dtype):
            refuse(contract, f"{name} is no tensor", f"give torch.as_tensor({name})")
        elif kind == "integers":
            if dtype != torch.int64:
                refuse(contract, f"{fault}, not int64", f"give {name}.long()")
        elif kind == "true":
            if dtype != torch.bool:
                refuse(contract, f"{fault}, not bool", f"give a mask, as {name} > 0")
        elif dtype not in FLOATING:
            refuse(contract, f"{fault}, no floating-point type", f"give {name}.float()")
        elif first is None:
            first = name, dtype
        elif dtype != first[1]:
            fault += f" and {first[0]} {plain(first[1])}"
            refuse(contract, fault, f"give one type, as by {name}.to({first[0]}.dtype)")


def _sizes(contract: Contract, shapes: dict[str, Shape]) -> dict[str, Any]:
    """What the letters stand for."""
    sizes: dict[str, Any] = {}
    source: dict[str, str] = {}
    products = []
    may_be_empty = {"B", *contract.intervals}
    for argument in contract.arguments:
        name, shape = argument.name, shapes[argument.name]
        here, wanted = f"{name} {shown(shape)}", shown(argument.axes)
        lead = argument.axes[:1] == ("...",)
        axes = argument.axes[lead:]
        more = len(shape) - len(axes)
        if more < 0 or (more and not lead):
            fault = f"{here} has {len(shape)} axes, and {wanted} is due"
            refuse(contract, fault, f"give {name} those axes, by view or unsqueeze")
        parts: list[tuple[str, Any]] = [("...", shape[:more])] if lead else []
        for letter, size in [*parts, *zip(axes, shape[more:], strict=True)]:
            if letter != "..." and not letter.isalpha():
                products.append((letter, size, here))
            elif size == 0 and letter not in may_be_empty:
                refuse(contract, f"{letter} is 0 in {here}", "give at least 1")
            elif sizes.setdefault(letter, size) != size:
                what = "the leading axes are" if letter == "..." else f"{letter} is"
                fault = f"{what} {_number(sizes[letter])} in {source[letter]}"
                refuse(contract, f"{fault} and {_number(size)} in {here}", EQUAL)
            source.setdefault(letter, here)
    for product, size, here in products:  # 3*H, or a number
        factor, _, letter = product.partition("*")
        due = int(factor) * (sizes[letter] if letter else 1)
        if size != due:
            is_due = (
                f"{product} is {due} by {source[letter]}" if letter else f"{due} is due"
            )
            refuse(contract, f"{is_due}, and {size} in {here}", EQUAL)
    return sizes


def _number(size: Any) -> str:
    return shown(size) if isinstance(size, tuple) else str(size)


def _option(contract: Contract, name: str, value: Any) -> None:
    whole = contract.signature.parameters[name].annotation is int
    interval = contract.intervals.get(name)
    right = isinstance(value, Integral if whole else Real)
    if not right or isinstance(value, bool) or (interval and value not in interval):
        due = "a whole number" if whole else "a number"
        due += f" in {interval}" if interval else ""
        refuse(contract, f"{name} is {value!r}", f"give {due}")


def _axis(
    contract: Contract, name: str, axis: int, of: str, shape: Shape, empty: bool
) -> None:
    n = len(shape)
    if not -n <= axis < n:
        fault = f"{name} is {axis}, and {of} {shown(shape)} has {n} axes"
        refuse(contract, fault, f"give one in [{-n}, {n})")
    if not (empty or shape[axis]):
        fault = f"axis {axis} of {of} {shown(shape)} is empty"
        refuse(contract, fault, "leave this call out")


def _related(
    contract: Contract, a: str, relation: str, b: str, sizes: dict[str, Any]
) -> None:
    fixed = b.isdigit()
    size, other = sizes[a], int(b) if fixed else sizes[b]
    of = b if fixed else f"{b} = {other}"
    if relation == "at least" and size < other:
        remedy = f"give at least {other}"
        refuse(contract, f"{a} = {size} is less than {of}", remedy)
    if relation == "a multiple of" and (other < 1 or size % other):
        divisors = f"choose {b} among the divisors of {size}"
        remedy = f"make {a} a multiple of {b}" if fixed else divisors
        refuse(contract, f"{a} = {size} is no multiple of {of}", remedy)


def indices(contract: Contract, args: tuple[Any, ...], sizes: dict[str, Any]) -> None:
    """Refuse integers that are out of range, after a look at them."""
    for argument, ix in zip(contract.arguments, args, strict=False):
        if not argument.below:
            continue
        n, name = sizes[argument.below], argument.name
        wrong = (ix >= n) if argument.negative else (ix >= n) | (ix < 0)
        if wrong.any():
            place = wrong.nonzero()[0].tolist()
            at = f"{name}{place}" if place else name
            fault = f"{at} is {int(ix[tuple(place)])}, and {argument.below} is {n}"
            due = f"below {n}" if argument.negative else f"in [0, {n})"
            refuse(contract, fault, f"give integers {due}")

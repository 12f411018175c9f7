"""The evidence: inputs by name, copied, and compared with what they were."""

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor

from ..numeric import floating
from .verdict import Refused

OPAQUE = (type, FunctionType, ModuleType)
"""Kinds of objects whose attributes are no part of a cache."""


def input_names(forward: Callable[..., Any], inputs: tuple[Any, ...]) -> list[str]:
    """Names of the arguments, as the forward calls them; else "input 0" and so on."""
    names = [f"input {i}" for i in range(len(inputs))]
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return names
    places = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    known = [p.name for p in parameters if p.kind in places]
    return [*known[: len(inputs)], *names[len(known) :]]


def gradient_name(name: str) -> str:
    """x -> dx; the first argument, if it has no name -> d(input 0)."""
    return f"d{name}" if name.isidentifier() else f"d({name})"


def prepared(inputs: tuple[Any, ...], names: list[str]) -> tuple[Any, ...]:
    """The evidence: copies of the inputs, floating-point tensors in float64.

    Raises:
        Refused: there is nothing to differentiate, or an input cannot be judged at.
    """
    found = list(inputs)
    for i, (value, name) in enumerate(zip(inputs, names, strict=True)):
        if isinstance(value, Tensor):
            found[i] = value.detach().clone()
            if value.is_complex():
                raise Refused(f"{name} is complex; only real inputs are judged")
            if value.layout != torch.strided:
                raise Refused(f"{name} is sparse; give {name}.to_dense()")
        elif type(value).__module__ == "numpy":
            raise Refused(f"{name} is a numpy array; give torch.from_numpy({name})")
        elif isinstance(value, list | tuple | dict) and any(
            t.is_floating_point() for _, t in tensors(value, name)
        ):
            raise Refused(
                f"{name} is a {type(value).__name__} of tensors, whose gradients would "
                "not be judged; give each tensor as an argument of its own"
            )
    if not floating(inputs):
        raise Refused(
            "no input is a floating-point tensor, so there is no gradient to judge; "
            "give tensors such as torch.randn(4, 3, dtype=torch.float64)"
        )
    for i in floating(inputs):
        found[i] = found[i].double()
        bad = int((~found[i].isfinite()).sum())
        if bad:
            raise Refused(
                f"{names[i]} is infinite or not a number at {bad} of "
                f"{found[i].numel()} places; give finite numbers"
            )
    return tuple(found)


def copies(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """A new copy of every tensor, with the same strides where they allow it."""
    return tuple(v.clone() if isinstance(v, Tensor) else v for v in inputs)


def tensors(value: Any, path: str, depth: int = 6) -> Iterator[tuple[str, Tensor]]:
    """Every tensor inside a value, with the way to it: ("cache[1]['W']", W)."""
    if isinstance(value, Tensor):
        yield path, value
        return
    if type(value).__module__ == "numpy" and hasattr(value, "dtype"):
        if value.dtype.kind in "fiub":
            yield path, torch.as_tensor(value.copy())
        return
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f"[{key!r}]", one) for key, one in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(f"[{k}]", one) for k, one in enumerate(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, OPAQUE):
        inner = [(f".{key}", one) for key, one in vars(value).items()]
    for name, one in inner if depth else []:
        yield from tensors(one, path + name, depth - 1)


def same(a: Tensor, b: Tensor) -> bool:
    """Equal to the last bit, where not a number equals itself."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())


def changed(before: list[tuple[str, Tensor]], now: list[tuple[str, Tensor]]) -> str:
    """Names of what was written to or taken away, "" if nothing.

    One tensor may be seen under several names, as an input and in the cache.
    """
    seen = dict(now)
    places: dict[int, list[str]] = {}
    for path, was in before:
        t = seen.get(path)
        if t is None or not same(t, was):
            key = t.untyped_storage().data_ptr() if t is not None else id(was)
            places.setdefault(key, []).append(path)
    return ", ".join(
        paths[0] + (f" (kept as {', '.join(paths[1:])})" if paths[1:] else "")
        for paths in places.values()
    )


def named(inputs: tuple[Any, ...], names: list[str]) -> list[tuple[str, Tensor]]:
    """The tensors among the inputs, with their names."""
    pairs = zip(names, inputs, strict=True)
    return [(name, v) for name, v in pairs if isinstance(v, Tensor)]

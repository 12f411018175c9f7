"""Judging a backward that stands in a reader's own file."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from . import cases, gradcheck, ops

USAGE = (
    "name it as FILE.py:NAME_backward; beside it the file may define NAME, its "
    "forward, and NAME_inputs(), which returns the arguments to try it on"
)


def grade_file(target: str) -> int:
    """Judge ``FILE.py:NAME_backward``; prints what was found, returns 0 if it holds.

    The forward is NAME of the same file, or the pair of that name in
    :mod:`charlm.ops`; so are the inputs.

    Raises:
        ValueError: the file cannot be loaded, or a function is missing.
    """
    file, _, name = target.rpartition(":")
    if not name.endswith("_backward"):
        raise ValueError(f"{target}: {name!r} is no backward; {USAGE}")
    module, stem = _load(Path(file)), name.removesuffix("_backward")
    backward = getattr(module, name, None)
    if backward is None:
        raise ValueError(f"{file}: defines no {name}; {USAGE}")
    forward = getattr(module, stem, None)
    own_inputs = getattr(module, f"{stem}_inputs", None)
    known = stem in ops.pairs()
    if forward is None and not known:
        raise ValueError(
            f"{file}: defines no forward {stem}, and charlm has none; {USAGE}"
        )
    if own_inputs is None and not known:
        raise ValueError(
            f"{file}: defines no {stem}_inputs(), and charlm has no pair {stem} to "
            f"take inputs from; {USAGE}"
        )
    good = True
    if own_inputs is not None:
        inputs = _doubles(own_inputs())
        call = forward or ops.pairs()[stem].forward
        return 0 if gradcheck.grade(call, backward, *inputs) else 1
    for case in cases.cases(stem):
        good = _judged(case, forward, backward) and good
    return 0 if good else 1


def _judged(case: cases.Case, forward: Any, backward: Any) -> bool:
    """One line for a case."""

    def call(*inputs: Any) -> Any:
        return (forward or getattr(ops, case.pair))(*inputs, **case.options)

    try:
        found = gradcheck.errors(call, backward, case.inputs, kink=case.kink)
    except Exception as error:  # whatever a reader's function does
        print(f"FAIL {case.label:22s} {type(error).__name__}: {error}")
        return False
    limit = gradcheck.TOLERANCE
    good = all(e is None or e <= limit[w] for w, e in found.items())
    shown = ", ".join(f"{w} {e:.0e}" for w, e in found.items() if e is not None)
    print(f"{'ok  ' if good else 'FAIL'} {case.label:22s} {shown}")
    return good


def _doubles(inputs: Any) -> tuple[Any, ...]:
    inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
    return tuple(
        x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x
        for x in inputs
    )


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("readers_file", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"{path}: is no Python file; {USAGE}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # what stands beside it can be used
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return module

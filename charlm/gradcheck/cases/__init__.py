"""Inputs to check every pair on, awkward ones among them.

For the pair ``f`` of ``charlm/ops/norm.py`` the function ``f`` of ``norm.py`` here
yields ``label, inputs, options``: a few words, the tensor arguments and the keyword
arguments. The name is the registry here too: a pair without cases fails the tests. A
label that begins with "kink" says that the inputs lie where the function bends.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Generator, Tensor

from ... import ops


@dataclass(frozen=True)
class Case:
    """One set of inputs for a pair."""

    pair: str
    label: str
    inputs: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def kink(self) -> bool:
        """The inputs lie on a kink, where there is no gradient but subgradients."""
        return self.label.startswith("kink")

    def forward(self, *inputs: Any) -> Any:
        """The pair's forward with the options of this case."""
        return getattr(ops, self.pair)(*inputs, **self.options)


def cases(pair: str, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Case]:
    """All cases of a pair, by default in float64.

    Raises:
        ValueError: there is no such pair, or it has no function here.
    """
    if pair not in ops.pairs():
        known = ", ".join(ops.pairs())
        raise ValueError(
            f"cases: {pair!r} is no pair of charlm.ops; those are: {known}"
        )
    family = ops.pairs()[pair].forward.__module__.rpartition(".")[2]
    make = getattr(import_module(f"{__name__}.{family}"), pair, None)
    if make is None:
        raise ValueError(
            f"cases: no inputs for {pair!r}: add a function of that name to "
            f"charlm/gradcheck/cases/{family}.py"
        )
    g = Generator().manual_seed(seed)
    return [
        Case(pair, label, tuple(_cast(value, dtype) for value in inputs), options)
        for label, inputs, options in make(g)
    ]


def _cast(value: Any, dtype: torch.dtype) -> Any:
    is_float = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(dtype) if is_float else value

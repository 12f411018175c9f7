"""The paths through a forward, cut one at a time.

Where a tensor is used several times its gradient is a sum, one term per use. A forward
is run with one use cut off (that operation sees a constant instead); what the gradient
loses is the term of that path. So the terms are known without anybody declaring them.
"""

import itertools
import linecache
import sys
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from .guard import HOUSE
from .inputs import tensors

Edge = tuple[int, int]  # number of the call, number of the tensor among its arguments
MOST = 40
"""Operations up to which pairs of paths are cut as well."""


class Scissors(TorchFunctionMode):
    """Runs torch functions with some arguments made constants; without, notes them."""

    def __init__(self, cut: frozenset[Edge] = frozenset()):
        super().__init__()
        self.cut, self.calls = cut, 0
        self.edges: dict[Edge, str] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Called for every function of torch while the mode is on."""
        name = getattr(func, "__name__", "")
        # writing in place through a copy would be lost
        if name == "__setitem__" or (name.endswith("_") and name[-2:] != "__"):
            return func(*args, **(kwargs or {}))
        edges: list[Edge] = []

        def passed(value: Any) -> Any:
            if isinstance(value, Tensor) and value.is_floating_point():
                edges.append((self.calls, len(edges)))
                return value.detach() if edges[-1] in self.cut else value
            if type(value) in (list, tuple):
                return type(value)(passed(v) for v in value)
            return value

        args = tuple(passed(a) for a in args)
        kwargs = {k: passed(v) for k, v in (kwargs or {}).items()}
        found = func(*args, **kwargs)
        # to ask for a shape is no path
        if edges and (isinstance(found, Tensor) or any(tensors(found, ""))):
            self.calls += 1
            if not self.cut:
                self.edges |= dict.fromkeys(edges, _line() or name)
        return found


def _line() -> str:
    """The line of the forward that is being run."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.startswith(HOUSE):
        frame = frame.f_back
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()


def cuts(
    forward: Callable[..., Any], inputs: tuple[Any, ...]
) -> Iterator[tuple[frozenset[Edge], str]]:
    """Sets of uses to cut, and the lines they stand in: singles, calls, pairs."""
    with Scissors() as seen:
        forward(*inputs)
    for edge, line in seen.edges.items():
        yield frozenset([edge]), f"`{line}`"
    whole: dict[int, set[Edge]] = {}
    for edge in seen.edges:
        whole.setdefault(edge[0], set()).add(edge)
    for edges in whole.values():
        if len(edges) > 1:
            yield frozenset(edges), f"`{seen.edges[min(edges)]}`"
    if len(whole) > MOST:
        return
    for one, two in itertools.combinations(whole.values(), 2):
        lines = dict.fromkeys(f"`{seen.edges[min(e)]}`" for e in (one, two))
        yield frozenset(one | two), " and ".join(lines)


def cut(forward: Callable[..., Any], edges: frozenset[Edge]) -> Callable[..., Any]:
    """The forward with these uses made constants."""

    def run(*inputs: Any) -> Any:
        with Scissors(edges):
            return forward(*inputs)

    return run

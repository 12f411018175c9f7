"""What ``book/_derive`` declares: derivations to finish, and questions to recall.

A derivation has random inputs, the lines of a forward, and steps that go back. All are
formulas of the grammar of :mod:`formula`. They are computed in two
worlds, with different numbers and lengths, so that nothing is right by chance; what has
to hold before a page shows them stands in :mod:`proving`.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from formula import Evaluator
from torch import Generator, Tensor

FOLDER = Path(__file__).parent.parent / "_derive"
World = dict[str, Tensor]
Words = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One blank.

    Attributes:
        name: what stands left of the equals sign: ``dx``; "" for a question.
        right: the formula that is asked for.
        hint: a sentence that helps without giving the answer away.
        slips: wrong formula -> the slip in words, or a bug of the zoo that it has to
            equal, as ``"bug: mean_path_dropped"``.
        parts: terms whose sum is the answer -> what each is.
        also: other ways to write the answer.
        why: said when the answer is right.
        ask: a question, in place of a name.
        proof: for a question, a function of the world that gives the answer.
    """

    name: str = ""
    right: str = ""
    hint: str = ""
    slips: Words = field(default_factory=dict)
    parts: Words = field(default_factory=dict)
    also: tuple[str, ...] = ()
    why: str = ""
    ask: str = ""
    proof: Callable[[SimpleNamespace], Any] | None = None


@dataclass(frozen=True)
class Derivation:
    """A backward to finish, or a set of questions.

    Attributes:
        title: of the box.
        lengths: name of an axis -> its length in each world: ``{"N": (5, 4)}``.
        inputs: name -> "N C", the axes of normal numbers; a word before them makes
            others: see :data:`KINDS`.
        forward: name -> formula, in order; outputs are those with an input dNAME.
        steps: back from the output.
        package: function of the world and of a backward that returns what charlm
            computes, by name; the backward is charlm's unless a bug is tried.
        axes: what sums and means run over when no axis is given; all if None.
        constants: names of further numbers.
        seed: of the worlds.
    """

    title: str
    steps: tuple[Step, ...]
    inputs: Words = field(default_factory=dict)
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    forward: Words = field(default_factory=dict)
    package: Callable[..., dict[str, Any]] | None = None
    axes: tuple[int, ...] | None = None
    constants: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1


def normal(g: Generator, *shape: int) -> Tensor:
    """None is nearly zero."""
    x = torch.randn(shape, generator=g, dtype=torch.float64)
    return torch.where(x.abs() < 0.02, 0.07, x)


def hundredths(x: Tensor) -> Tensor:
    """Rounded, so that a page has them exactly: it divides a whole number by 100.

    In Python, since torch multiplies by 0.01 instead.
    """
    numbers = [round(100 * v) / 100 for v in x.flatten().tolist()]
    return torch.tensor(numbers, dtype=torch.float64).reshape(x.shape)


KINDS: dict[str, Callable[..., Tensor]] = {
    "normal": normal,
    "positive": lambda g, *s: normal(g, *s).abs() + 0.5,
    "mask": lambda g, *s: (torch.rand(s, generator=g) > 0.4).double(),
    "onehot": lambda g, n, v: torch.eye(v).double()[
        torch.randint(v, (n,), generator=g)
    ],
    "shift": lambda g, n, _: torch.eye(n).double().roll(1, 0).tril(-1),
    "causal": lambda g, n, _: torch.ones(n, n).double().tril(),
    "places": lambda g, n: torch.arange(n).double()[:, None],
    "counts": lambda g, *s: torch.randint(1, 5, s, generator=g).double(),
    "turn": lambda g, n, _: torch.tensor([[0.0, 1.0], [-1.0, 0.0]]).double(),
}
"""How numbers are drawn. A one-hot row has a single one, a shift takes each row to the
next, a causal matrix has ones up to the diagonal; places are a column that counts from
zero, and a turn takes (a, b) to (-b, a)."""


def number(x: float) -> Tensor:
    """Without axes."""
    return torch.tensor(x, dtype=torch.float64)


def worlds(it: Derivation) -> list[World]:
    """Two sets of inputs, lengths among them."""
    made = []
    for k in (0, 1):
        lengths = {name: both[k] for name, both in it.lengths.items()}
        g = Generator().manual_seed(100 * it.seed + k)
        world = {}
        for name, spec in it.inputs.items():
            *kind, axes = spec.partition(": ")[::2] if ": " in spec else ("", spec)
            shape = [lengths[a] for a in axes.split()]
            world[name] = hundredths(KINDS[kind[0] or "normal"](g, *shape))
        numbers = {**lengths, **it.constants}
        made.append(world | {name: number(x) for name, x in numbers.items()})
    return made


def whole(it: Derivation, world: World, until: int | None = None) -> World:
    """A world with the values of the forward and of the first steps."""
    world = dict(world)
    lines = [*it.forward.items(), *((s.name, s.right) for s in it.steps[:until])]
    for name, formula in lines:
        if name:
            world[name] = Evaluator(world, it.axes)(formula)
    return world


def data(it: Derivation, told: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What the script of the page needs, as plain lists."""
    made = [
        {
            name: [list(x.shape), (x * 100).round().int().flatten().tolist()]
            if x.dim()
            else plain(x.item())
            for name, x in world.items()
        }
        for world in worlds(it)
    ]
    steps = []
    for step in it.steps:
        one: dict[str, Any] = {"right": step.right, "parts": [*step.parts.items()]}
        one["slips"] = [*told[step.name or step.ask].items()]
        kept = {k: getattr(step, k) for k in ("name", "ask", "hint", "why")}
        steps.append(one | {k: v for k, v in kept.items() if v})
    found = {"worlds": made, "forward": [*it.forward.items()], "steps": steps}
    return found | ({"axes": it.axes} if it.axes else {})


def plain(x: float) -> float | int:
    """5.0 -> 5."""
    return int(x) if x == int(x) else x


@cache
def declared(folder: Path = FOLDER) -> dict[str, tuple[Derivation, Path]]:
    """Every derivation by name, with the file that declares it."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"derive_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, it in vars(module).items():
            if isinstance(it, Derivation):
                found[name.replace("_", "-")] = it, path
    return found

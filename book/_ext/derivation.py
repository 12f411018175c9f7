"""What ``book/_derive`` declares: derivations to finish, and questions to recall.

A derivation has random inputs, the lines of a forward, and steps that go back. All are
formulas of the grammar of :mod:`formula`. Before a page shows them they are computed in
two worlds, with different numbers and lengths, and compared: every step with torch's
own gradient of the forward, those that the package computes with ``charlm``, and every
listed slip with the right answer, which it must not equal.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from formula import Evaluator, Unread, same
from torch import Generator, Tensor

from charlm.gradcheck import bugs

FOLDER = Path(__file__).parent.parent / "_derive"
World = dict[str, Tensor]
Words = Mapping[str, str]


class Wrong(ValueError):
    """A declaration that does not hold."""


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
    return torch.tensor(x, dtype=torch.float64)


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


def gradients(it: Derivation, world: World) -> World:
    """By automatic differentiation of the forward: dNAME for every name."""
    outputs = [n for n in it.forward if f"d{n}" in world]
    if not outputs:
        return {}
    values = {n: world[n].clone().requires_grad_() for n in it.inputs}
    values = {**world, **values}
    for name, formula in it.forward.items():
        values[name] = Evaluator(values, it.axes)(formula)
        if values[name].requires_grad:
            values[name].retain_grad()
    sum((values[n] * world[f"d{n}"]).sum() for n in outputs).backward()
    return {f"d{n}": v.grad for n, v in values.items() if v.grad is not None}


def check(it: Derivation, where: str) -> dict[str, dict[str, str]]:
    """Compute and compare everything; the words of every slip, by step.

    Raises:
        Wrong: what does not hold, and where.
    """
    made, proved = worlds(it), False
    told: dict[str, dict[str, str]] = {}
    for k, step in enumerate(it.steps):
        here = f"{where}, {step.name or step.ask}"
        inside = [Evaluator(whole(it, w, k), it.axes) for w in made]

        def values(formula: str, inside: list[Evaluator] = inside, here: str = here):
            try:
                return [of(formula) for of in inside]
            except Unread as error:
                raise Wrong(f"{here}: {error}") from error

        right = values(step.right)
        known = proofs(it, step, made)
        if not any(known):
            raise Wrong(f"{here}: nothing proves the answer {step.right!r}")
        for pair in filter(None, known):
            if not equal(right, pair):
                raise Wrong(f"{here}: {step.right!r} is not what charlm or torch says")
        proved |= known[0] is not None
        for formula in step.also:
            if not equal(values(formula), right):
                raise Wrong(f"{here}: {formula!r} is not another way to write it")
        sums = [sum(both) for both in zip(*map(values, step.parts), strict=True)]
        if step.parts and not equal(sums, right):
            raise Wrong(f"{here}: the parts do not add up to {step.right!r}")
        told[step.name or step.ask] = slips(it, step, here, made, right, values)
    if not proved:
        raise Wrong(f"{where}: no step is compared with what charlm computes")
    return told


def proofs(it, step, made: list[World]) -> list[list[Tensor] | None]:
    """The answer by the package, and by torch; None where it does not say."""
    ours = step.proof
    if not ours and it.package:
        ours = lambda w: it.package(w).get(step.name)  # noqa: E731
    found = [[ours(space(w)) for w in made] if ours else [None]]
    found.append([gradients(it, w).get(step.name) for w in made])
    return [
        None if pair[0] is None else [torch.as_tensor(x).double() for x in pair]
        for pair in found
    ]


def slips(it, step, here, made, right, values) -> dict[str, str]:
    """Wrong formulas and their words; each is wrong and unlike the others."""
    zoo = {bug.name: bug for bug in bugs.zoo()}
    found: dict[str, str] = {}
    seen: list[list[Tensor]] = []
    for formula, words in step.slips.items():
        value = values(formula)
        if equal(value, right):
            raise Wrong(f"{here}: the slip {formula!r} equals the right answer")
        if any(equal(value, other) for other in seen):
            raise Wrong(f"{here}: the slip {formula!r} is there twice")
        seen.append(value)
        if words.startswith("bug: "):
            bug = zoo[words.removeprefix("bug: ")]
            theirs = [it.package(space(w), bug.backward)[step.name] for w in made]
            if not equal(value, theirs):
                raise Wrong(f"{here}: {formula!r} is not the bug {bug.name}")
            words = f"{bug.slip}."
        found[formula] = words
    return found


def space(world: World) -> SimpleNamespace:
    """A world whose names are attributes."""
    return SimpleNamespace(**world)


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    """In both worlds."""
    return all(same(x, y) for x, y in zip(a, b, strict=True))


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

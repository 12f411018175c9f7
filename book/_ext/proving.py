"""What has to hold of a derivation before a page shows it.

Every step is compared with torch's own gradient of the forward, and with what charlm
computes where it computes it; every listed slip with the right answer, which it must
not equal, and with the bug of the zoo whose name it bears.
"""

from types import SimpleNamespace

import torch
from derivation import Derivation, World, whole, worlds
from formula import Evaluator, Unread, same
from torch import Tensor

from charlm.gradcheck import bugs


class Wrong(ValueError):
    """A declaration that does not hold."""


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

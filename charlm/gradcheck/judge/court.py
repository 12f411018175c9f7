"""A forward at given inputs, before all witnesses; each says how far a backward is off.

What the witnesses can know is found out here: how long a step may be, whether a complex
step makes sense, whether there is a kink, and whom to believe if they contradict each
other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from ..numeric import NotAnalytic, central_differences, complex_step, floating
from .guard import Gradients, where
from .measure import TINY, Backward, bracket, distance, rounding, upstream
from .probe import EPS, kinks, step, why_not_analytic
from .verdict import Refused


@dataclass(frozen=True)
class Bench:
    """The witnesses, and how exact each has to be.

    Attributes:
        exact: name of the witness whose gradients are good to the last digits.
        witnesses: name -> witness.
        limits: name -> largest error that passes.
    """

    exact: str
    witnesses: dict[str, Callable[..., Gradients]]
    limits: dict[str, float]

    @property
    def differences(self) -> str:
        """Name of the witness that only evaluates the forward, at real numbers."""
        return next(n for n, w in self.witnesses.items() if w is central_differences)


@dataclass
class Court:
    """One forward and its inputs.

    Attributes:
        bench: the witnesses.
        forward: of the pair.
        inputs: floating-point tensors in float64.
        names: of the inputs.
        kink: declared to lie on one; then differences only bracket the gradient.
        silent: witness -> why it does not apply; filled as they are asked.
        notes: what a reader should know.
    """

    bench: Bench
    forward: Callable[..., Any]
    inputs: tuple[Any, ...]
    names: list[str]
    kink: bool = False
    silent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def run(self, *inputs: Any) -> Any:
        """The forward, which is known by now to write to nothing."""
        return self.forward(*inputs)

    @cached_property
    def steps(self) -> tuple[float, ...]:
        """A step for differences per floating-point input."""
        return tuple(step(self.run, self.inputs, i) for i in floating(self.inputs))

    @cached_property
    def not_analytic(self) -> str:
        """Why the complex step does not apply, "" if it does."""
        return why_not_analytic(self.run, self.inputs)

    @cached_property
    def masks(self) -> tuple[Tensor, ...]:
        """Where the inputs lie on a kink, and a note if they do."""
        dy = upstream(self.run(*self.inputs)[0])
        masks = kinks(self.run, self.inputs, dy, self.steps)
        for i, mask in zip(floating(self.inputs), masks, strict=True):
            if mask.any():
                place = self.names[i] + str(mask.nonzero()[0].tolist() or "")
                self.notes.append(
                    f"{self.names[i]} lies on a kink at {int(mask.sum())} of "
                    f"{mask.numel()} places, first at {place}: there every slope "
                    "between those of the two sides passes"
                )
        return masks

    def smooth(self, gradients: Gradients) -> Gradients:
        """Gradients with zeros wherever the inputs lie on a kink."""
        if [g.shape for g in gradients] != [m.shape for m in self.masks]:
            return gradients
        pairs = zip(gradients, self.masks, strict=True)
        return tuple(g.masked_fill(mask, 0.0) for g, mask in pairs)

    def ask(self, name: str, dy: Tensor) -> Gradients | None:
        """The gradients by one witness, or None and a reason in ``silent``."""
        witness = self.bench.witnesses[name]
        if name in self.silent:
            return None
        try:
            if witness is complex_step and self.not_analytic:
                raise NotAnalytic(self.not_analytic)
            if witness is central_differences:
                return central_differences(self.run, self.inputs, dy, self.steps)
            return witness(self.run, self.inputs, dy)
        except NotAnalytic as error:
            self.silent[name] = str(error)
        except Exception as error:  # the forward fails near these inputs, or on a graph
            self.silent[name] = f"it cannot run the forward: {where(error)}"
        return None

    def witness(
        self, forward: Callable[..., Any], inputs: tuple[Any, ...], dy: Tensor
    ) -> Gradients:
        """The right gradients of any forward: exact ones if they can be believed."""
        if self.bench.exact in self.silent:
            return central_differences(forward, inputs, dy, self.steps)
        return self.bench.witnesses[self.bench.exact](forward, inputs, dy)

    def hear(
        self, dy: Tensor, ours: Gradients, backward: Backward
    ) -> dict[str, float | None]:
        """Witness -> how far the gradients are off, None where it does not apply.

        Args:
            dy: the gradient of the output.
            ours: the gradients to judge, of any shape.
            backward: that made them, to be asked for other ``dy`` at a kink.

        Raises:
            Refused: no witness can say anything.
        """
        theirs = {name: self.ask(name, dy) for name in self.bench.witnesses}
        if all(gradients is None for gradients in theirs.values()):
            reasons = "; ".join(f"{w}: {r}" for w, r in self.silent.items())
            raise Refused(f"no witness can differentiate this forward ({reasons})")
        total = (self.run(*self.inputs)[0] * dy).abs().sum().item()
        coarse = tuple(64 * EPS * total / h + TINY for h in self.steps)
        exact = self.bench.exact not in self.silent
        fine = rounding(self.witness, self.run, self.inputs, dy) if exact else coarse
        floors = {
            name: coarse if name == self.bench.differences else fine for name in theirs
        }

        def off(name: str, seen: Callable[[Gradients], Gradients]) -> float | None:
            found = theirs[name]
            if found is None:
                return None
            limit = self.bench.limits[name]
            return distance(seen(ours), seen(found), floors[name], limit)

        errors = {name: off(name, lambda gradients: gradients) for name in theirs}
        if self.kink:
            errors[self.bench.differences] = bracket(self.run, backward, self.inputs)
        elif all(e is None or e <= self.bench.limits[w] for w, e in errors.items()):
            return errors
        elif any(mask.any() for mask in self.masks):
            errors = {name: off(name, self.smooth) for name in theirs}
            beside = bracket(self.run, backward, self.inputs)
            found = errors[self.bench.differences] or 0.0
            errors[self.bench.differences] = max(beside, found)
        else:
            self._believe(theirs, coarse)
            errors = {w: None if w in self.silent else e for w, e in errors.items()}
        return errors

    def _believe(
        self, theirs: dict[str, Gradients | None], floors: tuple[float, ...]
    ) -> None:
        """If witnesses contradict each other, silence the one that stands alone."""
        exact = theirs[self.bench.exact]
        numbers = theirs[self.bench.differences]
        if exact is None or numbers is None or distance(exact, numbers, floors) <= 1e-5:
            return
        others = [
            g
            for w, g in theirs.items()
            if g is not None and w not in (self.bench.exact, self.bench.differences)
        ]
        if any(distance(g, exact, floors) <= 1e-5 for g in others):
            self.silent[self.bench.differences] = (
                "the forward bends too sharply here for differences"
            )
            return
        self.silent[self.bench.exact] = (
            "it contradicts the values of the forward, which leaves torch's graph on "
            "the way (.detach(), .data, .item(), numpy) or is not smooth here"
        )

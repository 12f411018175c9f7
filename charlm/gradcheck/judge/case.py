"""What is judged: a gradient that was returned, beside the one that is right."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..numeric import floating
from .guard import Gradients
from .inputs import gradient_name
from .paths import Edge, cut

Witness = Callable[[Callable[..., Any], tuple[Any, ...], Tensor], Gradients]


@dataclass(frozen=True)
class Form:
    """A wrong form, from the bug zoo or of a task.

    Attributes:
        name: of the mistake in the zoo, "" for one of a task.
        slip: the mistake in words.
        gradients: (inputs, dy) -> what that wrong form returns.
    """

    name: str
    slip: str
    gradients: Callable[[tuple[Any, ...], Tensor], Gradients]


@dataclass(frozen=True)
class Trial:
    """One upstream gradient: what was returned, and what is right."""

    inputs: tuple[Any, ...]
    y: Tensor
    dy: Tensor
    ours: Gradients
    right: Gradients


@dataclass
class Case:
    """All trials of a backward on one set of inputs.

    Attributes:
        forward: of the pair.
        names: of the inputs.
        witness: a right gradient for any forward, inputs and dy.
        trials: with different upstream gradients.
        forms: wrong forms to compare with by name.
        returns: names of what a plain function returns, where no gradients are due:
            then ``right`` are its values, and ``witness`` gives them for other inputs.
        less: what :meth:`without` has computed.
    """

    forward: Callable[..., Any]
    names: list[str]
    witness: Witness
    trials: list[Trial] = field(default_factory=list)
    forms: tuple[Form, ...] = ()
    returns: tuple[str, ...] = ()
    less: dict[tuple[int, frozenset[Edge]], Gradients | None] = field(
        default_factory=dict, init=False, repr=False
    )

    def without(self, trial: Trial, edges: frozenset[Edge]) -> Gradients | None:
        """All gradients of a trial with these paths cut; None if it will not run."""
        key = id(trial), edges
        if key not in self.less:
            try:
                forward = cut(self.forward, edges)
                self.less[key] = self.witness(forward, trial.inputs, trial.dy)
            except Exception:  # an operation that will not run on a constant
                self.less[key] = None
        return self.less[key]

    @property
    def due(self) -> list[str]:
        """Names of what has to be returned."""
        if self.returns:
            return list(self.returns)
        return [gradient_name(self.names[i]) for i in floating(self.trials[0].inputs)]

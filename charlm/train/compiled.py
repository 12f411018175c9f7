"""The whole step as one compiled function: gradients, clipping and update.

Without a tape a step is a function from tensors to tensors. ``torch.export`` follows
the *plain* step, the model's own forward and backward, and writes down what becomes of
the tensors; ``torch.compile`` turns that into code for this processor. Given the step
itself, it would look in every call whether model and optimiser are still the same, and
how their windows overlap, which for small models takes longer than the step. On a
graphics processor the code is recorded once and replayed. No number is read within a
step: the losses are left where they were computed, and read some steps later.

Code is made for one shape of minibatch, which takes a minute, so
:mod:`.batches` keeps the lengths of texts few.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.fx import Graph, GraphModule

from .config import TrainConfig, TrainModel
from .flat import Flat
from .gradient import add_gradient
from .optim import Optimiser, shorten

Function = Callable[..., Tensor]
READ = 10
"""Steps after which losses are read."""
BACKEND = "inductor"


class Parts(NamedTuple):
    """What a step is taken with."""

    model: TrainModel
    flat: Flat
    optimiser: Optimiser


class Compiled:
    """A step of a run, compiled for each shape of minibatch when it first comes.

    Args:
        model: without dropout; its parameters are windows into ``flat``.
        flat: its vectors.
        config: of the run: label smoothing, and the longest gradient.
        optimiser: takes the step.

    Attributes:
        why: PyTorch compiles nothing here, so that steps are taken as they stand;
            empty where it does.

    Raises:
        ValueError: the model draws masks, and the generator of these is not compiled;
            in the first step, if the optimiser replaces what it keeps.
    """

    def __init__(
        self, model: TrainModel, flat: Flat, config: TrainConfig, optimiser: Optimiser
    ) -> None:
        if getattr(getattr(model, "drop", None), "p", 0):
            raise ValueError(
                "compile: this model draws dropout masks in every step, and what draws "
                "them is not compiled; leave out --compile, or --dropout"
            )
        self.config, self.optimiser = config, optimiser
        self.own = Parts(model, flat, optimiser)
        self.tensors = [flat.p, flat.g, *(t for _, t in model.statistics())]
        self.tensors += [t for t in vars(optimiser).values() if isinstance(t, Tensor)]
        noise = getattr(model, "generator", None)
        learnt = [t for _, *both in model.named() for t in both]
        met: dict[int, Any] = {id(t): t for t in (noise, *self.tensors, *learnt)}
        # finds tensors that are neither learnt nor changed: copies have them in common
        deepcopy(self.own, met)
        self.known: dict[int, Any] = {
            i: t for i, t in met.items() if isinstance(t, Tensor | Generator)
        }
        self.forms: dict[tuple[str, torch.Size], Function] = {}
        self.unread: list[Tensor] = []
        self.why = ""
        keep_memory()

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """X (B, T) and Y as the model wants them  ->  the mean loss.

        Without a step, for minibatches in parts: the gradient is in ``flat.g``.
        """
        return self._run(self._gradient, X, Y).item()

    def step(self, X: Tensor, Y: Tensor, lr: float) -> None:
        """The whole step, with the update; what it tells is left for :meth:`read`."""
        before = self.optimiser.t
        self.optimiser.t = before + 1
        told = [lr, before, *self.optimiser.by_count()]
        numbers = torch.tensor(told, dtype=torch.float64).to(X.device)
        self.unread.append(self._run(self._step, X, Y, numbers))

    def read(self) -> list[list[float]]:
        """Loss, and length of the gradient if clipped, of all steps not read yet."""
        unread, self.unread = self.unread, []
        found: list[list[float]] = torch.stack(unread).tolist() if unread else []
        return found

    def _gradient(self, parts: Parts, X: Tensor, Y: Tensor) -> Tensor:
        gradients = [d for _, _, d in parts.model.named()]
        for d in gradients:
            d.zero_()
        mean = add_gradient(parts.model, X, Y, self.config.smoothing)
        parts.flat.g.copy_(torch.cat([d.flatten() for d in gradients]))
        return mean

    def _step(self, parts: Parts, X: Tensor, Y: Tensor, numbers: Tensor) -> Tensor:
        loss = self._gradient(parts, X, Y)
        length = torch.full_like(loss, math.nan)
        if self.config.clip:
            length = shorten(parts.flat.g, self.config.clip)
        optimiser = parts.optimiser
        lr, optimiser.t, *by_count = numbers.unbind()
        kept = dict(vars(optimiser))
        vars(optimiser)["by_count"] = lambda: by_count
        optimiser.step(lr)
        for name in optimiser.vectors:
            if getattr(optimiser, name) is not kept[name]:
                raise ValueError(
                    f"compile: {type(optimiser).__name__} puts another tensor in the "
                    f"place of {name}; a compiled step needs it changed where it is, "
                    f"as by {name}.copy_(...)"
                )
        return torch.stack([loss, length])

    def _made_of(self, tensors: Sequence[Tensor]) -> Parts:
        """Copies of the parts that have these tensors in the place of their own."""
        flat, instead = self.own.flat, dict(self.known)
        instead |= {id(a): b for a, b in zip(self.tensors, tensors, strict=True)}
        windows = flat.windows(instead[id(flat.p)])
        for (_, p, d), window in zip(self.own.model.named(), windows, strict=True):
            instead[id(p)] = window
            # not windows: compiled code would copy the whole vector for each of them
            instead[id(d)] = torch.zeros_like(window)
        return deepcopy(self.own, instead)

    @cached_property
    def _parts(self) -> Parts:
        """For steps that are taken as they stand."""
        return self._made_of(self.tensors)

    def _run(self, f: Function, *inputs: Tensor) -> Tensor:
        """A method, compiled for inputs of these shapes."""
        inputs = tuple(t.contiguous() for t in inputs)
        key = f.__name__, inputs[0].shape
        if key in self.forms:
            return self.forms[key](*inputs)
        if not self.why:
            try:
                form, found = self._compiled(f, inputs)
            except Exception as error:  # no compiler, or one that fails
                lines = str(error).splitlines() or [type(error).__name__]
                told = [line for line in lines if not line.endswith("raised:")]
                self.why = told[0] if told else lines[0]
            else:
                on_gpu = inputs[0].is_cuda
                self.forms[key] = Replayed(form, inputs) if on_gpu else form
                return found
        return f(self._parts, *inputs)

    def _compiled(
        self, f: Function, inputs: tuple[Tensor, ...]
    ) -> tuple[Function, Tensor]:
        """A method, compiled as a function of tensors, and its first result."""
        n = len(self.tensors)

        def traced(*tensors: Tensor) -> Tensor:
            return f(self._made_of(tensors[:n]), *tensors[n:])

        with torch.inference_mode(False), torch.no_grad():
            like = tuple(torch.empty_like(t) for t in (*self.tensors, *inputs))
            graph = torch.export.export(
                followed(traced, len(like)), like, strict=False
            ).module()
        graph.graph.eliminate_dead_code()  # questions about types, answered by now
        graph.recompile()

        def tried(**options: Any) -> tuple[Function, Tensor]:
            form = torch.compile(
                graph.forward,
                fullgraph=True,
                dynamic=False,
                backend=BACKEND,
                options=options,
            )
            return partial(form, *self.tensors), form(*self.tensors, *inputs)

        if not hasattr(torch.compiler, "skip_all_guards_unsafe"):  # an older release
            return tried()
        # whether inputs look as they did need not be asked: they have one form each
        unasked = partial(tried, guard_filter_fn=torch.compiler.skip_all_guards_unsafe)
        if not inputs[0].is_cuda:  # a graph is replayed without what calls the kernels
            with suppress(Exception):  # not every processor's code compiles as C++
                return unasked(cpp_wrapper=True)
        return unasked()


def keep_memory() -> None:
    """Have what a step frees kept for the next one, instead of given back.

    glibc gives memory back to the system beyond twice the largest piece that it has
    seen freed, up to 32 MiB, and what is asked for anew comes page by page: for a GPT
    a quarter of the step. So a large piece is freed here, which is never filled.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def followed(f: Function, count: int) -> GraphModule:
    """A function of so many tensors, in the form that ``torch.export`` takes."""
    graph = Graph()
    tensors = tuple(graph.placeholder(f"tensor_{i}") for i in range(count))
    graph.output(graph.call_function(f, tensors))
    return GraphModule({}, graph)


class Replayed:
    """A function on a graphics processor whose kernels are recorded, then replayed.

    It has been called before, so that libraries have prepared what they need. What it
    reads and writes besides its inputs has to stay where it is.

    Args:
        f: the function.
        inputs: of their shapes all others are.
    """

    def __init__(self, f: Function, inputs: tuple[Tensor, ...]) -> None:
        self.inputs, self.graph = [t.clone() for t in inputs], torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):  # nothing is computed yet
            self.result = f(*self.inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The result of the function."""
        for held, t in zip(self.inputs, inputs, strict=True):
            held.copy_(t)
        self.graph.replay()
        return self.result.clone()

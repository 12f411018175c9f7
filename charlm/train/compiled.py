"""The whole step as one compiled function: gradients, clipping and update.

Without a tape a step is a function from tensors to tensors. ``torch.compile`` turns
the *plain* step, the model's own forward and backward, into code for this processor; on
a graphics processor that code is recorded once and replayed. No number is read within a
step: the losses are left where they were computed, and read some steps later.

Code is made for one shape of minibatch, which takes a minute, so
:mod:`.batches` keeps the lengths of texts few.
"""

import math
from collections.abc import Callable
from types import FunctionType, MethodType

import torch
from torch import Tensor

from .config import TrainConfig, TrainModel
from .flat import Flat
from .gradient import add_gradient, copied
from .optim import Optimiser, shorten

Function = Callable[..., Tensor]
READ = 10
"""Steps after which losses are read."""
BACKEND = "inductor"


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
        ValueError: the model draws masks, and the generator of these is not compiled.
    """

    def __init__(
        self, model: TrainModel, flat: Flat, config: TrainConfig, optimiser: Optimiser
    ) -> None:
        if getattr(getattr(model, "drop", None), "p", 0):
            raise ValueError(
                "compile: this model draws dropout masks in every step, and what draws "
                "them is not compiled; leave out --compile, or --dropout"
            )
        self.flat, self.config, self.optimiser = flat, config, optimiser
        # gradients of their own: where they are windows into one vector, compiled code
        # copies the whole vector for each of them
        self.model = copied(model)
        self.gradients = []
        for (_, p, _), (_, own, d) in zip(
            model.named(), self.model.named(), strict=True
        ):
            own.data, d.data = p, torch.zeros_like(p)
            self.gradients.append(d)
        self.forms: dict[tuple[str, torch.Size], Function] = {}
        self.unread: list[Tensor] = []
        self.why = ""

    def gradient(self, X: Tensor, Y: Tensor) -> float:
        """X (B, T) and Y as the model wants them  ->  the mean loss.

        Without a step, for minibatches in parts: the gradient is in ``flat.g``.
        """
        return self._run(self._gradient, X, Y).item()

    def step(self, X: Tensor, Y: Tensor, lr: float) -> None:
        """The whole step, with the update; what it tells is left for :meth:`read`."""
        t = self.optimiser.t
        numbers = torch.tensor([lr, t], dtype=torch.float64).to(X.device)
        try:
            self.unread.append(self._run(self._step, X, Y, numbers))
        finally:
            self.optimiser.t = t + 1  # where the step has left a tensor

    def read(self) -> list[list[float]]:
        """Loss, and length of the gradient if clipped, of all steps not read yet."""
        unread, self.unread = self.unread, []
        found: list[list[float]] = torch.stack(unread).tolist() if unread else []
        return found

    def _gradient(self, X: Tensor, Y: Tensor) -> Tensor:
        for d in self.gradients:
            d.zero_()
        mean = add_gradient(self.model, X, Y, self.config.smoothing)
        self.flat.g.copy_(torch.cat([d.flatten() for d in self.gradients]))
        return mean

    def _step(self, X: Tensor, Y: Tensor, numbers: Tensor) -> Tensor:
        loss = self._gradient(X, Y)
        length = torch.full_like(loss, math.nan)
        if self.config.clip:
            length = shorten(self.flat.g, self.config.clip)
        self.optimiser.t = numbers[1]
        self.optimiser.step(numbers[0])
        return torch.stack([loss, length])

    def _run(self, f: Function, *inputs: Tensor) -> Tensor:
        """A method, compiled for inputs of these shapes."""
        inputs = tuple(t.contiguous() for t in inputs)
        key = f.__name__, inputs[0].shape
        if key in self.forms:
            return self.forms[key](*inputs)
        if not self.why:
            # PyTorch keeps compiled forms by code object, eight for each at most: so
            # each form has one of its own
            plain = getattr(Compiled, f.__name__)
            one = FunctionType(plain.__code__.replace(), plain.__globals__)
            form: Function = torch.compile(
                MethodType(one, self),
                fullgraph=True,
                dynamic=False,
                backend=BACKEND,
            )
            try:
                found: Tensor = form(*inputs)
            except Exception as error:  # no compiler, or one that fails
                lines = str(error).splitlines() or [type(error).__name__]
                told = [line for line in lines if not line.endswith("raised:")]
                self.why = told[0] if told else lines[0]
            else:
                on_gpu = inputs[0].is_cuda
                self.forms[key] = Replayed(form, inputs) if on_gpu else form
                return found
        return f(*inputs)


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

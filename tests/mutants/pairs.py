"""Backwards and JVPs, judged without a test run: quickly, and by the cases alone.

Each mutant of a pair is judged by what the fast suite asks of a pair: the right number,
shapes, types and values of the gradients on every case of the pair, with random
upstream gradients, and that nothing it was given is written to. Each mutant of a JVP is
judged by the adjoint witness, beside the right backward. Each mutant of the backward of
a layer or a model is judged by the gradients of whole models, which ``test_models.py``
holds against PyTorch's modules.
"""

import ast
import inspect
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import torch

from charlm import gradcheck, layers, models, ops
from charlm.gradcheck import cases, ledger

sys.path.insert(0, str(Path(__file__).parent.parent))

import test_models  # noqa: E402


@dataclass(frozen=True)
class Question:
    """A case with what the right backward answers."""

    dy: torch.Tensor
    cache: tuple
    answer: tuple


def questions(pair):
    """What every mutant of a pair is asked, the answers by autograd."""
    found = []
    for seed in ledger.SEEDS:
        for case in cases.cases(pair, seed):
            y, cache = case.forward(*case.inputs)
            dy = gradcheck.upstream(y, seed)
            answer = gradcheck.autograd(case.forward, case.inputs, dy)
            found.append(Question(dy, cache, answer))
    return found


def singles(pair):
    """The same in single precision, where only types and shapes are asked for."""
    found = []
    for case in cases.cases(pair, dtype=torch.float32):
        y, cache = case.forward(*case.inputs)
        where = gradcheck.floating(case.inputs)
        shapes = tuple(case.inputs[i] for i in where)
        found.append(Question(gradcheck.upstream(y), cache, shapes))
    return found


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for v in value for t in tensors(v)] if isinstance(value, tuple) else []


def killed(backward, doubles, floats):
    """True if a question finds the backward wrong."""
    try:
        for q in doubles:
            before = [t.clone() for t in tensors((q.dy, q.cache))]
            found = gradcheck.gradients(backward, q.dy, q.cache)
            written = not all(map(same, tensors((q.dy, q.cache)), before))
            if written:
                for t, old in zip(tensors((q.dy, q.cache)), before, strict=True):
                    t.copy_(old)  # mend it for the next mutant
                return True
            if any(d is q.dy for d in found):
                return True
            if gradcheck.error(found, q.answer) > gradcheck.TOLERANCE["autograd"]:
                return True
        for q in floats:
            found = gradcheck.gradients(backward, q.dy, q.cache)
            if [(d.shape, d.dtype) for d in found] != [
                (x.shape, x.dtype) for x in q.answer
            ]:
                return True
    except Exception:  # a mutant may fail in any way there is
        return True
    return False


def same(a, b):
    return torch.equal(a, b)


def classes():
    """All layers and models that have a backward of their own."""
    for package in (layers, models):
        for info in iter_modules(package.__path__, f"{package.__name__}."):
            for cls in vars(import_module(info.name)).values():
                own = isinstance(cls, type) and cls.__module__ == info.name
                if own and cls is not layers.Layer and "backward" in vars(cls):
                    yield cls


def whole():
    """Models and a stack of layers, small, with inputs: what mutants are tried on."""
    g = torch.Generator().manual_seed(0)
    found = []
    for name in test_models.MODELS:
        model, _ = test_models.build(name, g)
        test_models.spread(model, g)
        found.append((model, test_models.inputs(name, model, 4, 7, g), True))
        if "mlp norm" in name or name == "tree":
            found.append((model, found[-1][1], False))
    for pair in ("rnn_cell", "lstm_cell"):
        cell = Masked(pair, 3, 4, g, truncate=3, dtype=torch.float64)
        x = torch.randn(5, 7, 3, generator=g, dtype=torch.float64)
        found.append((cell, x, True))
    stack = [
        layers.RMSNorm(6, dtype=torch.float64),
        layers.GroupNorm(6, 2, dtype=torch.float64),
        layers.Residual(layers.Linear(6, 6, g, dtype=torch.float64)),
        layers.Dropout(0.5, g),
    ]
    x = torch.randn(5, 6, generator=g, dtype=torch.float64)
    both = layers.Sequential(stack), layers.Sequential(stack[:3])
    found += [(net, x, training) for net in both for training in (True, False)]
    for net in both:
        test_models.spread(net, g)
    return found


class Masked(layers.Recurrent):
    """A recurrent layer over texts of unequal length."""

    def forward(self, x, training=True):
        lengths = torch.arange(len(x)) + 2
        mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
        return super().forward(x, training, mask)


def reset(model):
    """Back to the state before the first call: running statistics, random masks."""
    if hasattr(model, "running_mean"):
        model.running_mean.zero_()
        model.running_var.fill_(1)
    if isinstance(model, layers.Dropout):
        model.generator.manual_seed(1)
    for layer in model.inner().values() if isinstance(model, layers.Layer) else ():
        reset(layer)


def answers(model, x, training):
    """All gradients of a model on some inputs."""
    reset(model)
    y, cache = model.forward(x, training)
    model.zero_grad()
    for _ in range(2):  # twice: gradients have to add up
        dx = model.backward(gradcheck.upstream(y), cache)
    found = [d.clone() for _, _, d in model.named()]
    return tuple(found if dx is None else [*found, dx])


def differs(problems):
    """True if a model now gives other gradients than it did before."""
    return any(gradcheck.error(answers(*a), answer) > 1e-9 for a, answer in problems)


@dataclass(frozen=True)
class Judge:
    """A function, and how to get a question whether another in its place is wrong."""

    function: Callable
    prepare: Callable[[], Callable]

    @property
    def where(self) -> tuple[str, str]:
        """File and name, as a mutant has them."""
        f = inspect.unwrap(self.function)
        return inspect.getfile(f), f.__qualname__


def of_backward(pair) -> Judge:
    """The backward of a pair, on all cases."""

    def prepare():
        doubles, floats = questions(pair), singles(pair)
        return lambda f: killed(f, doubles, floats)

    return Judge(ops.pairs()[pair].backward, prepare)


def of_jvp(pair) -> Judge:
    """The JVP of a pair, whose adjoint is the backward."""
    both = ops.pairs()[pair]

    def prepare():
        seeds = ledger.SEEDS
        asked = [(case, seed) for seed in seeds for case in cases.cases(pair, seed)]
        most = gradcheck.TOLERANCE["adjoint"]

        def wrong(rule):
            try:
                return any(
                    gradcheck.adjoint(c.forward, both.backward, rule, c.inputs, seed)
                    > most
                    for c, seed in asked
                )
            except Exception:  # a mutant may fail in any way there is
                return True

        return wrong

    return Judge(both.jvp, prepare)


def of_class(cls) -> Judge:
    """The backward of a layer or a model, in whole models."""
    right = cls.backward

    def prepare():
        problems = [(args, answers(*args)) for args in whole()]

        def wrong(f):
            cls.backward = f
            try:
                return differs(problems)
            except Exception:  # a mutant may fail in any way there is
                return True
            finally:
                cls.backward = right

        return wrong

    return Judge(right, prepare)


def judges() -> list[Judge]:
    """All backwards, all JVPs, all layers and models."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = [of(p) for p in ops.pairs() for of in (of_backward, of_jvp)]
    return found + [of_class(cls) for cls in classes()]


def survivors(judge: Judge, mutants: list) -> list[str]:
    """Names of those that the judge does not find wrong."""
    wrong = judge.prepare()
    if wrong(judge.function):
        name = judge.function.__qualname__
        raise AssertionError(f"{name} is itself found wrong; mend it first")
    return [m.name for m in mutants if not wrong(compiled(m, judge.function))]


def compiled(mutant, function):
    """The mutant as a function, in the namespace of the original."""
    namespace = dict(vars(sys.modules[function.__module__]))
    body, names = mutant.tree(), mutant.place.owner.split(".")
    for name in names:
        body = next(n for n in body.body if getattr(n, "name", "") == name)
    alone = ast.Module([body], [])
    exec(compile(alone, str(mutant.path), "exec"), namespace)
    return namespace[names[-1]]

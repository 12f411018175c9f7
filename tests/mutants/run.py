"""Mutation testing of every backward and every JVP: ``make mutants``.

Each mutant of a pair is judged by what the fast suite asks of a pair: the right number,
shapes, types and values of the gradients on every case of the pair, with random
upstream gradients, and that nothing it was given is written to. Each mutant of a JVP is
judged by the adjoint witness, beside the right backward. Each mutant of a layer
or a model is judged by the gradients of whole models, which ``test_models.py`` holds
against PyTorch's modules. A mutant that passes is a hole in the cases, or changes
nothing: those are listed, with the reason, in ``equivalent.toml``.
"""

import inspect
import sys
import textwrap
import time
import tomllib
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import torch

from charlm import gradcheck, layers, models, ops
from charlm.gradcheck import cases, ledger

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import test_models  # noqa: E402
from mutate import mutants  # noqa: E402


@dataclass(frozen=True)
class Mutant:
    """One edited backward: whose, where, the line as it was, the edit, the new text."""

    owner: str
    where: str
    line: str
    what: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.owner}: {self.what} in: {self.line}"


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


def mutants_of(owner, backward):
    """Every mutant of a function."""
    lines, first = inspect.getsourcelines(backward)
    path = Path(inspect.getfile(inspect.unwrap(backward)))
    path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    source = textwrap.dedent("".join(lines))
    for line, what, text in mutants(source):
        code = lines[line - 1].split("#")[0].strip()
        yield Mutant(owner, f"{path}:{first + line - 1}", code, what, text)


def compiled(mutant, backward):
    """The mutant as a function, in the namespace of the original."""
    namespace = dict(vars(sys.modules[backward.__module__]))
    exec(compile(mutant.source, mutant.where, "exec"), namespace)
    return namespace[backward.__name__]


def survivors(pair):
    """How many mutants a pair has, and those that no question kills."""
    doubles, floats = questions(pair), singles(pair)
    right = ops.pairs()[pair].backward
    if killed(right, doubles, floats):
        raise AssertionError(f"{pair}_backward is itself found wrong; mend it first")
    found = list(mutants_of(pair, right))
    left = [m for m in found if not killed(compiled(m, right), doubles, floats)]
    return len(found), left


def survivors_of_jvp(pair):
    """As :func:`survivors`, for the JVP of a pair, whose adjoint is the backward."""
    both = ops.pairs()[pair]
    asked = [(case, seed) for seed in ledger.SEEDS for case in cases.cases(pair, seed)]

    def wrong(rule):
        try:
            return any(
                gradcheck.adjoint(case.forward, both.backward, rule, case.inputs, seed)
                > gradcheck.TOLERANCE["adjoint"]
                for case, seed in asked
            )
        except Exception:  # a mutant may fail in any way there is
            return True

    if wrong(both.jvp):
        raise AssertionError(f"{pair}_jvp is itself found wrong; mend it first")
    found = list(mutants_of(f"{pair}_jvp", both.jvp))
    return len(found), [m for m in found if not wrong(compiled(m, both.jvp))]


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


def survivors_of_class(cls, problems):
    """As :func:`survivors`, for the backward of a layer or a model."""
    right = cls.backward
    if differs(problems):
        raise AssertionError("whole models do not give the same gradients twice")
    found, left = list(mutants_of(cls.__name__, right)), []
    for mutant in found:
        cls.backward = compiled(mutant, right)
        try:
            wrong = differs(problems)
        except Exception:  # a mutant may fail in any way there is
            wrong = True
        finally:
            cls.backward = right
        left += [] if wrong else [mutant]
    return len(found), left


def differs(problems):
    """True if a model now gives other gradients than it did before."""
    return any(gradcheck.error(answers(*a), answer) > 1e-9 for a, answer in problems)


def main(names=None, listed=HERE / "equivalent.toml"):
    """Run, print, and return 0 if every mutant is killed or listed as equivalent."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    equivalent = tomllib.loads(Path(listed).read_text(encoding="utf8"))
    chosen = names or list(ops.pairs())
    results = [survivors(pair) for pair in chosen]
    results += [survivors_of_jvp(pair) for pair in chosen]
    if names is None:
        problems = [(args, answers(*args)) for args in whole()]
        results += [survivors_of_class(cls, problems) for cls in classes()]
    total = sum(count for count, _ in results)
    alive = [m for _, left in results for m in left]
    bad = [m for m in alive if m.name not in equivalent]
    stale = set(equivalent) - {m.name for m in alive} if names is None else set()
    for m in bad:
        print(f"survived: {m.where} {m.name}")
    for name in sorted(stale):
        print(f"stale in {Path(listed).name}: {name!r} is killed or does not exist")
    seconds = time.perf_counter() - begin
    print(
        f"{total} mutants of {len(results)} functions: {total - len(alive)} killed, "
        f"{len(alive) - len(bad)} equivalent, {len(bad)} survived ({seconds:.0f} s)"
    )
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())

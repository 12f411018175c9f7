"""The shapes in the comments are true: the code is run and every one is compared.

A comment such as ``# (B, T, E)`` behind an assignment or a return is a claim. While the
pairs, layers and models run, a trace looks at the values those lines made. A letter
means the same number everywhere in one call; the docstring says what it means for the
arguments; ``...`` stands for the same leading axes everywhere in one call.
"""

import ast
import re
import sys
from pathlib import Path

import pytest
import torch
from test_models import MODELS, build, inputs
from torch import Tensor

import charlm
from charlm import gradcheck, layers, models, ops
from charlm.gradcheck import cases
from charlm.models import Ensemble

ROOT = Path(charlm.__file__).parent
FILES = {
    str(path): path.read_text(encoding="utf8")
    for part in ("ops", "layers", "models")
    for path in sorted((ROOT / part).glob("*.py"))
}
CLAIM = re.compile(r"#\s*\(([^()]*)\)")
MORE = re.compile(r"[#,]\s*\(([^()]*)\)")
IN_DOC = re.compile(r"\b([A-Za-z]\w*) \(((?:\.\.\.|[A-Z0-9][A-Z0-9+*/]*|, )*)\)")


def made(node):
    """Names that a statement gives values to: ``h``, ``self.keys``."""
    for target in getattr(node, "targets", [getattr(node, "target", None)]):
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        for part in filter(None, parts):
            if isinstance(part, ast.Attribute):
                yield ast.unparse(part)
            else:
                yield from (n.id for n in ast.walk(part) if isinstance(n, ast.Name))


def looked_up(frame, name):
    """What a name stands for within a frame."""
    first, _, rest = name.partition(".")
    found = frame.f_locals.get(first)
    return getattr(found, rest, None) if rest else found


def claims(text):
    """Line number where a statement ends -> its names, its shape, its first line."""
    lines = text.splitlines()
    found = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Assign | ast.Return | ast.AnnAssign):
            continue
        claim = CLAIM.search(lines[node.end_lineno - 1])
        if claim:
            names = [n for n in made(node) if not n.startswith(("c_", "_", "cache"))]
            kept = None if isinstance(node, ast.Return) else names
            comment = lines[node.end_lineno - 1][claim.start() :]
            shapes = MORE.findall(comment)
            found[node.lineno] = kept, shapes
    return found


CLAIMS = {path: claims(text) for path, text in FILES.items()}


def tensors(value):
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [t for v in value for t in tensors(v)]
    return []


class Letters(dict):
    """What the letters of one call stand for."""

    def match(self, shape, claim):
        """Bind the letters of a claim to a shape; False if they cannot be."""
        tokens = [t.strip() for t in claim.split(",") if t.strip()]
        shape = tuple(shape)
        if tokens and tokens[0] == "...":
            tokens = tokens[1:]
            lead = shape[: len(shape) - len(tokens)]
            if len(shape) < len(tokens) or self.setdefault("...", lead) != lead:
                return False
            shape = shape[len(lead) :]
        if len(shape) != len(tokens):
            return False
        # single letters first: they give the others their meaning
        for token, n in sorted(
            zip(tokens, shape, strict=True), key=lambda p: not p[0].isalpha()
        ):
            if token.isalpha() and token not in self:
                self[token] = n
            try:
                meant = eval(token.replace("/", "//"), {}, dict(self))
            except NameError:
                continue  # a product of letters of which one is not known yet
            if meant != n:
                return False
        return True


class Tracer:
    def __init__(self):
        self.checked, self.wrong = set(), []

    def __call__(self, frame, event, arg):
        path = frame.f_code.co_filename
        if path not in CLAIMS or frame.f_code.co_name.startswith("<"):
            return None
        letters = Letters()
        doc = frame.f_code.co_consts[0] if frame.f_code.co_consts else None
        for name, claim in IN_DOC.findall(doc if isinstance(doc, str) else ""):
            value = frame.f_locals.get(name)
            if isinstance(value, Tensor) and not letters.match(value.shape, claim):
                self.wrong.append(f"{path}: {name} is {tuple(value.shape)} not {claim}")
        last = [None]

        def local(frame, event, arg):
            claim = CLAIMS[path].get(last[0])
            if claim and event in ("line", "return"):
                names, shapes = claim
                if names is None and event == "return":
                    self.judge(path, last[0], tensors(arg), shapes[0], letters)
                elif names is not None:
                    if len(shapes) != len(names):  # one shape for all of them
                        shapes = shapes[:1] * len(names)
                    for name, shape in zip(names, shapes, strict=True):
                        values = tensors(looked_up(frame, name))
                        self.judge(path, last[0], values, shape, letters)
            if event == "line":
                last[0] = frame.f_lineno
            elif event == "exception":
                last[0] = None
            return local

        return local

    def judge(self, path, line, values, claim, letters):
        if values:
            self.checked.add((path, line))
        for value in values:
            if not letters.match(value.shape, claim):
                shown = f"{tuple(value.shape)} is not ({claim}) with {dict(letters)}"
                self.wrong.append(f"{Path(path).name}:{line}: {shown}")


def run_everything():
    g = torch.Generator().manual_seed(0)
    for name, pair in ops.pairs().items():
        for case in cases.cases(name):
            y, cache = case.forward(*case.inputs)
            pair.backward(gradcheck.upstream(y), cache)
            if pair.jvp:
                moving = (case.inputs[i] for i in gradcheck.floating(case.inputs))
                pair.jvp(*moving, cache)
    ops.sinusoid(5, 4, torch.zeros(1))
    for name in MODELS:
        model, _ = build(name, g)
        logits, cache = model.forward(inputs(name, model, 4, 7, g))
        model.backward(torch.ones_like(logits), cache)
        if isinstance(model, models.GPT):
            x = inputs(name, model, 4, 7, g)
            model.extend(x[:, 5:], model.extend(x[:, :5])[1])
    X, Y = torch.randint(5, (9, 3), generator=g), torch.randint(5, (9,), generator=g)
    one = models.MLP(5, g, n_hidden=4)
    Ensemble([one, one]).forward(X)
    for counting in (models.NGram(5, X, Y, 2), models.KneserNey(5, X, Y, 2)):
        counting.forward(X[:4])
    x = torch.randn(2, 3, 6, generator=g)
    every = layers.Sequential(
        [
            layers.RMSNorm(6),
            layers.GroupNorm(6, 2),
            layers.Residual(layers.Linear(6, 6, g)),
            layers.Dropout(0.5, g),
        ]
    )
    y, cache = every.forward(x)
    every.backward(y, cache)


@pytest.fixture(scope="module")
def trace():
    tracer, before = Tracer(), sys.gettrace()
    sys.settrace(tracer)
    try:
        run_everything()
    finally:
        sys.settrace(before)
    return tracer


def test_every_shape_comment_is_true(trace):
    assert trace.wrong == []


def test_every_shape_comment_was_met(trace):
    every = {(path, line) for path, found in CLAIMS.items() for line in found}
    missed = {f"{Path(path).name}:{line}" for path, line in every - trace.checked}
    assert missed == set()
    assert len(every) > 100


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        (["B, T", "B, T"], True),
        (["B, T", "T, B"], False),
        (["..., T", "T"], True),
        (["B, T", "B"], False),
        (["B, 2*C", "C, C"], False),
        (["2, 6", "2, 6"], True),
        (["N, C", "N, C/2"], False),
    ],
)
def test_the_matching_itself(claims, good):
    letters = Letters()
    shapes = [(2, 6), (6,) if claims[1] in ("T", "B") else (2, 6)]
    found = [letters.match(s, c) for s, c in zip(shapes, claims, strict=True)]
    assert all(found) == good

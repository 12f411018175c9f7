"""The house rules, held by tests: who imports whom, and what is never used."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from charlm.cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "charlm"
FILES = sorted(PACKAGE.rglob("*.py"))

# a room may import only rooms of a lower rank
RANKS = {
    "ops": 0,
    "show": 0,
    "plots": 0,
    "evidence": 0,
    "scalar": 1,
    "data": 1,
    "gradcheck": 1,
    "layers": 1,
    "models": 2,
    "sample": 3,
    "train": 4,
    "cli": 5,
    "__main__": 6,
}
DOORS = [room for room in RANKS if room != "__main__"]
WITNESS = PACKAGE / "gradcheck" / "witnesses.py"
FACE = PACKAGE / "gradcheck" / "__init__.py"  # names it, and imports no torch
BANNED = ("autograd", "requires_grad", "torch.nn", "torch.optim", ".backward()")


def module(path):
    """The room of a file: charlm/ops/loss.py -> ops."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def source(name):
    """File of the longest beginning of a dotted name; None if it is not ours."""
    parts = name.split(".")
    while parts[0] == "charlm" and len(parts) > 1:
        path = ROOT.joinpath(*parts)
        for found in (path.with_suffix(".py"), path / "__init__.py"):
            if found.is_file():
                return found
        parts.pop()
    return None


def imports(path):
    """Files of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {source(a.name) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            here = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*here, *filter(None, [node.module])])
            # what is imported may be a file, or stand in one
            found |= {source(f"{base}.{a.name}") for a in node.names}
    return found - {None}


IMPORTS = {path: imports(path) for path in FILES}
each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda p: str(p.relative_to(PACKAGE))
)


@each_file
def test_imports_go_down(path):
    own = module(path)
    if own == "__init__":
        return
    assert own in RANKS, f"give charlm/{own} a rank here, and a line in CONTRIBUTING.md"
    for other in {module(found) for found in IMPORTS[path]} - {own}:
        assert RANKS[other] < RANKS[own], f"{own} must not import {other}"


def test_no_file_imports_itself_by_way_of_others():
    done, way = set(), []

    def visit(path):
        names = (
            [str(p.relative_to(PACKAGE)) for p in way[way.index(path) :]]
            if path in way
            else []
        )
        assert not names, " -> ".join([*names, names[0]])
        if path not in done:
            way.append(path)
            for found in sorted(IMPORTS[path]):
                visit(found)
            way.pop()
            done.add(path)

    for path in FILES:
        visit(path)


def test_a_newcomer_sees_few_doors():
    """Each with a first line that says what is behind it."""
    listed = {p.name.removesuffix(".py") for p in PACKAGE.iterdir()}
    assert listed - {"__init__", "__main__", "__pycache__", "py.typed"} == set(DOORS)
    assert len(DOORS) <= 12
    for room in DOORS:
        path = PACKAGE / room / "__init__.py"
        path = path if path.exists() else PACKAGE / f"{room}.py"
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf8")))
        assert doc.splitlines()[0].endswith((".", ":")), room


def test_the_house_of_contributing_is_this_one():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| (\d) \| (.*?) \|", text, re.M)
    told = {
        name: int(rank)
        for rank, names in rows
        for name in re.findall(r"`(\w+)/?`", names)
    }
    assert told == {room: RANKS[room] for room in DOORS}


def constants(path):
    """Names of the constants of a file that a text below them explains."""
    body = ast.parse(path.read_text(encoding="utf8")).body
    for node, after in pairwise(body):
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if told and isinstance(node, ast.Assign | ast.AnnAssign):
            yield (node.targets[0] if isinstance(node, ast.Assign) else node.target).id


def public(name):
    """What a room, or a module that it offers, has for others: name -> object."""
    found = import_module(name)
    own = [n for n, x in vars(found).items() if getattr(x, "__module__", "") == name]
    own = [n for n in own if not n.startswith("_")] + [*constants(source(name))]
    return {n: getattr(found, n) for n in getattr(found, "__all__", own)}


def offered():
    """The rooms, each with the modules that it offers as such."""
    for room in (f"charlm.{door}" for door in DOORS):
        yield room
        inner = [n for n, x in public(room).items() if isinstance(x, ModuleType)]
        yield from (f"{room}.{n}" for n in inner)


def test_every_public_name_stands_on_the_page_of_the_package_once():
    page = (ROOT / "book" / "api.md").read_text(encoding="utf8")
    whole = re.findall(r"^\.\. automodule:: (charlm\.\S+)\n   :members:\n", page, re.M)
    single = re.findall(r"^\.\. autodata:: (\S+)", page, re.M)
    assert sorted(whole) == sorted(offered())
    # functions and classes; a constant that stands in another file is named by itself
    passed_on = [
        f"{name}.{n}"
        for name in whole
        for n, x in public(name).items()
        if not (callable(x) or isinstance(x, ModuleType))
        if n not in constants(source(name))
    ]
    assert sorted(single) == sorted(passed_on)


def test_every_public_name_has_one_way_to_it():
    places = {}
    for name in offered():
        for n, x in public(name).items():
            if callable(x):
                places.setdefault(x, []).append(f"{name}.{n}")
    assert [ways for ways in places.values() if len(ways) > 1] == []


IMPORT = re.compile(r"^ *from (charlm[\w.]*) import (\([^)]*\)|[^\n(#]*)", re.M)
READERS = [
    path
    for at in (".", "book", "book/_results")
    for path in [*(ROOT / at).glob("*.md"), *(ROOT / at).glob("*.py")]
]


@pytest.mark.parametrize("path", READERS, ids=lambda p: p.name)
def test_readers_are_shown_this_way_alone(path):
    """Or a file of the package as such, to look into it."""
    for name, names in IMPORT.findall(path.read_text(encoding="utf8")):
        for n in re.findall(r"(\w+)(?: as \w+)?", names):
            ways = public(name) if name in {*offered()} else {}
            assert n in ways or source(f"{name}.{n}") != source(name), f"{name}.{n}"


@each_file
def test_no_file_is_too_long(path):
    lines = len(path.read_text(encoding="utf8").splitlines())
    assert lines <= 250, f"{path.name} has {lines} lines: split it by idea"


RUN = "train --data items --batch 4 --model bigram".split()
RUNS = {
    "new": ([], [*RUN, "--steps", "1"]),
    "text": ([], [*RUN, "--steps", "1", "--text"]),
    "resumed": (
        [[*RUN, "--steps", "1"]],
        "train --resume --data items --steps 2".split(),
    ),
    "tuned": (
        [[*RUN, "--steps", "1", "--out", "first.st"]],
        "train --from first.st --data items --batch 4 --steps 1".split(),
    ),
    "replacing": ([[*RUN, "--steps", "1"]], [*RUN, "--steps", "2", "--overwrite"]),
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_arguments_of_a_run_go_one_way(kind, tmp_path, monkeypatch, capsys):
    """Those who carry the settings call into no room more than twice.

    A visit is one or more calls in a row; what a room does further down is its own.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items").write_text("\n".join(a + b for a in "abcde" for b in "fghij"))
    before, words = RUNS[kind]
    for run in before:
        assert main(run) == 0
    import_module("charlm.cli.train")  # importing calls, too
    carriers = {*PACKAGE.glob("cli/*.py"), PACKAGE / "train" / "launch.py"}
    visits, inside = [], []

    def follow(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if PACKAGE not in path.parents or frame.f_code.co_name.startswith("<"):
            return
        if event == "return" and inside:
            inside.pop()
        elif event == "call":
            met = path not in carriers and not any(inside)
            if met and visits[-1:] != [module(path)]:
                visits.append(module(path))
            inside.append(path not in carriers)

    sys.setprofile(follow)
    try:
        code = main(words)
    finally:
        sys.setprofile(None)
    assert code == 0, capsys.readouterr().err
    assert all(visits.count(room) <= 2 for room in visits), visits


def test_the_package_never_asks_torch_for_a_gradient():
    found = [
        f"{path.relative_to(ROOT)}:{i}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
        if path not in (WITNESS, FACE)
        if path.parent.name != "lists"  # data to train on; the book speaks of autograd
        for i, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1)
        if any(word in line for word in BANNED)
    ]
    assert found == []
    assert "autograd" in WITNESS.read_text(encoding="utf8")


@each_file
def test_no_other_way_to_a_gradient(path):
    """Names reached by import or attribute, so that an alias does not slip through."""
    text = path.read_text(encoding="utf8")
    if path == WITNESS or "torch" not in text:  # the scalar engine has its own .grad
        return
    banned = {"autograd", "nn", "optim", "func", "functional", "requires_grad"}
    banned |= {"requires_grad_", "grad", "enable_grad", "autocast"}
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            names = [*(node.module or "").split("."), *(a.name for a in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for a in node.names for part in a.name.split(".")]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        bad = banned.intersection(names)
        assert not bad, f"{path.name}:{node.lineno} uses {bad}"


def test_importing_the_package_is_light():
    """Plain ``import charlm`` loads neither torch nor matplotlib."""
    code = (
        "import charlm, sys; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]

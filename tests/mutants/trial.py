"""Tests run in children of this process, as they are or with a mutant in place."""

import ast
import gc
import importlib.util
import json
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from mutate import Place, mutated  # noqa: E402

_spec = importlib.util.spec_from_file_location("hook", HERE / "hook/sitecustomize.py")
hook = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hook)

# Seconds that a test may take beyond tenfold its own: of the processor, and by the
# clock, for one that waits
PROCESSOR, CLOCK = 2.0, 120.0
SPACE = 12 * 2**30  # bytes of addresses that a child may have beyond its first


@dataclass(frozen=True)
class Broken:
    """What a child answers that could not do its work."""

    trace: str


@dataclass(frozen=True)
class Mutant:
    """An edit of a file of the package.

    Attributes:
        path: of the file.
        inside: the same within the package.
        place: the edit.
        text: the whole new text, of a mistake that is no mechanical edit.
    """

    path: Path
    inside: str
    place: Place
    text: str = ""

    @property
    def group(self) -> str:
        """What is likely to be noticed by the same tests."""
        return f"{self.inside} {self.place.owner}".strip()

    @property
    def name(self) -> str:
        return f"{self.group}: {self.place.what} in: {self.place.line}"

    @property
    def where(self) -> str:
        return f"{self.path}:{self.place.number}"

    def tree(self) -> ast.Module:
        # what the mutant before has left may end while this is read, and tell of an
        # error with the line where it was: Python 3.11 cannot read two at a time
        gc.disable()
        try:
            if self.text:
                return ast.parse(self.text)
            return mutated(self.path.read_text(encoding="utf8"), self.place)
        finally:
            gc.enable()


def children(jobs: deque, work: Callable, at_once: int) -> Iterator[tuple]:
    """Do each job in a child of its own: yields (job, what it yielded).

    Jobs may be added while this goes on. A child that ends early has yielded less.
    """
    running = {}
    while running or jobs:
        while jobs and len(running) < at_once:
            job = jobs.popleft()
            folder = tempfile.mkdtemp(prefix="mutant")
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                _child(folder, work, job)
            running[pid] = job, folder
        pid, _ = os.waitpid(-1, 0)
        if pid not in running:
            continue
        job, folder = running.pop(pid)
        answers = list(_answers(Path(folder, "answers")))
        shutil.rmtree(folder, ignore_errors=True)
        for answer in answers:
            if isinstance(answer, Broken):
                raise RuntimeError(f"{job}: {answer.trace}")
        yield job, answers


def _answers(path: Path) -> Iterator:
    with suppress(OSError, EOFError, pickle.UnpicklingError), path.open("rb") as file:
        while True:
            yield pickle.load(file)


def _child(folder: str, work: Callable, job: object) -> None:
    """The whole life of a child."""
    code = 1
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(quiet, descriptor)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = folder
        now = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (now + SPACE, now + SPACE))
        with Path(folder, "answers").open("wb", buffering=0) as file:
            try:
                for answer in work(job, folder):
                    file.write(pickle.dumps(answer))
            except Exception:  # of this engine: those of tests are caught by pytest
                file.write(pickle.dumps(Broken(traceback.format_exc())))
        code = 0
    finally:
        os._exit(code)


def limit(seconds: float) -> None:
    """End this process if the next test takes much longer than it should."""
    for timer, sent, most in (
        (signal.ITIMER_PROF, signal.SIGPROF, PROCESSOR),
        (signal.ITIMER_REAL, signal.SIGALRM, CLOCK),
    ):
        signal.signal(sent, signal.SIG_DFL)
        signal.setitimer(timer, most + 10 * seconds)


class Collected:
    """A plugin that keeps the tests and leaves running them to others."""

    def __init__(self, then: Callable) -> None:
        self.then = then

    def pytest_configure(self, config) -> None:
        from hypothesis import HealthCheck, Phase, settings

        # examples are the same each time, and none is made smaller
        settings.register_profile(
            "mutants",
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=30,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session) -> bool:
        self.then({item.nodeid: item for item in session.items})
        return True


def with_tests(files: list[Path], root: Path, then: Callable) -> None:
    """Collect the tests of some files and hand them, by name, to ``then``."""
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-s", "-p", "no:xdist"]
    options += ["-p", "no:faulthandler", "--rootdir", str(root), "-o", "addopts="]
    code = pytest.main([*options, *map(str, files)], plugins=[Collected(then)])
    if code not in (0, 5):
        raise SystemExit(f"mutants: collecting the tests ended with {code}")


def passes(item, seconds: float) -> bool:
    """Run one test with all its fixtures; true if nothing failed."""
    from _pytest.runner import runtestprotocol

    limit(seconds)
    reports = runtestprotocol(item, log=False, nextitem=None)
    return not any(report.failed for report in reports)


def recorded(item, folder: str, package: Path, ran: set) -> tuple:
    """Run one test as it is: (passed, seconds, lines here, lines of its processes)."""
    spawned = Path(tempfile.mkdtemp(dir=folder))
    os.environ["CHARLM_LINES"] = f"{spawned}{os.pathsep}{package}"
    ran.clear()
    began = _processor_time()
    passed = passes(item, 60)
    seconds = _processor_time() - began
    others = {}
    for path in spawned.glob("*.json"):
        try:
            lines = json.loads(path.read_text())
        except ValueError:
            continue
        for name, numbers in lines.items():
            others.setdefault(name, set()).update(numbers)
    return passed, seconds, hook.plain(ran), {k: sorted(v) for k, v in others.items()}


def _processor_time() -> float:
    """Seconds of this process and of those that it has started."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def functions(package: Path) -> dict[tuple, list]:
    """Every function of the package that there is: (file, name, line) -> functions."""
    found, inside = {}, str(package) + os.sep
    for f in gc.get_objects():
        if type(f) is types.FunctionType:  # asking some for their class warns
            code = f.__code__
            if code.co_filename.startswith(inside):
                key = code.co_filename, code.co_qualname, code.co_firstlineno
                found.setdefault(key, []).append(f)
    return found


def put_in_place(mutant: Mutant, known: dict, folder: str, spawns: bool) -> list:
    """Give the functions of a file what the mutant has: returns what they had."""
    tree = mutant.tree()
    old = []
    if mutant.place.default:
        for f, defaults, named in _defaults(mutant, tree, known):
            old.append((f, f.__code__, f.__defaults__, f.__kwdefaults__))
            f.__defaults__, f.__kwdefaults__ = defaults, named
    else:
        for f, code in _codes(tree, str(mutant.path), known):
            if f.__code__ != code:
                old.append((f, f.__code__, f.__defaults__, f.__kwdefaults__))
                f.__code__ = code
    if spawns:
        _for_others(mutant, tree, folder)
    return old


def _codes(tree: ast.Module, path: str, known: dict) -> list[tuple]:
    """(function, its code in this tree), for the functions that there are."""

    def found() -> Iterator[tuple]:
        codes = [compile(tree, path, "exec")]
        while codes:
            code = codes.pop()
            codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
            key = path, code.co_qualname, code.co_firstlineno
            yield from ((f, code) for f in known.get(key, ()))

    # a function that lives has the variables of others that it had when it was made:
    # where the tree no longer speaks of them it does so once more, and never runs it
    for f, code in found():
        lost = set(f.__code__.co_freevars) - set(code.co_freevars)
        if lost:
            for node in ast.walk(tree):
                named = isinstance(node, ast.FunctionDef) and node.name == code.co_name
                if named and _first_line(node) == code.co_firstlineno:
                    names = [ast.Expr(ast.Name(n, ast.Load())) for n in sorted(lost)]
                    node.body.append(ast.If(ast.Constant(False), names, []))
    ast.fix_missing_locations(tree)
    return [
        (f, code)
        for f, code in found()
        if len(code.co_freevars) == len(f.__code__.co_freevars)
    ]


def _first_line(f: ast.FunctionDef) -> int:
    return min([f.lineno, *(d.lineno for d in f.decorator_list)])


def put_back(old: list) -> None:
    """Undo ``put_in_place``."""
    for f, code, defaults, named in old:
        f.__code__, f.__defaults__, f.__kwdefaults__ = code, defaults, named
    os.environ.pop("CHARLM_MUTANT", None)


def _defaults(mutant: Mutant, tree: ast.Module, known: dict) -> Iterator[tuple]:
    """Functions, with the default values that the mutant has: by place, by name."""
    path = str(mutant.path)

    def value(node: ast.expr, f: types.FunctionType) -> object:
        expression = ast.fix_missing_locations(ast.Expression(node))
        return eval(compile(expression, path, "eval"), f.__globals__)

    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        for f in known.get((path, mutant.place.owner, _first_line(node)), ()):
            both = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            named = {a.arg: value(d, f) for a, d in both if d is not None}
            yield f, tuple(value(d, f) for d in node.args.defaults), named


def put_instead(mutant: Mutant, folder: str) -> None:
    """Let this process, and those it starts, import the mutant."""
    tree = mutant.tree()
    hook.put_instead(mutant.path, compile(tree, str(mutant.path), "exec"))
    _for_others(mutant, tree, folder)


def _for_others(mutant: Mutant, tree: ast.Module, folder: str) -> None:
    note = Path(folder, "mutant.json")
    note.write_text(json.dumps([str(mutant.path), ast.unparse(tree)]))
    os.environ["CHARLM_MUTANT"] = str(note)


def first_failure(tests: list, items: dict) -> str:
    """Name of the first test that fails, "" if none does."""
    for test in tests:
        if not passes(items[test.name], test.seconds):
            return test.name
    return ""

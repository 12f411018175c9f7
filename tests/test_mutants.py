"""The mutation runner is tested too: it finds edits, and it finds holes."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "mutants"))

import pairs  # noqa: E402
import run  # noqa: E402
from mutate import mutated, places  # noqa: E402

from charlm.gradcheck import cases  # noqa: E402

SAMPLE = '''
LIMIT = 3


def f_backward(dy, cache):
    x, W = cache
    dx = dy @ W.T
    dx += -2 * x ** 2
    db = (dy * x).sum(0, keepdim=True)
    return dx, db


class Counter:
    def count(self, items, least=1):
        """At least one, and not too many."""
        found = 0
        for item in sorted(items):
            if item is None or found >= LIMIT:
                break
            found = max(found + 1, least) if item else found
        self.last = found
        if not items:
            raise ValueError(f"no items, {found - 1}")
        print(found, least)
        return found, items[1:], [i for i in items if i < 5]
'''


def test_edits_of_a_sample():
    found = [place.what for place in places(SAMPLE)]
    for wanted in (
        "3 becomes 4",
        "x and W exchanged",
        "transpose of W dropped",
        "factors of a matrix product exchanged",
        "update of dx dropped",
        "dx overwritten",
        "dx: Sub instead",
        "minus before 2 dropped",
        "Mult becomes Div",
        "power dropped",
        "factor x dropped",
        "sum becomes mean",
        "keepdim of (dy * x).sum dropped",
        "True becomes False",
        "dx returned as zero",
        "returned dx and db exchanged",
        "1 becomes 2",
        "no item in sorted(items)",
        "sorted dropped",
        "always item is None or found >= LIMIT",
        "never item is None or found >= LIMIT",
        "item is None or found >= LIMIT: and, or exchanged",
        "condition item is None dropped",
        "comparison item is None reversed",
        "comparison found >= LIMIT shifted",
        "break dropped",
        "max becomes min",
        "arguments found and least exchanged",
        "always found",
        "self.last not set",
        "not before items dropped",
        "raise dropped",
        "statement print(found, least) dropped",
        "lower end of 1: dropped",
        "filter i < 5 dropped",
    ):
        assert wanted in found, found
    assert "Sub becomes Add" not in found, "messages are left alone"
    texts = [ast.unparse(mutated(SAMPLE, place)) for place in places(SAMPLE)]
    assert len({*texts, ast.unparse(ast.parse(SAMPLE))}) == len(texts) + 1
    for text in texts:
        compile(text, "sample", "exec")


def test_a_place_knows_its_owner_and_the_lines_that_run_it():
    found = {place.what: place for place in places(SAMPLE)}
    limit = found["3 becomes 4"]
    (least,) = [place for place in places(SAMPLE) if place.default]
    assert (limit.owner, limit.names, limit.default) == ("", ("LIMIT",), False)
    assert (least.owner, least.default) == ("Counter.count", True)
    assert list(least.lines) == [16]
    never = found["comparison found >= LIMIT shifted"]
    assert list(never.lines) == [18]
    assert never.line == "if item is None or found >= LIMIT:"


def test_what_an_unread_argument_is_by_default_does_not_matter():
    source = "def f(a=1, b=2, *, c=3, d=4):\n    return lambda: b + c\n"
    found = [p.what for p in places(source) if p.default]
    assert sorted(found) == ["2 becomes 3", "3 becomes 4"]


def test_names_survive_what_is_written_elsewhere():
    def names(source):
        return {(p.owner, p.what, p.line) for p in places(source)}

    assert len(names(SAMPLE)) == len(places(SAMPLE))
    more = "# a remark\nimport os\n\n\ndef other():\n    return 1\n" + SAMPLE
    assert names(SAMPLE) <= names(more)
    # the same edit of the same line twice has a number
    twice = [p.what for p in places("def f(a):\n    return a[0] + a[0]\n")]
    assert {"0 becomes 1", "0 becomes 1 (2)"} <= set(twice)


PACKAGE = {
    "tiny/__init__.py": "",
    "tiny/work.py": '''
import subprocess, sys

BASE = 10


def held(x, least=2):
    """Held by a test."""

    def inner(y):
        return y * 3

    return inner(x) + BASE if x >= least else 0


def loose(x):
    return x + 1


def unseen(x):
    return x - 1


def endless(n):
    while n > 0:
        n -= 1
    return n


def apart():
    command = [sys.executable, "-c", "from tiny.work import held; print(held(4))"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def same(x):
    return x * 1.0


def kept():
    more = 5

    def inner(x):
        return x + more if x else 0

    return inner


inner = kept()  # lives on with a variable of another function
''',
    "tiny/late.py": """
def late(x):
    return x + 1
""",
    "tests/test_work.py": """
from tiny.work import apart, endless, held, inner, loose, same


def test_held():
    assert [held(1), held(2), held(3, 3), held(2, 3)] == [0, 16, 19, 0]


def test_loose():
    assert loose(1) is not None


def test_endless():
    assert endless(3) == 0


def test_apart():
    assert apart() == "22\\n"


def test_same():
    assert same(2) == 2


def test_inner():
    assert [inner(0), inner(1)] == [0, 6]


def test_late():
    from tiny.late import late

    assert late(2) == 3
""",
    "listed.toml": """
'work.py same: factor 1.0 dropped in: return x * 1.0' = "times one"
'work.py same: Mult becomes Div in: return x * 1.0' = "by one"
'work.py loose: gone in: nowhere' = "it was killed"
""",
    "planted.toml": """
["three times"]
file = "work.py"
right = "y * 3"
wrong = "y * 3 + 0 * y"
""",
}


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """Every mutant of a small project: exit code and lines."""
    root = tmp_path_factory.mktemp("project")
    for name, text in PACKAGE.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    options = ["--root", root, "--package", "tiny", "--listed", root / "listed.toml"]
    options += ["--planted", root / "planted.toml", "--all"]
    command = [sys.executable, HERE / "mutants" / "run.py", *options]
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode, done.stdout


def test_what_no_test_holds_survives(tried):
    code, out = tried
    assert code == 1
    alive = [line.split(": ", 2)[2] for line in out.splitlines() if "survived" in line]
    assert {line.split(" (")[0] for line in alive if " loose:" in line} == {
        "work.py loose: Add becomes Sub in: return x + 1",
        "work.py loose: term 1 dropped in: return x + 1",
        "work.py loose: term x dropped in: return x + 1",
        "work.py loose: 1 becomes 2 in: return x + 1",
    }
    unseen = [line for line in alive if " unseen:" in line]
    assert len(unseen) == 5
    assert all(line.endswith("(no test runs it)") for line in unseen)
    assert [line for line in alive if "three times" in line], "it changes nothing"


def test_what_a_test_holds_is_killed_wherever_it_stands(tried):
    """In inner functions, defaults, constants, processes; what never ends, too."""
    alive = "\n".join(line for line in tried[1].splitlines() if "survived" in line)
    for owner in (
        " held",
        ".inner",
        " endless",
        " apart",
        "work.py: 10",
        " same",
        "kept",
    ):
        assert f"work.py{owner.removeprefix('work.py')}:" not in alive, alive
    assert "10 becomes 11" not in alive
    assert "late.py" not in alive, "what is imported by a test while it runs"


def test_the_table_counts_and_the_list_is_held(tried):
    out = tried[1]
    assert "stale in listed.toml: 'work.py loose: gone in: nowhere'" in out
    assert out.count("stale") == 1
    room = next(line.split() for line in out.splitlines() if line[:4] == "work")
    mutants, killed, equivalent, surviving = map(int, room[1:])
    assert mutants == killed + equivalent + surviving
    assert (equivalent, surviving) == (2, 10)
    assert killed > 20


def test_a_planted_mistake_has_to_stand_somewhere(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "list.toml").write_text(
        "[gone]\nfile = 'a.py'\nright = 'x = 2'\nwrong = 'x = 3'\n"
    )
    with pytest.raises(ValueError, match="gone: 'x = 2' stands no one time"):
        run.planted_in(tmp_path, [], tmp_path / "list.toml")


def gradient_mutants(name):
    judge = pairs.of_backward(name)
    found = run.mutants_of(HERE.parent / "charlm", ["ops/"])
    mine = [m for m in found if (str(m.path), m.place.owner) == judge.where]
    assert mine
    return judge, mine


def test_good_cases_kill_every_mutant_of_a_gradient():
    assert pairs.survivors(*gradient_mutants("tanh")) == []


def test_weak_cases_let_a_mutant_live(monkeypatch):
    """At x = 0 the tanh is 0, and the sign of its square does not matter."""

    def weak(pair, seed=0, dtype=torch.float64):
        return [cases.Case(pair, "zeros", (torch.zeros(2, 3, dtype=dtype),), {})]

    monkeypatch.setattr(pairs.cases, "cases", weak)
    alive = pairs.survivors(*gradient_mutants("tanh"))
    assert any("in: return (1 - y * y) * dy" in name for name in alive)


def test_a_wrong_backward_is_no_start(monkeypatch):
    from charlm.ops import activation

    monkeypatch.setattr(activation, "tanh_backward", lambda dy, cache: dy)
    with pytest.raises(AssertionError, match="is itself found wrong"):
        pairs.survivors(pairs.of_backward("tanh"), [])


def test_every_gradient_has_a_judge():
    """So none is left to the slower way by mistake."""
    judged = {judge.where for judge in pairs.judges()}
    assert len(judged) >= 2 * len(pairs.ops.pairs()) + 10
    for m in run.mutants_of(HERE.parent / "charlm", ["ops/"]):
        if m.place.owner.endswith(("_backward", "_jvp")):
            known = m.inside == "ops/guard.py"  # around all of them
            assert known or (str(m.path), m.place.owner) in judged, m.name


def test_what_draws_inputs_is_no_program():
    """As the cases of pairs are none: other numbers to try a task on try it as well."""
    found = run.mutants_of(HERE.parent / "charlm", ["gradcheck/tasks/optimise"])
    owners = {m.place.owner for m in found}
    assert "_step" in owners
    assert "_steps" not in owners

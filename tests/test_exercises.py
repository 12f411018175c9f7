"""Exercises begin with an empty function; a wrong answer is named, a right one never.

Wrong answers are the book's own solutions with one thing changed as readers change it.
"""

import dis
import json
import re
from pathlib import Path
from types import CodeType

import pytest
import wrong_answers
from torch import Generator
from wrong_exercises import RIGHT, WRONG

from charlm.gradcheck import by_name, check
from charlm.gradcheck.judge import alike
from charlm.gradcheck.tasks import tasks

BOOK = Path(__file__).parent.parent / "book"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.M | re.S)
MARK = re.compile(rf"{CELL.pattern}|^`{{3,}}\{{solution-(start|end)\}}", re.M | re.S)
ANSWERS = json.loads(Path(__file__).with_name("empty_functions.json").read_text("utf8"))
OPTIONS = re.compile(r"\A(---\n.*?\n---\n|(:\w+:[^\n]*\n)+)", re.S)
CHECKED = re.compile(r"^assert (gradcheck\.(?:check|grade)\(.*)$", re.M)

# what the cells of a page before its exercises define and an exercise uses
START = """
import math, torch
from torch import Generator
from charlm import gradcheck, ops
g = Generator().manual_seed(1)
randn = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
"""
CELLS = """
I, H = 3, 4
x, h, W, U, b = (randn(5, I), randn(5, H), randn(I, {n} * H), randn(H, {n} * H),
                 randn({n} * H))
s = randn(2, 5, H)
inputs = x, s, W, U, b
"""
BEFORE = {
    "rnn": "x, h = randn(4, 3), randn(4, 5)\n"
    "W, U, b = randn(3, 5), randn(5, 5), randn(5)",
    "gru": CELLS.format(n=3),
    "lstm": CELLS.format(n=4),
    "attention": "lag = torch.arange(5)[:, None] - torch.arange(5)\n"
    "q, k, v = randn(5, 3), randn(5, 3), randn(5, 2)",
}


def part(page, label, kind):
    """The cells of an exercise or of its solution."""
    text = (BOOK / f"{page}.md").read_text(encoding="utf8")
    start = (
        f":label: {label}\n" if kind == "exercise" else f"solution-start}} {label}\n"
    )
    return CELL.findall(text.split(start)[1].split(f"{{{kind}-end}}")[0])


def answered(page, label, *changes):
    """Run the exercise and its changed solution, up to the first check."""
    space = {}
    exec(START + BEFORE.get(page, ""), space)
    if page == "generation":
        text = (BOOK / "generation.md").read_text(encoding="utf8")
        exec(next(c for c in CELL.findall(text) if "def entropy(" in c), space)
    exec(part(page, label, "exercise")[0], space)
    cell = next(c for c in part(page, label, "solution") if CHECKED.search(c))
    found = CHECKED.search(cell)
    code = cell[: found.start()]
    for old, new in changes:
        assert old in code, f"{label}: {old} is no part of its solution"
        code = code.replace(old, new)
    exec(code, space)
    return space, found[1]


EXERCISES = [(page, label) for page, known in WRONG.items() for label in known]


@pytest.mark.parametrize(("page", "label"), EXERCISES, ids=lambda x: x)
def test_a_wrong_answer_is_named_and_a_right_one_passes(
    page, label, capsys, monkeypatch
):
    space, asked = answered(page, label)
    assert "not written yet" in capsys.readouterr().out
    assert eval(asked, space), label
    if "_backward" in asked:  # many inputs as it is
        monkeypatch.setattr(by_name, "SEEDS", range(1))
    changes = [((old, new), words) for old, new, words in WRONG[page][label]]
    assert len(changes) >= 3
    for change, words in changes:
        space, asked = answered(page, label, change)
        capsys.readouterr()
        assert not eval(asked, space), f"{label}: {change} passes"
        said = capsys.readouterr().out
        assert words in said, f"{label}: {change}: {said}"


@pytest.mark.parametrize(("page", "label"), RIGHT, ids=lambda x: x)
def test_a_right_answer_in_another_form_passes(page, label):
    space, asked = answered(page, label, RIGHT[page, label])
    assert eval(asked, space)


def test_every_page_of_these_has_at_least_two():
    assert all(len(known) >= 2 for known in WRONG.values())


@pytest.mark.parametrize("name", tasks())
def test_every_slip_of_a_task_is_named(name, capsys):
    one = tasks()[name]
    assert check(name, one.right)
    for words, slip in one.slips.items():
        capsys.readouterr()
        assert not check(name, slip)
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("name", wrong_answers.WRONG)
def test_a_slip_is_named_however_it_is_written(name, capsys):
    """And it is that slip in all that is returned, not in some of it."""
    one = tasks()[name]
    for words, mine in wrong_answers.WRONG[name].items():
        capsys.readouterr()
        assert not check(name, mine), words
        assert words in capsys.readouterr().out
        (slip,) = (one.slips[said] for said in one.slips if words in said)
        draws = (given for _, given in one.draw(Generator().manual_seed(1)))
        assert alike(slip, mine, draws, one.returns) == {*one.returns}, words


@pytest.mark.parametrize("name", wrong_answers.RIGHT)
def test_an_answer_that_no_exercise_checks_first_passes(name):
    assert check(name, wrong_answers.RIGHT[name])


def test_every_slip_of_a_task_is_made_by_an_answer():
    """By one that is not the task's own form of it, so that both have to be right."""
    changes = {label: of for page in WRONG.values() for label, of in page.items()}
    changes |= {label: of["wrong"] for label, of in ANSWERS.items()}
    made = {name: list(of) for name, of in wrong_answers.WRONG.items()}
    for path in sorted(BOOK.glob("*.md")):
        for one in path.read_text("utf8").split(":label: ")[1:]:
            asked = re.search(r'gradcheck\.check\("(\w+)"', one)
            if asked and (label := one.split()[0]) in changes:
                said = [words.split(": ")[-1] for *_, words in changes[label]]
                made.setdefault(asked[1], []).extend(said)
    for name, one in tasks().items():
        for slip in one.slips:
            assert any(said in slip for said in made.get(name, ())), f"{name}: {slip}"


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        (lambda g, S, c: None, "it returned nothing; end it with `return g`"),
        (lambda g, S, c: (g, g), "it returned 2 values; return g"),
        (lambda g, S, c: "g", "g is a str; return numbers or a tensor"),
        (lambda g, S, c: g + 1j, "g is complex"),
        (lambda g, S, c: g / 0, "g is infinite or not a number, first at g[0]"),
        (lambda g, S, c: 1 / 0, "it raises ZeroDivisionError"),
        (lambda g, S, c: exit(), "it calls sys.exit"),
        (lambda g, S, c: g[:2], "g has shape (2,); it should be (6,)"),
        (lambda g, S, c: (g / S).float(), "it is not clipped"),
        (lambda g, S, c: g, "g is"),
    ],
)
def test_what_a_function_may_not_return(mine, words, capsys):
    assert not check("unscaled", mine)
    assert words in capsys.readouterr().out


def test_float32_on_the_way_is_told(capsys):
    right = tasks()["unscaled"].right
    assert not check("unscaled", lambda *given: right(*given).float())
    assert "float32 on the way?" in capsys.readouterr().out


def test_a_task_is_no_slip_where_the_answer_is_right(capsys):
    """Strictly larger equals "the probability itself" at the threshold alone."""
    check("min_p", lambda z, r, heat: z > z.amax(-1, keepdim=True) + heat * r.log())
    assert "r is compared" not in capsys.readouterr().out


def test_a_bug_is_not_blamed_for_what_it_leaves_right(capsys):
    """Of a function around a pair: the whole is wrong by a factor, not by the bug."""
    space, asked = answered("rnn", "ex-rnn-leaky", ("alpha * dy, cache", "dy, cache"))
    assert not eval(asked, space)
    assert "bug zoo" not in capsys.readouterr().out


def within(code):
    """(function or class, global names that it reads), from the inside out."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            inner = list(within(part))
            read = {
                i.argval for i in dis.get_instructions(part) if "GLOBAL" in i.opname
            }
            yield from inner
            yield part.co_name, read.union(*(names for _, names in inner))


def read_and_bound(source, functions):
    """Global names that a cell needs from before it, and those that it binds."""
    code = compile(source, "cell", "exec")
    read, bound = set(), set()
    for i in dis.get_instructions(code):
        if i.opname in ("STORE_NAME", "STORE_GLOBAL"):
            bound.add(i.argval)
        elif i.opname == "LOAD_NAME" and i.argval not in bound:
            read.add(i.argval)
    own = dict(within(code))
    functions |= own
    todo = [*read, *(name for names in own.values() for name in names - bound)]
    reached = set()
    while todo:  # what is called may read names that were bound since
        if (name := todo.pop()) not in reached:
            reached.add(name)
            todo += functions.get(name, ())
    return reached - (bound - read), bound


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.md")), ids=lambda p: p.stem)
def test_a_notebook_needs_no_solution(path):
    """No cell outside a solution reads a name that a solution has bound."""
    solved, functions, solving = {}, {}, False
    for found in MARK.finditer(path.read_text("utf8")):
        options = OPTIONS.match(found[1] or "")
        if found[2]:
            solving = found[2] == "start"
        elif not (options and "remove-cell" in options[0]):
            source, known = OPTIONS.sub("", found[1]), dict(functions)
            first = source.strip().splitlines()[0]
            read, bound = read_and_bound(source, known)
            if solving:
                solved |= dict.fromkeys(bound, first)
                continue
            functions = known
            for name in read & solved.keys():
                pytest.fail(f"{first!r} reads {name!r} of {solved[name]!r}")
            for name in bound:
                solved.pop(name, None)
    assert not solving


def test_what_a_cell_needs_is_found():
    functions = {}
    read, bound = read_and_bound("def f(x):\n    return x * T\nT = 2", functions)
    assert (read, bound) == (set(), {"f", "T"})
    read, _ = read_and_bound("y = f(1)\nz = [k * y for k in s]\nk = z", functions)
    assert {"T", "f", "s"} <= read
    assert not read & {"x", "y", "z", "k"}
    read, _ = read_and_bound("class A:\n    def g(self):\n        return w", {})
    assert read == {"w"}

"""Exercises that begin with an empty function: their checks name what is wrong.

Each answer of ``empty_functions.json`` is the solution of the page with one piece
replaced, as a learner might write it, and some words of what is then said. Only the
statements of the page that an exercise needs are run.
"""

import ast
import builtins
import contextlib
import io
import json
import linecache
import re
import symtable
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests" / "portable"))

from page import cells  # noqa: E402

torch.set_num_threads(1)
ANSWERS = json.loads((ROOT / "tests/empty_functions.json").read_text("utf8"))
TEXT = {p: p.read_text(encoding="utf8") for p in ROOT.glob("book/*.md")}


def between(text, start, end):
    """The cells of a page from one line of it to another."""
    found = re.search(f"^{re.escape(start)}.*?^{end}$", text, re.M | re.S)
    first, last = (text[:at].count("\n") + 1 for at in found.span())
    return [(line, code) for line, code in cells(text) if first < line < last]


def names(code):
    """Names that a statement makes, and those that it takes from before it."""
    top = symtable.symtable(code, "statement", "exec")
    made = {s.get_name() for s in top.get_symbols() if s.is_assigned()}
    made |= {s.get_name() for s in top.get_symbols() if s.is_imported()}
    tables, used = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (table is top or s.is_global())
        }
    return made, used - set(dir(builtins))


def slice_(code, needed):
    """The statements of a cell that make what is needed, and what these need."""
    kept = []
    for node in reversed(ast.parse(code).body):
        one = ast.unparse(node)
        made, used = names(one)
        if made & needed:
            needed = needed - made | used
            kept.insert(0, one)
    return kept, needed


def run(code, space, place):
    """Run lines of a page, so that what is said can quote them."""
    linecache.cache[place] = (len(code), None, code.splitlines(True), place)
    exec(compile(code, place, "exec"), space)


@cache
def exercise(label):
    """Statements before it that it needs, its own cells, and the functions wanted."""
    (text,) = [t for t in TEXT.values() if f":label: {label}\n" in t]
    start = re.findall(
        "^```{exercise-start} .*$", text.split(f":label: {label}\n")[0], re.M
    )
    own = between(text, f"{start[-1]}\n:label: {label}", "```{exercise-end}")
    first = own[0][0]
    solution = between(text, f"````{{solution-start}} {label}", "````{solution-end}")
    own = [code for _, code in own]
    asked = set.union(*(names(code)[0] for code in own))
    answer = [
        ast.get_source_segment(code, node)
        for _, code in solution
        for node in ast.parse(code).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in asked)
    ]
    needed, before = set(), []
    for code in reversed([*own, *answer]):
        for node in reversed(ast.parse(code).body):
            made, used = names(ast.unparse(node))
            needed = needed - made | used
    for line, code in reversed(cells(text)):
        if line < first:
            kept, needed = slice_(code, needed)
            before = kept + before
    return before, own, "\n\n".join(answer)


def judged(label, old="", new="", written=True):
    """(whether the check passes, what it says) of the solution with a piece replaced.

    What is not written is the empty function.
    """
    before, own, solution = exercise(label)
    space, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said):
        for k, code in enumerate(before + own):
            run(code, space, f"<{label} {k}>")
    *_, check = (s for s in ast.parse(own[-1]).body if isinstance(s, ast.Expr))
    if written:
        count = solution.count(old) if old else 1
        assert count == 1, f"{old!r} is {count} times in it"
        run(solution.replace(old, new), space, f"<{label} mine>")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        passed = eval(compile(ast.Expression(check.value), label, "eval"), space)
    return passed, said.getvalue()


@pytest.mark.parametrize("label", ANSWERS)
def test_what_is_not_written_is_told_so(label):
    passed, said = judged(label, written=False)
    assert not passed
    assert "not written yet" in said


@pytest.mark.parametrize("label", ANSWERS)
def test_the_solution_passes(label):
    passed, said = judged(label)
    assert passed, said


@pytest.mark.parametrize(
    ("label", "old", "new", "words"),
    [(label, *case) for label, of in ANSWERS.items() for case in of["wrong"]],
)
def test_a_wrong_answer_is_named(label, old, new, words):
    passed, said = judged(label, old, new)
    assert not passed
    assert words in said


@pytest.mark.parametrize(
    ("label", "old", "new"),
    [(label, *case) for label, of in ANSWERS.items() for case in of["right"]],
)
def test_a_right_answer_in_other_words_passes(label, old, new):
    passed, said = judged(label, old, new)
    assert passed, said


@pytest.mark.parametrize("label", ANSWERS)
def test_three_wrong_answers_were_tried(label):
    assert len(ANSWERS[label]["wrong"]) >= 3

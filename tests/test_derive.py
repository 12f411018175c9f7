"""Derivations to finish: declared, checked, graded by the script as by Python."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "tests" / "site")]

import derivation  # noqa: E402
import derive  # noqa: E402
import formula  # noqa: E402
import grading  # noqa: E402
from derivation import Derivation, Step  # noqa: E402
from proving import Wrong, check  # noqa: E402

DECLARED = derivation.declared()
NAMED = re.compile(r"^```\{derive\} (\S+)$", re.M)
WRONG = json.loads((Path(__file__).parent / "wrong_answers.json").read_text("utf8"))
SCRIPTS = ("formula", "derive", "slips")


@pytest.fixture(scope="module")
def judge():
    """The script of the pages, in a JavaScript engine: (ok, kind, words)."""
    context = pytest.importorskip("quickjs").Context()
    for name in SCRIPTS:
        path = ROOT / "book" / "_static" / f"{name}.js"
        context.eval(path.read_text(encoding="utf8"))
    context.eval(
        f"const tasks = {grading.tasks()};"
        "globalThis.run = (name, k, text) => {"
        "  const step = tasks[name].steps[k];"
        "  const {ok, kind, say} = derive.judge(text, tasks[name], step);"
        "  return JSON.stringify([ok, kind, say]); }"
    )
    return lambda name, k, text: json.loads(context.get("run")(name, k, text))


def chapters():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
    for part in toc["parts"]:
        if part.get("numbered"):
            yield from (ROOT / f"{one['file']}.md" for one in part["chapters"])


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_holds(name):
    check(DECLARED[name][0], name)


def test_every_box_is_on_one_page_and_is_declared():
    pages = (ROOT / "book").glob("*.md")
    shown = [name for p in pages for name in NAMED.findall(p.read_text("utf8"))]
    assert sorted(shown) == sorted(DECLARED)


@pytest.mark.parametrize("path", [*chapters()], ids=lambda p: p.stem)
def test_every_chapter_has_something_to_derive_and_to_recall(path):
    named = NAMED.findall(path.read_text(encoding="utf8"))
    kinds = [derive.recalled(DECLARED[name][0]) for name in named]
    assert True in kinds
    assert False in kinds


def test_many_slips_are_named():
    told = [check(it, name) for name, (it, _) in DECLARED.items()]
    assert sum(len(step) for each in told for step in each.values()) >= 80


def test_answers_and_slips_are_told_apart(judge):
    for name, k, text, words in grading.answers():
        ok, kind, said = judge(name, k, text)
        assert ok == (not words), (name, k, text, said)
        assert kind == ("slip" if words else "right"), (name, k, text, said)
        assert said == (words or "Right."), (name, k, text)


def test_no_string_breaks_it_and_nothing_wrong_is_called_right(judge):
    right = 0
    for name, k, text in grading.random_answers(1000):
        ok, kind, said = judge(name, k, text)
        assert said, text
        assert ok == (kind == "right")
        right += ok
        assert not ok or grading.is_right(name, k, text), (name, k, text)
    assert 0 < right < 500  # some edits leave an answer right


def test_what_python_calls_right_the_script_does(judge):
    for name, k, text in grading.random_answers(300, seed=2):
        if grading.is_right(name, k, text):
            assert judge(name, k, text)[0], (name, k, text)


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one["text"])
def test_wrong_answers_that_people_might_give(judge, one):
    """Invented without a look at the lists of slips."""
    ok, kind, said = judge(one["name"], one["step"], one["text"])
    assert not ok
    assert (kind, said) == (one["kind"], one["said"])


@pytest.mark.parametrize("text", ["da2 @ U^T", "da2 @ U^⊤", "da2 @ Uᵀ", "da2 @ U**T"])
def test_usual_ways_to_write_a_transpose_are_read(judge, text):
    assert judge("rnn-two-steps", 1, text)[1] == "right"
    assert grading.is_right("rnn-two-steps", 1, text)


def test_a_number_where_a_formula_is_asked_is_told(judge):
    for text in ("log(27)", "ln(27)", "3.296"):
        assert judge("cross-entropy-recall", 0, text)[1] == "number"
    assert judge("cross-entropy-recall", 0, "27")[1] != "number"
    assert grading.is_right("cross-entropy-recall", 0, "ln(V)")


@pytest.mark.parametrize(
    ("k", "text", "never"),
    [(0, "-1 / N", "dloss"), (1, "dlogp", "too many"), (3, "dp / S * (1 - p)", "“Y”")],
)
def test_no_name_is_blamed_that_was_not_typed(judge, k, text, never):
    ok, _, said = judge("cross-entropy-steps", k, text)
    assert not ok
    assert never not in said


def test_half_of_them_are_named():
    kinds = [one["kind"] for one in WRONG]
    assert len(WRONG) >= 50
    vague = ("other", "shape", "unread", "infinite")
    assert sum(kind not in vague for kind in kinds) >= len(kinds) / 2


def squares(w, backward=None):
    return {"y": w.x**2, "dx": 2 * w.x * w.dy}


GOOD = Derivation(
    title="squares",
    lengths={"N": (3, 4)},
    inputs={"x": "N", "dy": "N"},
    forward={"y": "x**2"},
    package=squares,
    steps=(Step("dx", "2 * x * dy", slips={"x * dy": "2"}, parts={"2*x*dy": "all"}),),
)


def with_step(**changes):
    return replace(GOOD, steps=(replace(GOOD.steps[0], **changes),))


@pytest.mark.parametrize(
    ("it", "words"),
    [
        (with_step(right="3 * x * dy", parts={}), "is not what charlm or torch says"),
        (with_step(slips={"dy * (x + x)": ""}), "equals the right answer"),
        (with_step(slips={"x * dy": "", "dy * x": ""}), "is there twice"),
        (with_step(parts={"x * dy": ""}), "parts do not add up"),
        (with_step(also=("x * dy",)), "is not another way"),
        (with_step(right="2 * z * dy"), "is not part of the grammar"),
        (with_step(right="x @ dy @ x"), "cannot be multiplied"),
        (replace(GOOD, package=None), "no step is compared"),
        (with_step(name="other", parts={}), "nothing proves the answer"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_declaration_that_does_not_hold_is_refused(it, words):
    check(GOOD, "good")
    with pytest.raises(Wrong, match=words):
        check(it, "bad")


def test_a_slip_of_the_zoo_has_to_be_in_it():
    it, _ = DECLARED["batchnorm-closed"]
    steps = list(it.steps)
    steps[-1] = replace(steps[-1], slips={"s * dy": "bug: statistics_constant"})
    with pytest.raises(Wrong, match="is not the bug"):
        check(replace(it, steps=tuple(steps)), "x")


def test_data_of_a_page_are_whole_numbers():
    """So a build gives the same bytes wherever it runs."""
    for it, _ in DECLARED.values():
        for world in derivation.worlds(it):
            for x in world.values():
                assert torch.equal(derivation.hundredths(x), x)


def test_a_notebook_gets_a_statement_and_a_folded_solution():
    lines = derive.statement("batchnorm-closed", ["Try."])
    text = "\n".join(lines)
    assert text.startswith("**Finish this derivation: batch normalisation")
    assert "xhat = c * s" in text.split("<details>")[0]
    assert "dx = s * (dxhat" in text.split("<details>")[1]


def test_signs_of_the_pages_are_read():
    assert formula.clean("γ·x̂ − x̄ᵀ²") == "gamma*xhat - dx.T**2"

"""The workbook's check names slips, and knows all of its values."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "book" / "workbook.md"
CELL = re.compile(
    r"^```\{code-cell\} python\n(?::tags:[^\n]*\n)?(.*?)^```$", re.M | re.S
)


@pytest.fixture(scope="module")
def page():
    """The names of the page, all cells run: the answers among them."""
    names = {}
    for cell in CELL.findall(PAGE.read_text(encoding="utf8")):
        exec(compile(cell, PAGE.name, "exec"), names)
    return names


def test_every_value_has_an_empty_line(page):
    text = PAGE.read_text(encoding="utf8")
    asked = re.findall(r'^d(\w+) = None\ncheck\("(\w+)", d(\w+)\);$', text, re.M)
    assert [len({*names}) for names in asked] == [1] * 26
    assert {name for name, *_ in asked} == page["v"].keys() - {"loss"}


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("logprobs", "-dlogprobs", "has the wrong sign"),
        ("logprobs", "N * dlogprobs", "too large by 6"),
        ("W2", "dW2.T", "is transposed"),
        ("b2", "dlogits", "sum"),
        ("counts", "counts_sum_inv * dprobs", "lacks the path"),
        ("hprebn", "dbndiff", "lacks the path"),
        ("C", "None", "not yet"),
    ],
)
def test_slips_are_named(page, capsys, name, wrong, words):
    assert not page["check"](name, eval(wrong, page))
    assert words in capsys.readouterr().out

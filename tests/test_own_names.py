"""The reader's own list in place of the bundled one: in the package, on the pages."""

import re
import sys
from pathlib import Path
from string import ascii_lowercase

import pytest
from small_book import build, make

from charlm import data
from charlm.evidence import fact, outcome

sys.path.insert(0, str(Path(__file__).parent.parent / "book" / "_ext"))

import own_names  # noqa: E402

NAMES = ["emma", "olivia", "emma"]
WHOLE = [a + b + c for a in ascii_lowercase for b in "aeiou" for c in ascii_lowercase]
CELLS = """
```{code-cell} python
:tags: [remove-cell]
from charlm import data
from charlm.evidence import outcome

outcome("it was never so", [1.0, 2.0, 3.0], "<", 2.5)
```

```{code-cell} python
print(data.load("names"))
```
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    path = tmp_path / "own.txt"
    path.write_text("\n".join(NAMES))
    monkeypatch.setenv("CHARLM_NAMES", str(path))
    return path


def test_the_list_takes_the_place_of_the_bundled_one(own, monkeypatch):
    assert data.load("names") == NAMES
    monkeypatch.delenv("CHARLM_NAMES")
    assert len(data.load("names")) > len(NAMES)


def test_a_list_that_is_none_is_told(own, monkeypatch):
    own.write_text("Zoë\n")
    with pytest.raises(ValueError, match=r"item 1, 'Zoë': 'Z' is outside a-z"):
        data.load("names")
    monkeypatch.setenv("CHARLM_NAMES", "no/such/file")
    with pytest.raises(
        ValueError, match=r"CHARLM_NAMES is 'no/such/file', which is no"
    ):
        data.load("names")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["emma"], "1 names are too few"),
        ([*WHOLE, "a" * 16], "more than 15 letters"),
        ([n for n in WHOLE if not {"q", "x"} & set(n)], "no name has q, x;"),
        (WHOLE, ""),
    ],
)
def test_what_the_chapters_cannot_be_computed_with(names, words):
    found = own_names.unfit(names)
    assert words in found
    assert bool(words) == bool(found)


def test_a_claim_of_the_bundled_list_is_told_not_asked(own, capsys):
    assert not outcome("it is small", [1.0, 2.0, 3.0], "<", 2).ok
    said = capsys.readouterr().out
    assert said.startswith("With another list of names this fell short: it is small | ")
    fact("it is new", False)
    assert capsys.readouterr().out.startswith("With another list of names this is not")
    fact("it is old", True)
    assert outcome("it is large", [1.0, 2.0, 3.0], ">", -7).ok
    assert capsys.readouterr().out == ""


def test_pages_say_which_list_they_show_and_what_did_not_come_out(own, tmp_path):
    own.write_text("\n".join(WHOLE))
    book = make(tmp_path / "book")
    page = book / "book/three.md"
    page.write_text(page.read_text() + CELLS)
    done = build(book, "-W", "--keep-going", "-n")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    text = (book / "_build/html/book/three.html").read_text()
    shown = re.sub(r"<[^>]*>", "", text)
    assert (
        f"computed with {len(WHOLE):,} names of own.txt, in place of the bundled list"
        in shown
    )
    assert "fell short: it was never so | [1 2 3; mean 2, spread 1]" in shown
    assert str(WHOLE) in shown
    assert "own.txt" not in (book / "_build/html/book/two.html").read_text()
    own.write_text("Zoë\n")
    done = build(book)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "item 1, 'Zoë': 'Z' is outside a-z" in said
    assert "Traceback" not in said

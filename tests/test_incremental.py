"""After an edit the site is that of a build from nothing; a failed build says so."""

import re
import shutil
from pathlib import Path

import pytest
from small_book import build, make, replaced

STRICT = ("-W", "--keep-going", "-n")
EDITS = {  # (file, old text, new text), one after the other on one book
    "prose": [("book/three.md", "The end.", "The end of it.")],
    "prose that others preview": [("book/one.md", "What is the first", "Which is the")],
    "a cell": [
        ("book/one.md", "[1, 0, 1]", "[2, 0, 2]"),
        ("book/two.md", "range(10)", "range(11)"),
    ],
    "a label": [
        ("book/one.md", "(sec-square)=", "(sec-power)="),
        ("book/two.md", "`sec-square`", "`sec-power`"),
    ],
    "a heading": [("book/one.md", "## The square of", "## The second power of")],
    "a title": [("book/one.md", "# The first chapter", "# The very first chapter")],
    "an index entry": [("book/one.md", "square, power", "square, exponent")],
    "a glossary term": [
        ("book/glossary.md", "gradient\n  The direction", "gradient\n  The way"),
        ("book/glossary.md", "loss\n", "cost\n"),
    ],
    "an equation before others": [
        ("book/one.md", "(sec-power)=", "$$\nz = x\n$$ (eq-z)\n\n(sec-power)=")
    ],
    "a page moved": [
        ("_toc.yml", "      - file: book/three\n", ""),
        ("_toc.yml", "      - file: book/one\n", "      - file: book/three\n" * 2),
        (
            "_toc.yml",
            "book/three\n      - file: book/three",
            "book/three\n      - file: book/one",
        ),
    ],
    "a page removed": [("_toc.yml", "      - file: book/three\n", "")],
    "the package": [("charlm/__init__.py", "ANSWER = 42", "ANSWER = 43")],
    "a test that a page names": [("tests/test_one.py", "1 == 1", "2 == 2")],
    "a reference": [("book/references.bib", "A thing", "Another thing")],
    "a style": [("book/_static/book.css", "/* Colours:", "/* All colours:")],
    "nothing": [],
}
# what cells show comes of these; after the others the clean build takes it as it is
RUN_AGAIN = ("a cell", "the package")


def files(site: Path) -> dict[str, bytes]:
    found = (p for p in site.rglob("*") if p.is_file())
    return {p.relative_to(site).as_posix(): p.read_bytes() for p in found}


def built(folder: Path, elsewhere: Path | None = None) -> dict[str, bytes]:
    """Build strictly, in place or from nothing in another folder; the site's files."""
    place = ("--path-output", str(elsewhere)) if elsewhere else ()
    done = build(folder, *STRICT, *place)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return files((elsewhere or folder) / "_build" / "html")


@pytest.mark.parametrize("half", [0, 1])
def test_after_an_edit_the_site_is_that_of_a_clean_build(tmp_path, half):
    """Both halves begin with all edits before theirs made."""
    book = make(tmp_path / "book")
    names = list(EDITS)
    middle = len(names) // 2
    for name in names[: middle * half]:
        for change in EDITS[name]:
            replaced(book, *change)
    built(book)
    for number, name in enumerate(names[middle * half : middle * (half + 1) or None]):
        for change in EDITS[name]:
            replaced(book, *change)
        elsewhere, outputs = tmp_path / f"clean{number}", "_build/.jupyter_cache"
        grown = built(book)
        if name not in RUN_AGAIN:
            shutil.copytree(book / outputs, elsewhere / outputs)
        clean = built(book, elsewhere)
        differ = {n for n in grown.keys() | clean if grown.get(n) != clean.get(n)}
        assert not differ, f"after an edit of {name}"
        shutil.rmtree(elsewhere)


def test_written_side_by_side_or_not_the_site_is_the_same(tmp_path, monkeypatch):
    """With an address, which brings a map of the site and links to other pages."""
    monkeypatch.setenv("BOOK_BASE_URL", "https://a.org/b")
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/a/b")
    monkeypatch.setenv("BOOK_JOBS", "3")
    book, outputs = make(tmp_path / "book"), "_build/.jupyter_cache"
    beside = built(book)
    assert not list((book / "_build/.doctrees/handed-over").iterdir())
    shutil.copytree(book / outputs, tmp_path / "alone" / outputs)
    monkeypatch.setenv("BOOK_JOBS", "1")
    assert beside == built(book, tmp_path / "alone")
    replaced(book, "book/three.md", "The end.", "The very end.")
    grown = built(book)
    assert grown["sitemap.xml"] == beside["sitemap.xml"]
    assert grown["book/three.html"] != beside["book/three.html"]
    listed = set(
        re.findall(r"<loc>https://a.org/b/(.*?)</loc>", grown["sitemap.xml"].decode())
    )
    assert listed == {name for name in grown if name.endswith(".html")}


HELD = """def held():
    one = 1
    two = 1 + one
    assert one + one == 3
```

```{code-cell} python
held()"""


def planted(book: Path) -> None:
    """Three pages whose cells fail, each in another way."""
    failing = {
        "one": "from charlm.evidence import outcome\n"
        'outcome("the tree wins", [1.0, 2.0, 3.0], "<", 2.5)',
        "two": HELD,
        "three": "import charlm\nvalue = 1\ncharlm.nothing",
    }
    for name, code in failing.items():
        path = book / f"book/{name}.md"
        cell = f"\n```{{code-cell}} python\n{code}\n```\n"
        path.write_text(path.read_text() + cell)


def test_all_pages_run_then_the_verdict(tmp_path):
    book = make(tmp_path / "book")
    planted(book)
    told = set()
    for options in ((), STRICT):  # and twice in a row
        done = build(book, *options)
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "Traceback" not in said
        assert "3 cells on 3 pages did not hold" in said
        lines = re.findall(r"^  (book/\w+\.md:\d+)  (.*)$", said, re.M)
        told.add(tuple(lines))
        assert "please report it" in said
    (lines,) = told
    for name, code in (
        ("one", "outcome("),
        ("two", "held()"),
        ("three", "charlm.no"),
    ):
        text = (book / f"book/{name}.md").read_text().splitlines()
        line = next(i for i, x in enumerate(text, 1) if x.startswith(code))
        assert f"book/{name}.md:{line}" in dict(lines)
    reasons = " ".join(dict(lines).values())
    assert "FellShort: fell short: the tree wins | [1 2 3; mean 2, spread 1]" in reasons
    assert "AssertionError: assert one + one == 3" in reasons
    assert "AttributeError: module 'charlm' has no attribute 'nothing'" in reasons
    site = book / "_build" / "html"
    assert (site / "book/glossary.html").is_file()
    for name in ("one", "two", "three"):
        text = (site / f"book/{name}.html").read_text()
        assert "This page did not hold where it was built" in text
    # mended, the site is that of a build from nothing
    for name in ("one", "two", "three"):
        path = book / f"book/{name}.md"
        path.write_text(path.read_text().rpartition("\n```{code-cell}")[0])
    assert built(book) == built(book, tmp_path / "clean")

"""The book and the package hold together: labels, quotes, headings, cells, contents."""

import re
from pathlib import Path

import pytest
import yaml

from charlm import ops

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("book/*.md"), ROOT / "index.md"])
TEXT = {p: p.read_text(encoding="utf8") for p in PAGES}
CHAPTERS = [
    ROOT / f"book/{name}.md"
    for name in (
        "numerical-derivatives",
        "scalar-autograd",
        "tensor-gradients",
        "counting",
        "cross-entropy",
        "bigram-net",
        "mlp",
        "activations",
        "initialisation",
        "optimisers",
        "batchnorm",
        "backprop-everything",
        "layers",
        "normalisation",
        "dropout",
        "wavenet",
        "attention",
        "positions",
        "gpt",
        "generation",
        "league-table",
    )
]
LABEL = re.compile(r"^\$\$ \((eq-[a-z0-9-]+)\)$", re.M)
CITED = re.compile(r"\beq-[a-z0-9-]+")
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.M | re.S)
HEADINGS = [
    "A small case by hand",
    "Forward",
    "Backward",
    "In code",
    "Does it hold?",
    "Putting it to work",
    "How it breaks",
    "Exercises",
    "Notes and sources",
]

page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


def cited_by(pair):
    return CITED.findall(pair.backward.__doc__)


def prose(text):
    """A page without its cells, its front matter and its quoted code."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return re.sub(r"^(`{3,})(?!`).*?^\1$", "", text, flags=re.M | re.S)


def test_contents_and_files_agree():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
    listed = {c["file"] for part in toc["parts"] for c in part["chapters"]}
    found = {p.relative_to(ROOT).with_suffix("").as_posix() for p in PAGES}
    assert listed | {toc["root"]} == found


def test_no_label_is_used_twice():
    labels = [label for text in TEXT.values() for label in LABEL.findall(text)]
    assert sorted(set(labels)) == sorted(labels)


@pytest.mark.parametrize("pair", ops.pairs().values(), ids=ops.pairs())
def test_every_gradient_is_derived_in_the_book(pair):
    labels = {label for text in TEXT.values() for label in LABEL.findall(text)}
    cited = cited_by(pair)
    assert cited, f'{pair.name}_backward: say "Derived in eq-..." in its docstring'
    missing = set(cited) - labels
    assert not missing, f"{pair.name}_backward cites {missing}, which no page derives"


def test_every_gradient_label_is_cited_by_one_backward():
    cited = [label for pair in ops.pairs().values() for label in cited_by(pair)]
    assert len(set(cited)) == len(cited)


@pytest.mark.parametrize("name", [p.backward.__name__ for p in ops.pairs().values()])
def test_every_pair_is_quoted_or_run_by_a_page(name):
    assert any(name in text for path, text in TEXT.items() if "ledger" not in path.name)


@page
def test_no_private_macros_and_no_bare_environments(path):
    for word in (
        r"\newcommand",
        r"\def\\",
        r"\begin{align}",
        r"\begin{align*}",
        r"\label{",
    ):
        assert word not in TEXT[path]


@page
def test_page_has_a_title_a_description_and_no_unfinished_marks(path):
    text = TEXT[path]
    assert len(re.findall(r"^# ", prose(text), re.M)) == 1
    if path.stem not in ("api", "references"):
        assert "description:" in text
    for mark in ("TODO", "FIXME", "XXX", "coming soon"):
        assert mark not in text


@page
def test_cells_are_short(path):
    for cell in CELL.findall(TEXT[path]):
        lines = cell.strip().splitlines()
        hidden = ("hide-input", "remove-input", "remove-cell")
        limit = 40 if any(tag in cell for tag in hidden) else 25
        assert len(lines) <= limit, f"{path.name}: {len(lines)} lines: {lines[0]}"


@page
def test_figures_have_alt_text_and_a_caption(path):
    for cell in CELL.findall(TEXT[path]):
        if "plt.subplots" in cell and "figure:" not in cell:
            pytest.fail(f"{path.name}: a figure without caption: {cell[:80]}")
        if "figure:" in cell:
            alt = re.search(r'alt: "(.+)"', cell)
            assert alt, f"{path.name}: a figure without alt text"
            assert len(alt[1]) > 60, f"{path.name}: alt text says too little: {alt[1]}"


@page
def test_no_measured_number_is_typed(path):
    """Decimals in prose come from glue; quoted published figures are in bold."""
    text = prose(TEXT[path])
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.S)  # formulas
    text = re.sub(r"`[^`\n]+`|\*\*[\d.,]+\*\*", "", text)  # code; quoted figures
    text = re.sub(r"\]\(https?://[^)\s]+\)", "]", text)  # addresses of links
    text = re.sub(r"\b(3\.1[1-3]|CC BY 4\.0)\b", "", text)
    found = re.findall(r"[^\n]*\b\d+\.\d+[^\n]*", text)
    assert found == []


@chapter
def test_chapter_has_the_headings_in_order(path):
    found = re.findall(r"^## (.+)$", TEXT[path], re.M)
    places = [next(i for i, f in enumerate(found) if f.startswith(h)) for h in HEADINGS]
    assert places == sorted(places)
    for needed in ("(ch-", ":class: at-a-glance", ":class: takeaway", "lecture-check"):
        assert needed in TEXT[path]


@chapter
def test_every_exercise_has_a_hint_and_a_checked_solution(path):
    text = TEXT[path]
    labels = re.findall(r"\{exercise-start\}[^\n]*\n:label: (\S+)", text)
    assert 4 <= len(labels) <= 8
    for label in labels:
        question = text.split(f":label: {label}\n")[1].split("exercise-end")[0]
        assert "{admonition} Hint" in question, f"{label} has no hint"
        solution = text.split("{solution-start} " + label)[1].split("solution-end")[0]
        assert "assert" in solution, f"the solution of {label} is not checked"
        assert ":class: dropdown" in solution


@chapter
def test_chapter_plants_a_bug_and_catches_it(path):
    part = TEXT[path].split("## How it breaks")[1].split("## Exercises")[0]
    assert part.count('"caught"') >= 1

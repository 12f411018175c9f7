"""The book and the package hold together: labels, quotes, headings, cells, contents."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from charlm import ops
from charlm.cli import parser

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
        "rnn",
        "gru",
        "lstm",
        "wavenet",
        "attention",
        "positions",
        "gpt",
        "efficient-attention",
        "generation",
        "second-order",
        "scale",
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


@pytest.mark.parametrize("pair", ops.pairs().values(), ids=ops.pairs())
def test_every_jvp_is_derived_in_the_book(pair):
    labels = {label for text in TEXT.values() for label in LABEL.findall(text)}
    rule = getattr(ops, f"{pair.name}_jvp")
    cited = set(re.findall(r"\beq-[a-z0-9-]+", rule.__doc__))
    assert cited, f"{pair.name}_jvp: say in its docstring which equation it is"
    assert cited <= labels


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
    if path.stem != "api":
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


WORDS, SHOWN = 4_000, 40  # of a chapter, without the solutions of its exercises
SOLUTION = re.compile(r"^`{3,}\{solution-start\}.*?^`{3,}\{solution-end\}", re.M | re.S)


@chapter
def test_chapter_is_no_longer_than_a_reader_bears(path):
    """A formula counts as a word, and a cell whose code is folded not at all."""
    text = SOLUTION.sub("", TEXT[path])
    folded = re.compile(r"\b(hide-input|hide-cell|remove-input|remove-cell)\b")
    shown = [cell for cell in CELL.findall(text) if not folded.search(cell)]
    assert len(shown) <= SHOWN
    words = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", " x ", prose(text), flags=re.S)
    words = re.sub(r"\{[\w:]+\}|`|<[^>]*>", "", words)
    assert len(re.findall(r"[A-Za-z0-9][\w'’.-]*", words)) <= WORDS


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
    if path.stem == "errata":  # it quotes what the text said
        return
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
        checked = re.search(r"\b(assert\b|outcome\(|fact\()", solution)
        assert checked, f"the solution of {label} is not checked"
        assert ":class: dropdown" in solution


@chapter
def test_chapter_plants_a_bug_and_catches_it(path):
    part = TEXT[path].split("## How it breaks")[1].split("## Exercises")[0]
    assert part.count('"caught"') >= 1


NAMED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
MAKE = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf8"), re.M))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def commands():
    """Each command of the command line, with its options."""
    (sub,) = (a for a in parser()._actions if isinstance(a.choices, dict))
    return {
        name: {o for a in one._actions for o in a.option_strings}
        for name, one in sub.choices.items()
    }


def unknown(named, known):
    """What there is not of what a piece of code in the prose names; "" if all is."""
    words = named.split()
    if words[0] == "make" and len(words) == 2:
        return "" if words[1] in MAKE else named
    if words[0] == "charlm" and len(words) > 1 and re.match(r"[a-z][a-z-]*$", words[1]):
        if words[1] not in known:
            return named
        return " ".join(set(OPTION.findall(named)) - known[words[1]])
    if re.match(r"(tests|charlm|book|benchmarks|LICENSES)/[\w./-]+$", named):
        return "" if (ROOT / named).exists() else named
    if re.match(r"(ops|charlm)(\.\w+)+(\(.*\))?$", named):
        first, *rest = named.split("(")[0].split(".")
        found = ops if first == "ops" else import_module("charlm")
        for name in rest:
            if isinstance(found, ModuleType) and not hasattr(found, name):
                try:
                    import_module(f"{found.__name__}.{name}")
                except ModuleNotFoundError:
                    return named
            if not hasattr(found, name):
                return named
            found = getattr(found, name)
    return ""


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.stem
)
def test_what_the_prose_names_exists(path):
    """Commands and their options, files, modules and functions in backticks."""
    known = commands()
    text = prose(path.read_text(encoding="utf8"))
    missing = [m for named in NAMED.findall(text) if (m := unknown(named, known))]
    assert not missing, f"{path.name} names what there is not: {missing}"


def test_what_does_not_exist_is_found():
    known = commands()
    for named in (
        "make no-such",
        "charlm grade",
        "charlm train --no-such 3",
        "tests/test_no_such.py",
        "charlm/no_such.py",
        "ops.no_such",
        "charlm.no_such",
        "charlm.gradcheck.compare.no_such",
    ):
        assert unknown(named, known), named
    for named in ("make book", "charlm check a.py:b", "ops.tanh", "charlm.evidence"):
        assert not unknown(named, known), named

"""Pages of source: every line is there, and links find their place by name."""

import html
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.highlighting import PygmentsBridge

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import source_pages  # noqa: E402

FILES = source_pages.files(ROOT)
QUOTE = re.compile(r"\{literalinclude\} (\S+)\n(?:.*\n)*?:pyobject: (\S+)\n")
GLANCE = re.compile(r"^- \*\*(?:Code|Proved by)\*\*: (.*)$", re.M)
TEXTS = {p: p.read_text(encoding="utf8") for p in sorted(ROOT.glob("book/*.md"))}


def app(equations):
    domain = SimpleNamespace(equations=equations)
    env = SimpleNamespace(get_domain=lambda name: domain)
    builder = SimpleNamespace(highlighter=PygmentsBridge("html", "sphinx"))
    return SimpleNamespace(env=env, builder=builder)


@pytest.mark.parametrize("path", [p for p in FILES if p.startswith("charlm/")])
def test_every_line_is_on_its_page_and_every_definition_has_a_place(path):
    text = FILES[path]
    drawn = source_pages.drawn(app({}), text, str)
    assert html.unescape(re.sub("<[^>]*>", "", drawn)).strip() == text.strip()
    assert drawn.count("<span") == drawn.count("</span>")
    places = re.findall(r'<span class="definition" id="([^"]+)">', drawn)
    assert sorted(places) == sorted(source_pages.definitions(text))


def test_definitions_are_found_with_their_decorators_and_methods():
    text = "@cache\ndef f():\n    def inner(): ...\n\nclass A:\n    def g(self): ...\n"
    assert source_pages.definitions(text) == {"f": (1, 3), "A": (5, 6), "A.g": (6, 6)}


def test_a_docstring_leads_to_its_equation():
    where = {"eq-tanh-dx": ("book/activations", 3)}
    text = '"""Derived in eq-tanh-dx, not eq-nowhere."""\n'
    drawn = source_pages.drawn(app(where), text, lambda page: f"../{page}.html")
    assert drawn.count("<a ") == 1
    assert '<a href="../book/activations.html#equation-eq-tanh-dx">eq-tanh-dx' in drawn


def test_every_quoted_piece_of_the_book_has_its_place():
    count = 0
    for page, text in TEXTS.items():
        for path, name in QUOTE.findall(text):
            source = (page.parent / path).resolve().relative_to(ROOT).as_posix()
            first, last = source_pages.definitions(FILES[source])[name]
            block = "\n".join(FILES[source].splitlines()[first - 1 : last])
            found = source_pages.quoted(block, FILES[source])
            assert source_pages.definitions(FILES[source])[found] == (first, last)
            inside = "\n".join(x.strip() for x in block.splitlines()[1:])
            assert source_pages.quoted(inside, FILES[source]).startswith(name)
            count += 1
    assert count > 40


@pytest.mark.parametrize(
    "page", [p for p in TEXTS if GLANCE.search(TEXTS[p])], ids=lambda p: p.stem
)
def test_every_file_at_a_glance_has_a_page(page):
    for line in GLANCE.findall(TEXTS[page]):
        for named in re.findall(r"`([^`]+\.py)`", line):
            assert source_pages.NAMED.search(named)[0] in FILES


@pytest.mark.parametrize(
    ("module", "name", "ending"),
    [
        ("charlm.ops.norm", "batchnorm_backward", "ops/norm.py"),
        ("charlm.gradcheck", "Verdict", "verdict.py"),  # offered by the package
        ("charlm.models", "MLP.forward", "models/mlp.py"),
        ("charlm.ops", "no_such_thing", ""),
    ],
)
def test_a_name_of_the_api_leads_to_the_file_that_defines_it(module, name, ending):
    found = source_pages.find(ROOT, module, name)
    assert found.endswith(ending)
    assert bool(found) == bool(ending)


def test_what_is_named_is_found_in_commands_too():
    found = source_pages.NAMED
    command = 'pytest tests/test_pairs.py -k "tanh-"'
    assert found.search(command)[0] == "tests/test_pairs.py"
    assert found.search("charlm/ops/")[0] == "charlm/ops/"
    assert not found.search("charlm/data/lists/names.txt")

"""What a page loads, outputs in notebooks, and the check of copied TeX."""

import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "tests" / "site")]

import assets  # noqa: E402
import figures  # noqa: E402
import layout  # noqa: E402
import letters  # noqa: E402
import notebooks  # noqa: E402
import tex  # noqa: E402


def test_a_printed_text_is_whole_wherever_it_was_cut():
    def stream(text):
        return {"output_type": "stream", "name": "stdout", "text": text}

    shown = {"output_type": "display_data", "data": {}}
    cut = [stream("a"), shown, stream("\nb"), stream("c\n")]
    assert layout.whole_texts(cut) == [stream("a\nbc\n"), shown]
    assert cut[0] == stream("a"), "the outputs themselves stay as they are"


def test_a_recorded_cell_becomes_what_it_showed():
    from nbformat import v4

    table = v4.new_output("execute_result", {"text/plain": "a table"})
    figure = v4.new_output("display_data", {"image/svg+xml": "", "text/plain": "x"})
    outputs = [v4.new_output("stream", text="one\n"), figure, table]
    cells = [v4.new_code_cell("f()", outputs=outputs), v4.new_code_cell("assert x")]
    notebook = v4.new_notebook(cells=cells)
    assert notebooks.printed("f()\n", notebook) == "one\na table"
    assert notebooks.printed("assert x", notebook) == ""


def test_only_needed_assets_are_loaded():
    links = '<a class="reference internal" href="a.html">'
    for name, page, body, kept in (
        ("_static/styles/furo.css", "book/a", "", True),
        ("_static/book.css", "book/a", "", True),
        ("_static/mystnb.8ecb.css", "book/a", "", False),
        ("_static/doctools.js", "book/a", links, False),
        ("_static/doctools.js", "search", "", True),
        ("_static/vendor/tippy/popper-tippy.min.js", "book/a", links, True),
        ("_static/vendor/tippy/popper-tippy.min.js", "book/a", "<p>text</p>", False),
    ):
        assert assets.wanted(name, page, body) is kept, name


def test_a_demo_brings_its_script():
    asked = []
    app = SimpleNamespace(add_js_file=asked.append, add_css_file=asked.append)
    body = '<div class="a stepper"><p class="play-map">'
    context = {"body": body, "css_files": [], "script_files": []}
    assets.choose(app, "book/a", "page.html", context, None)
    assert asked == ["stepper.css", "stepper.js"]


def test_only_what_has_a_colour_in_code_needs_an_element():
    from pygments import highlight
    from pygments.lexers import PythonLexer

    code = "def g(x):\n    y = f(x) + 1  # why\n    return not y\n"
    drawn = highlight(code, PythonLexer(), assets.FewSpans())
    spans = re.findall(r'<span class="\w+">([^<]*)</span>', drawn)
    assert spans == ["def", "g", "# why", "return", "not"]
    assert "y = f(x) + 1" in drawn


def test_what_is_folded_opens_without_a_script():
    from docutils import nodes
    from docutils.utils import new_document

    document = new_document("page")
    box = nodes.admonition(classes=["dropdown", "tip"], ids=["a"])
    box += [nodes.title("", "Hint"), nodes.paragraph("", "text")]
    document += [box, nodes.admonition(classes=["tip"])]
    layout.Fold(document).run()
    made, other = document.children
    assert isinstance(made, layout.folded)
    assert made["ids"] == ["a"]
    assert made[0].astext() == "Hint"
    assert isinstance(other, nodes.admonition)


def test_a_figure_holds_its_place(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text('<svg height="60pt" viewBox="0 0 90 60" width="90pt">')
    builder = SimpleNamespace(images={"a.svg": "a.svg"})
    app = SimpleNamespace(srcdir=tmp_path, builder=builder)
    context = {"body": '<img alt="A" src="../_images/a.svg" /><img src="b.svg" />'}
    figures.hold(app, "book/a", "", context, None)
    held = (
        '<img loading="lazy" width="120" height="80" alt="A" src="../_images/a.svg" />'
    )
    assert context["body"] == held + '<img src="b.svg" />'


def test_a_box_of_the_theme_has_no_second_id():
    from docutils import nodes
    from docutils.utils import new_document

    document = new_document("page")
    maths = nodes.container(classes=["math-wrapper"], ids=["e"])
    maths += nodes.math_block("", "x", ids=["e"])
    table = nodes.container(classes=["table-wrapper"], ids=["t"])
    document += [maths, table]
    layout.OneBox(document).run()
    assert isinstance(document[0], nodes.math_block)
    assert document[1]["ids"] == []


def test_imports_take_one_line():
    from docutils import nodes
    from docutils.utils import new_document

    def cell(code):
        box = nodes.container(classes=["cell_input"])
        box += nodes.literal_block(code, code)
        return nodes.container("", box, classes=["cell"])

    for code, folds in (("import a\nb = 1\n", True), ("b = 1\n", False)):
        document = new_document("page")
        document += [cell(code), cell("import late\n")]
        layout.FoldImports(document).run()
        made = list(document.findall(layout.folded))
        assert len(made) == folds
        assert document.astext().count(code.strip()) == 1


def test_a_font_keeps_the_letters_that_occur(tmp_path):
    from fontTools.ttLib import TTFont

    font = ROOT / "book/_static" / letters.FONTS / "KaTeX_Main-Regular.woff2"
    letters.cut(font, tmp_path / "a.woff2", {ord("x"), ord("a")})
    assert set(TTFont(tmp_path / "a.woff2").getBestCmap()) == {ord("x"), ord("a")}


def test_a_size_at_the_beginning_of_a_docstring_is_no_list():
    lines = ["P. Ones.", ":param vocab_size: V.", "Try this.", ":param x: (N, T) words"]
    layout.shapes_in_docstrings(None, "", "", None, None, lines)
    assert lines[:2] == ["P\\. Ones.", ":param vocab_size: V\\."]
    assert lines[2:] == ["Try this.", ":param x: (N, T) words"]


def test_the_fonts_of_every_formula_stand_in_the_sheet(tmp_path):
    (tmp_path / "fonts").mkdir()
    for name in letters.FIRST:
        (tmp_path / "fonts" / name).write_bytes(b"abc")
    sheet = f"x{{a:url(fonts/{letters.FIRST[0]});b:url(fonts/other.woff2)}}"
    letters.put_in(sheet, tmp_path / "katex.min.css")
    data = "data:font/woff2;base64,YWJj"
    written = (tmp_path / "katex.min.css").read_text()
    assert written == f"x{{a:url({data});b:url(fonts/other.woff2)}}"


def test_every_line_of_the_latex_document_leads_to_its_equation():
    text, where = tex.document([("a.html", "x"), ("b.html", "y \\\\\nz")])
    lines = text.splitlines()
    places = {line: where.get(n) for n, line in enumerate(lines, 1)}
    assert (places["x"], places["z"]) == (0, 1)
    assert places[r"\begin{document}"] is None


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs LaTeX")
def test_latex_names_the_equation_that_fails():
    good, bad = ("a.html", r"\frac12"), ("b.html", "x \\\\\n\\nosuch")
    assert tex.errors([good], "pdflatex") == []
    found = tex.errors([good, bad], "pdflatex")
    assert "b.html: Undefined control sequence" in found[0]

"""Joined styles and scripts, outputs in notebooks, and the check of copied TeX."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "tests" / "site")]

import join  # noqa: E402
import layout  # noqa: E402
import lean  # noqa: E402
import notebooks  # noqa: E402
import tex  # noqa: E402


@pytest.mark.parametrize(
    ("selector", "kept"),
    [
        ("a:hover", True),
        (".here > p", True),
        (".gone", False),
        (".here .gone", False),
        ("#gone", False),
        (":not(.gone)", True),
        (':where(.gone, #x) [title=".gone"]', True),
        (r".w\:here", False),
        (".bs-popover-top", True),
    ],
)
def test_a_rule_goes_only_if_nothing_has_its_class(selector, kept):
    assert join.applies(selector, {"here"}) is kept


def test_a_purged_sheet_keeps_what_is_no_plain_rule():
    css = (
        '@charset "x";/* .here{} */.here,.gone{content:"}{;"}.gone{a:b}'
        "@media print{.gone{a:b}.here{c:d}}@media x{.gone{a:b}}"
        "@font-face{src:url(a.woff2)}@keyframes k{from{a:b}to{a:c}}"
        ":is(.here,.gone) p,.gone{a:b}"
    )
    assert join.purge(css, {"here"}).split("\n") == [
        '@charset "x";',
        '.here{content:"}{;"}',
        "@media print{.here{c:d}}",
        "@font-face{src:url(a.woff2)}",
        "@keyframes k{from{a:b}to{a:c}}",
        ":is(.here,.gone) p{a:b}",
    ]


def test_addresses_of_a_sheet_move_with_it():
    css = 'a{x:url(../v/f.woff2)}b{x:url("data:image/svg+xml;a")}c{x:url(i.png?v=1)}'
    assert join.moved(css, "styles") == css.replace("../v", "v").replace(
        "i.png", "styles/i.png"
    )


def test_the_fonts_of_every_formula_stand_in_the_sheet(tmp_path):
    names = [f"vendor/katex/fonts/KaTeX_{n}.woff2" for n in ("Math-Italic", "AMS-Reg")]
    (tmp_path / names[0]).parent.mkdir(parents=True)
    (tmp_path / names[0]).write_bytes(b"abc")
    css = join.with_fonts(f"x{{a:url({names[0]});b:url({names[1]})}}", tmp_path)
    assert css == f"x{{a:url(data:font/woff2;base64,YWJj);b:url({names[1]})}}"


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


def site(folder: Path) -> SimpleNamespace:
    static = folder / "_static"
    static.mkdir(exist_ok=True)
    files = {
        "basic.css": ".here{a:b}",
        "book.css": ".gone{a:b}",
        "documentation_options.js": "const OPTIONS = 1;",
        "doctools.js": '"use strict";\nconst one = 1',
        "book.js": "const two = 2",
        "scripts/pydata-sphinx-theme.js": 'all(["pre", ".a"].join(", ")).forEach(f)',
        "../book/page.html": (
            '<link rel="stylesheet" href="../_static/basic.css?v=1" />\n'
            '<link rel="stylesheet" href="../_static/book.css" />\n'
            '<link rel="icon" href="../_static/favicon.svg"/>\n'
            '<script src="../_static/documentation_options.js?v=2"></script>\n'
            '<script src="../_static/doctools.js"></script>\n'
            '<script src="../_static/other.js"></script>\n'
            '<p class="here">\n'
            '<script defer src="../_static/book.js"></script>\n'
        ),
    }
    (folder / "book").mkdir(exist_ok=True)
    (static / "scripts").mkdir(exist_ok=True)
    for name, text in files.items():
        (static / name).write_text(text)
    return SimpleNamespace(outdir=folder, builder=SimpleNamespace(name="html"))


def test_pages_load_one_sheet_and_one_script(tmp_path):
    app = site(tmp_path)
    join.join(app, None)
    page = tmp_path / "book" / "page.html"
    text = page.read_text()
    assert text.count("site.css?v=") == text.count("site.js?v=") == 1
    assert "../_static/site.css" in text
    assert "<script>const OPTIONS = 1;</script>" in text
    assert '<script defer src="../_static/other.js">' in text
    assert "favicon" in text
    assert "doctools" not in text
    static = tmp_path / "_static"
    assert (static / "site.css").read_text().split() == [".here{a:b}"]
    script = (static / "site.js").read_text()
    assert script.startswith(";\n")
    assert "all([':not(*)'].join" in script, "the theme measures no box"
    join.join(app, None)
    assert page.read_text() == text, "a second build of the same page"


def test_a_theme_that_measures_elsewhere_is_an_error(tmp_path):
    app = site(tmp_path)
    (tmp_path / "_static/scripts/pydata-sphinx-theme.js").write_text("measure()")
    with pytest.raises(ExtensionError, match="where the theme measures"):
        join.join(app, None)


def test_code_without_a_colour_of_its_own_needs_no_element(tmp_path):
    themes = (("light", "#080808"), ("dark", "#F8F8F2"))
    rules = [
        f'html[data-theme="{theme}"] .highlight {{ background: #111; color: {ink} }}\n'
        f'html[data-theme="{theme}"] .highlight .n {{ color: {ink} }} /* Name */\n'
        f'html[data-theme="{theme}"] .highlight .k {{ color: #111111 }}\n'
        for theme, ink in themes
    ]
    only_light = 'html[data-theme="light"] .highlight .o { color: #080808 }'
    css = "".join(rules) + only_light
    assert lean.uncoloured(css) == {"n"}
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static/pygments.css").write_text(css)
    page = tmp_path / "page.html"
    page.write_text('<span class="k">if</span> <span class="n">x</span>&lt;1')
    lean.merge_code(tmp_path)
    assert page.read_text() == '<span class="k">if</span> x&lt;1'


def test_a_size_at_the_beginning_of_a_docstring_is_no_list():
    lines = ["P. Ones.", ":param vocab_size: V.", "Try this.", ":param x: (N, T) words"]
    layout.shapes_in_docstrings(None, "", "", None, None, lines)
    assert lines[:2] == ["P\\. Ones.", ":param vocab_size: V\\."]
    assert lines[2:] == ["Try this.", ":param x: (N, T) words"]


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

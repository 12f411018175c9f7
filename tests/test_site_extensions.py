"""The site's own extensions: notebooks, mathematics, freshness, ledger, deployment."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from html import escape
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from charlm import ops
from charlm.show import table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import deck  # noqa: E402
import deployment  # noqa: E402
import derivation  # noqa: E402
import finding  # noqa: E402
import freshness  # noqa: E402
import katex_static  # noqa: E402
import layout  # noqa: E402
import ledger_page  # noqa: E402
import notebooks  # noqa: E402
import provenance  # noqa: E402

BOOK = ROOT / "book"


ENVIRONMENT = SimpleNamespace(  # what Sphinx knows of a book of two chapters
    domaindata={
        "std": {
            "labels": {
                "ch-b": ("book/b", "ch-b", "Chapter B"),
                "ex-b-sum": ("book/b", "ex-b-sum", "Exercise"),
            },
            "anonlabels": {"a-table": ("book/a", "a-table")},
        },
        "math": {"objects": {"eq-a-dx": ("book/a", 1), "eq-b-y": ("book/b", 1)}},
    },
    toc_fignumbers={
        "book/a": {"displaymath": {"equation-eq-a-dx": (1, 7)}},
        "book/b": {
            "displaymath": {"equation-eq-b-y": (2, 1)},
            "exercise": {"ex-b-sum": (2, 3)},
        },
    },
)


def words(text, values=None):
    return notebooks.markdown(text, BOOK, values or {}, notebooks.targets(ENVIRONMENT))


def test_labels_go_and_equations_are_numbered_as_on_the_page():
    text = "(ch-x)=\n# Title\n\n$$\na = b\n$$ (eq-b-y)\n"
    assert words(text) == "# Title\n\n$$\na = b\n\\tag{2.1}\n$$"


def test_boxes_become_words():
    text = ":::{admonition} Takeaway\n:class: takeaway\n- one\n- two\n:::\n"
    assert words(text) == "**Takeaway**\n\n- one\n- two"


def test_a_box_within_a_box_keeps_its_text():
    text = (
        "::::{note}\nouter\n:::{admonition} Hint\n:class: dropdown\ninner\n:::\n::::\n"
    )
    assert words(text) == "**Note.**\n\nouter\n**Hint**\n\ninner"


def test_exercises_and_solutions_become_headings():
    text = "```{exercise-start} Sum\n:label: ex-a\n```\nWhy?\n```{exercise-end}\n```\n"
    assert words(text) == "### Exercise: Sum\n\nWhy?"
    text = "````{solution-start} ex-a\n:class: dropdown\n````\nSo.\n"
    assert words(text) == "**Solution.**\n\nSo."


def test_what_only_a_page_can_show_is_left_out():
    assert words("One.\n\n```{raw} html\n<input>\n```\n\nTwo.") == "One.\n\nTwo."


def test_quoted_code_is_written_out():
    quote = "```{literalinclude} ../charlm/ops/activation.py\n:language: python\n"
    text = words(quote + ":pyobject: tanh_backward\n```\n")
    assert text.startswith("```python\ndef tanh_backward(dy")
    assert text.endswith("return (1 - y * y) * dy  # (...)\n```")


def test_a_quoted_method_loses_its_indentation():
    lines = notebooks.quoted(ROOT / "charlm/models/mlp.py", "MLP.zero_grad")
    assert lines[0] == "def zero_grad(self) -> None:"
    assert lines[1].startswith("    ")


def test_roles_become_words_links_and_values(monkeypatch):
    text = (
        "{eq}`eq-a-dx` {ref}`in the table <a-table>` of {ref}`the text <ch-b>`, "
        "{ref}`ch-b`, {ref}`ex-b-sum`, {cite:p}`ioffe2015`, {glue:text}`n`"
    )
    monkeypatch.setattr(notebooks, "address", lambda: "")
    plain = "(1.7) in the table of the text, Chapter B, Exercise 2.3, (Ioffe 2015), 7"
    assert words(text, {"n": "7"}) == plain
    monkeypatch.setattr(notebooks, "address", lambda: "https://x")
    assert words(text, {"n": "7"}) == (
        "[(1.7)](https://x/book/a.html#equation-eq-a-dx) "
        "[in the table](https://x/book/a.html#a-table) of "
        "[the text](https://x/book/b.html#ch-b), [Chapter B](https://x/book/b.html#ch-b)"
        ", [Exercise 2.3](https://x/book/b.html#ex-b-sum), (Ioffe 2015), 7"
    )


def test_a_value_that_the_page_lacks_stops_the_build():
    with pytest.raises(KeyError, match="no value 'n'"):
        words("{glue:text}`n`")


def test_values_are_read_as_written(tmp_path):
    path = tmp_path / "x.glue.json"
    path.write_text(json.dumps({"n": {"data": {"text/plain": "'1,234'"}}}))
    assert notebooks.glued(path) == {"n": "1,234"}
    assert notebooks.glued(tmp_path / "none.json") == {}


def test_the_first_cell_depends_on_where_the_package_is(monkeypatch):
    monkeypatch.delenv("BOOK_REPOSITORY", raising=False)
    monkeypatch.delenv("BOOK_BASE_URL", raising=False)
    assert "pip install -e ." in notebooks.remedy()
    monkeypatch.setenv("BOOK_BASE_URL", "https://a.org/b/")
    assert f"--quiet https://a.org/b/{deployment.WHEEL}\n" in notebooks.remedy()
    monkeypatch.setenv("BOOK_REPOSITORY", "https://github.com/a/b/")
    assert "git+https://github.com/a/b\n" in notebooks.remedy()
    compile(notebooks.FINDS.format(remedy="pass"), "cell", "exec")


def test_a_notebook_leaves_its_solutions_to_another():
    from nbformat import v4

    cells = [
        v4.new_markdown_cell(
            "Do it.\n\n```{exercise-end}\n```\n\n````{solution-start} ex-a\n"
            ":class: dropdown\n````\nSo."
        ),
        v4.new_code_cell("solved = 1"),
        v4.new_markdown_cell("Then.\n\n````{solution-end}\n````\n\nNext:"),
        v4.new_code_cell("mine = 2"),
    ]
    left = [c.source for c in notebooks.unsolved(cells, "Elsewhere.")]
    assert left[0].endswith("```{exercise-end}\n```\n\n\nElsewhere.\n")
    assert left[1:] == ["\n\nNext:", "mine = 2"]


def test_notebooks_are_valid_and_the_same_each_time():
    import nbformat

    cells = [("markdown", "é"), ("code", "1 + 1")]
    assert notebooks.dump(cells) == notebooks.dump(cells)
    notebook = nbformat.reads(notebooks.dump(cells), as_version=4)
    nbformat.validate(notebook)
    assert [c.cell_type for c in notebook.cells] == ["markdown", "code"]


@pytest.mark.parametrize(
    ("code", "checks"),
    [
        ("a = 1", "assert a\nfor b in (1, 2):\n    assert b  # each"),
        ("for b in (1, 2):\n    print(b)\n    assert b", ""),
        ("", "assert 1"),
        ("%time 1", ""),
    ],
)
def test_the_assertions_that_a_cell_ends_in_are_told_apart(code, checks):
    whole = "\n\n".join(filter(None, (code, checks)))
    assert layout.checks_apart(whole) == (code, checks)


def test_mathematics_is_drawn_for_eye_and_ear():
    html = katex_static.Renderer()(r"\bar x = \frac{1}{N}", True)
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML"' in html
    assert r'encoding="application/x-tex">\bar x = \frac{1}{N}<' in html
    assert "katex-display" in html


@pytest.mark.parametrize("tex", [r"\nosuchmacro x", r"\frac{1}", r"x_{", "a & b"])
def test_an_error_in_the_tex_is_an_error(tex):
    with pytest.raises(Exception, match="KaTeX parse error"):
        katex_static.Renderer()(tex, False)


@pytest.mark.parametrize("tex", [r"h_{\min}", r"\min_i x_i", r"a \stackrel{!}{=} b"])
def test_mathml_has_as_many_parts_as_places(tex):
    drawn = katex_static.Renderer()(tex, False)
    maths = ElementTree.fromstring(re.search("<math.*</math>", drawn, re.S)[0])
    places = {"msub": 2, "msup": 2, "mover": 2, "munder": 2, "mfrac": 2, "msubsup": 3}
    for element in maths.iter():
        name = element.tag.partition("}")[2]
        assert len(element) == places.get(name, len(element)), tex
        assert name != "mo" or not len(element), "an operator holds text alone"


def test_fractions_in_a_matrix_stand_apart_and_are_copied_as_written():
    tex = r"\begin{pmatrix} \tfrac12 & a < b \\ \tfrac13 & 1 \end{pmatrix}^\top"
    drawn = katex_static.Renderer()(tex, True)
    annotation = BeautifulSoup(drawn, "html.parser").find("annotation")
    assert annotation.text == tex
    assert "arraystretch" in katex_static.apart(tex)
    plain = r"\begin{pmatrix} 1 \\ 2 \end{pmatrix} \frac12"
    assert katex_static.apart(plain) == plain


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{\partial L}{\partial W_{ij}} = \sum_n \sqrt{x_n^2 + 1}",
        r"\begin{pmatrix} a & \hat b \\ 1 & 2 \end{pmatrix} \quad \text{if } c \le 3",
        r"\max_i \Big( \left\{ \tfrac12 \right. \Big) \underbrace{x + y}_{z}",
    ],
)
def test_fewer_elements_hold_the_same_signs(tex):
    draw = katex_static.Renderer()
    light = BeautifulSoup(draw(tex, True), "html.parser")
    whole = BeautifulSoup(draw.stock(tex, True), "html.parser")
    signs = [s.select_one(".katex-html").get_text() for s in (light, whole)]
    assert signs[0] == signs[1].replace("\u200b", "")  # in columns that are left out
    count = [len(s.select(".katex-html *")) for s in (light, whole)]
    assert count[0] < count[1] / 1.7
    assert len(light.select("svg")) == len(whole.select("svg"))


def test_a_formula_is_drawn_once():
    draw = katex_static.Renderer()
    assert draw("x", False) == draw("x", False) != draw("x", True)
    assert len(draw.cache) == 2


@pytest.mark.parametrize(
    "name", ["charlm/ops/loss.py", "charlm/data/lists/a.txt", "book/_results/a.json"]
)
def test_the_key_follows_code_data_and_results(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("one")
    before = freshness.code_key(tmp_path)
    assert freshness.code_key(tmp_path) == before
    path.write_text("two")
    changed = freshness.code_key(tmp_path)
    path.write_text("one")
    assert changed != before == freshness.code_key(tmp_path)
    path.rename(path.with_name("other" + path.suffix))
    assert freshness.code_key(tmp_path) != before


def test_old_caches_are_dropped_but_not_the_current(tmp_path):
    for i in range(8):
        (tmp_path / f"k{i}").mkdir()
    config = SimpleNamespace(nb_execution_cache_path=str(tmp_path / "k0"))
    freshness.drop_old_caches(SimpleNamespace(config=config), None)
    left = {p.name for p in tmp_path.iterdir()}
    assert "k0" in left
    assert len(left) in (freshness.KEPT, freshness.KEPT + 1)


def test_the_ledger_has_a_section_for_every_pair():
    text = ledger_page.filled(f"a\n{ledger_page.LEDGER}\nb", ROOT, "ledger")
    tex = ledger_page.equations(BOOK)
    for name, pair in ops.pairs().items():
        assert f"### `{name}`" in text
        assert f":pyobject: {name}_backward" in text
        assert f'pytest tests/test_pairs.py tests/test_jvps.py -k "{name}-"' in text
        for label in ledger_page.CITED.findall(pair.backward.__doc__):
            assert f"$$\n{tex[label]}\n$$\n\nDerived in {{eq}}`{label}`." in text


def test_a_page_without_the_mark_stays_as_it_is():
    assert ledger_page.filled("text", ROOT, "x") == "text"


def test_a_display_without_a_label_is_no_part_of_the_next(tmp_path):
    page = "$$\na\n$$\n\ntext\n\n$$\nb \\\\\nc\n$$ (eq-b)\n"
    (tmp_path / "page.md").write_text(page)
    assert ledger_page.equations(tmp_path) == {"eq-b": "b \\\\\nc"}


def test_the_sheet_has_a_card_with_equations_and_code_for_every_pair():
    text = ledger_page.filled(ledger_page.CARDS, ROOT, "sheet")
    tex = ledger_page.equations(BOOK)
    for pair in ops.pairs().values():
        card = text.split(f"(card-{pair.name.replace('_', '-')})=")[1].split(":::\n")[0]
        for label in ledger_page.CITED.findall(pair.backward.__doc__):
            assert tex[label] in card
            assert f"{{eq}}`{label}`" in card
        code = ledger_page.statements(pair.backward)
        assert code in card
        assert "return" in code
        assert '"""' not in code
        assert "->" in ledger_page.signature(pair.backward)


def test_the_deck_has_a_card_for_every_pair_and_every_question():
    tex = ledger_page.equations(BOOK)
    text = deck.deck(ops.pairs().values(), tex, BOOK / "_derive")
    assert text.startswith(deck.HEAD)
    read = csv.reader(io.StringIO(text.removeprefix(deck.HEAD)), delimiter="\t")
    fronts, backs, tags = zip(*read, strict=True)
    assert len(set(fronts)) == len(fronts)
    for pair in ops.pairs().values():
        (i,) = (i for i, f in enumerate(fronts) if f.startswith(f"<b>{pair.name}</b>"))
        code = escape(ledger_page.statements(pair.backward), quote=False)
        assert f"<pre>{code}</pre>" in backs[i]
        cited = ledger_page.CITED.findall(pair.backward.__doc__)
        assert backs[i].count(r"\[") == len(cited)
    steps = [s for it, _ in derivation.declared().values() for s in it.steps if s.ask]
    assert tags.count("pair") == len(fronts) - len(steps) > 40
    assert all((BOOK / f"{tag}.md").is_file() for tag in set(tags) - {"pair"})


def test_a_pair_without_a_derivation_is_a_warning(monkeypatch):
    warned = []
    monkeypatch.setattr(ledger_page.log, "warning", lambda *a, **k: warned.append(a))
    ledger_page.section(ops.pairs()["tanh"], {}, ROOT, "ledger")
    assert warned[0][1:] == ("tanh", "eq-tanh-dx")


def test_equations_are_listed_by_number():
    numbers = {"equation-eq-x": (2, 10), "equation-eq-w": (2, 9)}
    tables = {"b": {"displaymath": numbers, "table": {"t": (1,)}}, "a": {}}
    found = finding.equations(SimpleNamespace(toc_fignumbers=tables), ["a", "b"])
    assert found == [("2.9", 1, "equation-eq-w"), ("2.10", 1, "equation-eq-x")]


def configured(monkeypatch, repository, base):
    for name, value in (("BOOK_REPOSITORY", repository), ("BOOK_BASE_URL", base)):
        monkeypatch.setenv(name, value)
    config = SimpleNamespace(html_title="Book")
    config.html_baseurl = config.notfound_urls_prefix = ""
    deployment.configure(None, config)
    return config


def links_above(page, notebook, solutions=None):
    context = {"ipynb_source": notebook, "ipynb_solutions": solutions}
    context["pathto"] = lambda name, resource: f"../{name}"
    deployment.lead_out(None, page, "", context, None)
    return dict(context["page_links"])


def test_nothing_is_invented_without_an_address(monkeypatch):
    config = configured(monkeypatch, "", "")
    assert config.html_baseurl == config.notfound_urls_prefix == ""
    found = links_above("book/a", "book/a.ipynb")
    assert found == {"Notebook": "../_sources/book/a.ipynb"}
    assert links_above("genindex", None) == {}
    found = links_above("book/a", "book/a.ipynb", "book/a-solutions.ipynb")
    assert found["Solutions"] == "../_sources/book/a-solutions.ipynb"


def test_a_site_without_a_repository_has_the_package_beside_it(monkeypatch, tmp_path):
    site, there = tmp_path / "site", tmp_path / "there"
    site.mkdir()
    builder = SimpleNamespace(name="html")
    app = SimpleNamespace(builder=builder, srcdir=ROOT, outdir=site)
    for repository, base in (("", ""), ("https://a.org/r", "https://a.org/b")):
        configured(monkeypatch, repository, base)
        deployment.pack(app, None)
        assert not list(site.iterdir())
    configured(monkeypatch, "", "https://a.org/b")
    deployment.pack(app, None)
    assert [path.name for path in site.iterdir()] == [deployment.WHEEL]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    wheel = str(site / deployment.WHEEL)
    subprocess.run([*pip, "--target", str(there), wheel], check=True)
    ask = "import charlm.data as d; print(d.__file__, len(d.load_text('book')))"
    environment = os.environ | {"PYTHONPATH": str(there)}
    asked = [sys.executable, "-c", ask]
    done = subprocess.run(
        asked, cwd=there, env=environment, capture_output=True, text=True
    )
    where, length = done.stdout.split()
    assert where.startswith(str(there)), done.stderr
    assert int(length) > 200_000


def test_a_page_that_is_not_there_leads_on(monkeypatch):
    for base, root in (("", "/"), ("https://o.github.io/n", "/n/")):
        config = configured(monkeypatch, "", base)
        deployment.lead_on(None, config)
        soup = BeautifulSoup(config.notfound_context["body"], "html.parser")
        links = [a["href"] for a in soup.select("a")]
        assert links == [f"{root}{p}.html" for p in ("index", "search", "genindex")]


def test_links_appear_with_an_address(monkeypatch):
    config = configured(monkeypatch, "https://github.com/o/n", "https://o.github.io/n")
    assert config.html_baseurl == "https://o.github.io/n/"
    assert config.notfound_urls_prefix == "/n/"
    found = links_above("book/a", "book/a.ipynb")
    assert found["Open in Colab"].endswith(
        "github/o/n/blob/gh-pages/_sources/book/a.ipynb"
    )
    assert found["Source"] == "https://github.com/o/n"
    report = "https://github.com/o/n/issues/new?title=Error%20on%20the%20page%20book/a"
    assert found["Report an error"] == report


def test_index_entries_lead_to_the_heading_above_them():
    from docutils import nodes
    from docutils.utils import new_document
    from sphinx import addnodes

    document = new_document("page")
    section = nodes.section(ids=["a-heading", "label"])
    entry = ("single", "gradient of a", "index-0", "", None)
    section += [addnodes.index(entries=[entry]), nodes.target(ids=["index-0"])]
    section += nodes.paragraph("", "text")
    document += section
    finding.IndexAtHeading(document).apply()
    assert section[0]["entries"] == [("single", "gradient of a", "a-heading", "", None)]
    assert isinstance(section[1], nodes.paragraph)


def test_a_table_too_wide_for_a_phone_can_become_cards_there():
    names = ["model", "size of it", "loss < 2, dev", "who_published_it_first", "bits"]
    rows = [["a", "1,000", "2.1", "", "3"], ["b & c", "20", "1.9", "somebody", "2"]]
    wide = table(names, rows, "Two models").html
    context = {"body": f"<p>x</p>{wide}"}
    layout.cards(None, "a", "", context, None)
    made = BeautifulSoup(context["body"], "html.parser")
    before = BeautifulSoup(wide, "html.parser")
    pairs = zip(made.select("tbody tr"), before.select("tbody tr"), strict=True)
    for row, old in pairs:
        assert [cell["data-label"] for cell in row] == names
        assert [cell.text for cell in row] == [cell.text for cell in old]
        assert [cell["role"] for cell in row] == ["rowheader", *["cell"] * 4]
    assert not made.thead.select("[data-label]")
    roles = Counter(tag["role"] for tag in made.select("[role]"))
    assert roles == {
        "table": 1,
        "rowgroup": 2,
        "row": 3,
        "columnheader": 5,
        "rowheader": 2,
        "cell": 8,
    }
    for tag in made.select("[role]"):
        del tag["role"], tag["data-label"]
    assert str(made.table) == str(before.table)


def test_a_table_that_fits_stays_as_it_is():
    narrow = table(["a", "b"], [["one", "2"]], "A sentence about it that is long").html
    context = {"body": narrow}
    layout.cards(None, "a", "", context, None)
    assert context["body"] == narrow
    layout.cards(None, "search", "", {}, None)


def test_a_card_links_to_itself():
    card = '<div class="gradient-card admonition" id="card-a">\n<p class="t">a</p>'
    context = {"body": card}
    ledger_page.permalinks(None, "sheet", "", context, None)
    assert 'a<a class="headerlink" href="#card-a"' in context["body"]


def test_the_foot_of_a_page_names_the_source_it_was_built_from(tmp_path):
    assert "(commit" not in provenance.line(tmp_path), "no repository, no commit"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    clean = provenance.line(tmp_path)
    assert re.search(r"charlm \S+ \(commit [0-9a-f]{7,}\) with PyTorch \S+;", clean)
    (tmp_path / "file").write_text("two")
    assert ", changed since) with" in provenance.line(tmp_path)

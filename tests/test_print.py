"""The whole book as PDF and EPUB: what is taken from the site and how."""

import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

BOOK = Path(__file__).parent.parent / "book"
sys.path[:0] = [str(BOOK / d) for d in ("_ext", "_print")]

import deployment  # noqa: E402

bs4 = pytest.importorskip("bs4")  # comes with the book, not with the package
import epub  # noqa: E402
import pages  # noqa: E402
import pdf  # noqa: E402

MATH = """<span class="math"><span class="katex"><span class="katex-mathml">
<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><msub><mi>h</mi><mi>min</mi>
</msub><annotation encoding="application/x-tex">h_\\min</annotation>
</semantics></math></span><span class="katex-html" aria-hidden="true">h</span>
</span></span>"""
NAV = """<nav class="sidebar-tree"><ul><li><a href="#">Book</a></li></ul>
<p class="caption">First part</p>
<ul><li><a href="book/a.html">1. A &amp; B</a></li></ul>
</nav>"""
FOOT = """<p class="provenance">Built from x.</p>
<p class="copyright">2026, <span class="author">Someone</span></p>"""


@pytest.fixture
def site(tmp_path):
    front = f"""<meta name="description" content="Book: it tells."/>{NAV}
        <article><section id="book">
        <h1>Book<a class="headerlink" href="#book">#</a></h1>
        <p class="whole-book">one file</p><a href="book/a.html#eq">see</a></section>
        </article>{FOOT}"""
    chapter = f"""<article><section id="a"><h1>1. A</h1><p id="eq">{MATH}</p>
        <details class="hide"><summary><p>Show</p></summary>code</details>
        <details class="solution"><summary>Solution</summary>so</details>
        <button>Copy</button>
        <a href="#eq">up</a><a href="../index.html">home</a><a href="https://x.y/">x</a>
        <a class="to-source" href="../_code/a.html"><code>a.py</code></a>
        <dl><dt>f()<a class="to-source" href="../_code/a.html">source</a></dt></dl>
        <a download href="../cards.txt">cards</a><details open><p>step</p></details>
        <div class="front"><label for="i"><input type="radio" checked>one</label></div>
        <svg viewBox="0 0 1 1"><a href="#eq"><path d="M0 0"/></a></svg>
        <img src="../_images/f.svg" alt="f"/><br></section></article>"""
    for name, text in (("index.html", front), ("book/a.html", chapter)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name in ("_images/f.svg", "_static/logo.svg"):
        (tmp_path / name).parent.mkdir()
        ink = "<style>:root{--ink:#1f2328}@media{:root{--ink:#fff}}</style>"
        figure = (
            f'<svg xmlns="http://www.w3.org/2000/svg">{ink}<g fill="var(--ink)"/></svg>'
        )
        (tmp_path / name).write_text(figure)
    for name in ("book.css", "explore.css"):
        shutil.copy(BOOK / "_static" / name, tmp_path / "_static")
    return tmp_path


def test_pages_come_in_the_order_of_the_site(site):
    found = pages.contents(site)
    assert found[0] == ("index.html", "Book", "")
    assert found[1:] == [("book/a.html", "1. A & B", "First part")]


def test_what_needs_a_screen_is_left_out_and_what_is_folded_is_opened(site):
    front, chapter = (str(page.body) for page in pages.read(site))
    assert "headerlink" not in front
    assert "one file" not in front
    assert "<button" not in chapter
    assert "<summary" not in chapter
    assert '<div class="hide">code</div>' in chapter
    assert "<p>Solution</p>so" in chapter
    assert "<div><p>step</p></div>" in chapter
    assert "<label>✓one</label>" in chapter, "which one was chosen"
    assert "f()</dt>" in chapter


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("b.html#x", ("book/b.html", "x")),
        ("#x", ("book/a.html", "x")),
        ("../index.html", ("index.html", "")),
        ("../genindex.html", None),
        ("https://x.y/b.html", None),
    ],
)
def test_links_are_followed(link, wanted):
    known = {"index.html", "book/a.html", "book/b.html"}
    assert pages.target("book/a.html", link, known) == wanted


def test_a_file_of_source_is_named_but_not_led_to(site):
    link = pages.read(site)[1].body.select_one("a.to-source")
    assert link.get_text() == "a.py"
    assert not link.get("href")


def test_the_year_stands_in_for_a_missing_repository(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    assert pages.modified("© Copyright 2026.") == "2026-01-01T00:00:00Z"


def test_every_link_of_the_document_for_the_pdf_has_its_end(site):
    static = site / "_static"
    for name in pdf.STYLES:
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name.replace("*", "1")).write_text("")
    text = pdf.document(site)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    ends = {link[1:] for link in re.findall(r'href="([^"]+)"', text) if link[0] == "#"}
    assert ends == {"index", "a", "a--eq"} <= set(ids)
    assert "<a>cards</a>" in text, "a file that is not in it"
    assert 'src="../html/_images/f.svg"' in text
    # formulas carry their TeX, parts stand above chapters
    assert 'aria-label="h_\\min"' in text
    assert '<h1 class="part">First part</h1>' in text
    assert "<h2>1. A</h2>" in text


def test_the_epub_is_well_formed_the_same_each_time_and_complete(site, tmp_path):
    made = epub.files(site)
    for name, text in made.items():
        if not name.endswith(".css"):
            ElementTree.fromstring(text)
    chapter = made["book/a.xhtml"]
    assert 'href="../index.xhtml"' in chapter
    assert 'href="#eq"' in chapter
    assert 'viewBox="0 0 1 1"' in chapter
    assert "katex" not in chapter
    assert "<a>cards</a>" in chapter
    assert "var(--ink)" not in made["_images/f.svg"]
    assert 'properties="mathml svg"' in made["book.opf"]
    one, two = tmp_path / "1.epub", tmp_path / "2.epub"
    epub.pack(made, one)
    epub.pack(epub.files(site), two)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        first = archive.infolist()[0]
        listed = set(re.findall(r' href="([^"]+)"', made["book.opf"]))
        inside = {n.removeprefix("EPUB/") for n in archive.namelist()}
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert listed == inside - {"mimetype", "META-INF/container.xml", "book.opf"}


def test_what_is_drawn_in_the_epub_has_its_colours(site):
    rules = epub.drawings(site)
    assert ".explore .c0 { stroke: #" in rules
    assert ".explore svg text { fill: currentColor;" in rules
    for unknown in ("var(", "light-dark(", ":is(", "figcaption", "controls"):
        assert unknown not in rules
    twice = '<image width="1" id="image1"/><image width="1" id="image1"/>'
    assert "id=" not in epub.one_ink(twice)


def test_the_site_links_to_the_files_that_were_made(tmp_path):
    app = SimpleNamespace(srcdir=tmp_path, config=SimpleNamespace(root_doc="index"))
    (tmp_path / "_build").mkdir()
    for made, links in (([], 0), (["book.epub"], 1), (["book.pdf"], 2)):
        for name in made:
            (tmp_path / "_build" / name).touch()
        deployment.find_whole(app, app.config)
        context = {"body": "<h1>Book</h1><p>text</p>"}
        deployment.offer_whole(app, "index", "", context, None)
        assert context["body"].count("<a ") == links


def test_the_pdf_is_the_same_whenever_it_was_printed(tmp_path):
    pikepdf = pytest.importorskip("pikepdf")  # only `make pdf` needs it
    about = {"author": "Someone", "description": "It tells."}
    made = []
    for day in ("D:20260101000000Z", "D:20260202000000Z"):
        path = tmp_path / "book.pdf"
        with pikepdf.new() as new:
            for _ in range(2):
                new.add_blank_page()
            places = {"/a": 0, "/b": 1, "/b--eq": 1}
            new.Root.Dests = pikepdf.Dictionary(
                {k: [new.pages[i].obj, pikepdf.Name.Fit] for k, i in places.items()}
            )
            links = (pikepdf.Dictionary(Dest=pikepdf.Name(n)) for n in ("/b", "/c"))
            new.pages[0].Annots = pikepdf.Array(links)
            new.docinfo["/CreationDate"] = day
            with new.open_outline() as outline:
                outline.root.append(pikepdf.OutlineItem("ContentsContents", 0))
            new.save(path, static_id=True)  # as Chromium, which writes none
        assert pdf.beginnings(path) == {"a": 1, "b": 2}
        assert pdf.finish(path, about, ["Contents"]) == 2
        assert pdf.lost(path) == ["/c"]
        made.append(path.read_bytes())
    assert made[0] == made[1]
    with pikepdf.open(path) as new, new.open_outline() as outline:
        assert [item.title for item in outline.root] == ["Contents"]
        assert str(new.docinfo["/Author"]) == "Someone"

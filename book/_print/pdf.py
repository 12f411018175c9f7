"""The whole book as one PDF: the pages of the site as one, printed by Chromium.

Run by `make pdf`, after `make book`. The document is printed twice: the first printing
tells on which page each chapter begins, the second has these numbers in its contents.
"""

import re
import sys
from html import escape
from pathlib import Path

import pages
from bs4 import Tag

sys.path.insert(0, str(pages.ROOT / "tests/site"))
MARGIN, SCALE = 15, 0.8  # mm, as book.css has it; of the site's sizes: 9.6 points
WIDTH = round((210 - 2 * MARGIN) / 25.4 * 96 / SCALE)  # of an A4 page's text, in px
STYLES = [
    "styles/furo.css",
    "pygments.css",
    "vendor/katex/katex.min.css",
    "book.css",
    "stepper.css",
    "front.css",
    "explore.css",
    "derive.css",
    "boxes.css",
]
# What is too wide for the paper gets smaller type, until it fits
FIT = """() => { let shrunk = 0;
  for (const box of document.querySelectorAll(".math-scroll, .table-scroll, "
      + ".table-wrapper, .output.text_html")) {
    const inner = box.querySelector(".katex, table");
    if (!inner) continue;
    for (let i = 0; i < 8 && box.scrollWidth > box.clientWidth + 1; i++) {
      const size = parseFloat(getComputedStyle(inner).fontSize);
      const ratio = box.clientWidth / box.scrollWidth;
      inner.style.fontSize = size * Math.min(ratio, .97) + "px";
      shrunk += i === 0;
    }
  }
  const sheet = document.querySelector("main");
  const right = sheet.getBoundingClientRect().right + 1;
  const wide = [...sheet.querySelectorAll("*")].filter(e => !e.closest("svg")
    && e.getClientRects().length && !e.closest(".katex-mathml")
    && e.getBoundingClientRect().right > right);
  const say = e => e.closest("section")?.id + ": " + e.outerHTML.slice(0, 90);
  return [shrunk, wide.map(say)];
}"""
NUMBERS = """numbers => { for (const [id, page] of Object.entries(numbers))
  document.querySelector(`nav a[href="#${id}"] .begins`).textContent = page; }"""

HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .map(e => e.textContent.trim())"""


def slug(path: str) -> str:
    """book/mlp.html -> mlp; no two pages have the same."""
    return Path(path).stem


def joined(page: pages.Page, known: set[str]) -> Tag:
    """The body of a page, with names and links that hold within one document."""
    name = slug(page.path)
    for tag in page.body.find_all(True):
        if tag.decomposed:
            continue
        for key in ("id", "aria-labelledby"):
            if key in tag.attrs:
                tag[key] = f"{name}--{tag[key]}"
        for key, value in tag.attrs.items():
            if isinstance(value, str) and "url(#" in value:
                tag[key] = value.replace("url(#", f"url(#{name}--")
        if "href" in tag.attrs:
            found = pages.target(page.path, tag["href"], known)
            if found:
                anchor = f"--{found[1]}" if found[1] else ""
                tag["href"] = f"#{slug(found[0])}{anchor}"
            elif not re.match("https?:", tag["href"]):
                pages.unlinked(tag)
        if "katex" in tag.get("class", []):
            # a picture with its TeX as the words for it: printing drops the MathML
            tag["aria-label"], tag["role"] = tag.annotation.get_text(), "img"
            tag.select_one(".katex-mathml").decompose()
            del tag.select_one(".katex-html")["aria-hidden"]
        if tag.name == "img":
            tag["src"] = re.sub(r"^(\.\./)?", "../html/", tag["src"], count=1)
    # chapters below parts in the outline of the PDF
    for tag in page.body.find_all(re.compile(r"^h[1-5]$")):
        tag.name = f"h{int(tag.name[1]) + (page.path != 'index.html')}"
    return page.body


def front(about: dict[str, str], book: list[pages.Page]) -> str:
    """Title page and contents."""
    lines = [
        '<div class="title-page"><img src="../html/_static/logo.svg" alt="">',
        f'<p class="title">{escape(about["title"])}</p>',
        f"<p>{escape(about['description'].partition(': ')[2].capitalize())}</p>",
        f"<p>By {escape(about['author'])}</p><p>{escape(about['origin'])}</p></div>",
        '<nav class="book-contents"><h1>Contents</h1>',
    ]
    for page in book:
        if page.part:
            lines.append(f'<p class="part">{escape(page.part)}</p>')
        lines.append(
            f'<p><a href="#{slug(page.path)}"><span>{escape(page.title)}</span>'
            '<span class="begins">000</span></a></p>'
        )
    return "\n".join([*lines, "</nav>"])


def document(site: Path) -> str:
    """The whole book as one page of HTML."""
    about, book = pages.about(site), pages.read(site)
    known = {page.path for page in book}
    sheets = [next((site / "_static").glob(name)) for name in STYLES]
    links = [
        f'<link rel="stylesheet" href="../html/{s.relative_to(site)}">' for s in sheets
    ]
    parts = []
    for page in book:
        if page.part:
            parts.append(f'<h1 class="part">{escape(page.part)}</h1>')
        parts.append(f'<div class="chapter" id="{slug(page.path)}">')
        parts += [joined(page, known).decode_contents(formatter="html5"), "</div>"]
    style = Path(__file__).with_name("print.css").read_text("utf8")
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en"><head>',
            f'<meta charset="utf-8"><title>{escape(about["title"])}</title>',
            *links,
            f'<style>{style}</style></head><body data-theme="light">',
            '<main class="content"><article role="main">',
            front(about, book),
            *parts,
            "</article></main></body></html>",
        ]
    )


def beginnings(path: Path) -> dict[str, int]:
    """Number of the page on which each chapter begins, by its name."""
    import pikepdf

    with pikepdf.open(path) as pdf:
        number = {page.objgen: i for i, page in enumerate(pdf.pages, start=1)}
        return {
            name.lstrip("/"): number[place[0].objgen]
            for name, place in pdf.Root.Dests.items()
            if "--" not in name
        }


def lost(path: Path) -> list[str]:
    """Links to places that the printing has left out."""
    import pikepdf

    with pikepdf.open(path) as pdf:
        marks = (mark for page in pdf.pages for mark in page.get("/Annots", []))
        ends = {str(mark.Dest) for mark in marks if "/Dest" in mark}
        return sorted(ends - set(pdf.Root.Dests.keys()))


def all_items(items: list) -> list:
    """Every line of an outline, as the book goes."""
    return [x for item in items for x in (item, *all_items(item.children))]


def finish(path: Path, about: dict[str, str], headings: list[str]) -> int:
    """Say who wrote it, drop the time of printing, pack it; returns the pages."""
    import pikepdf

    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for key in ("/CreationDate", "/ModDate", "/Creator"):
            if key in pdf.docinfo:
                del pdf.docinfo[key]
        pdf.docinfo["/Author"] = about["author"]
        pdf.docinfo["/Subject"] = about["description"]
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        # Chromium doubles the words of headings that begin a page
        with pdf.open_outline() as outline:
            items = all_items(outline.root)
            for item, title in zip(items, headings, strict=True):
                item.title = title
        packed = pikepdf.ObjectStreamMode.generate
        pdf.save(path, object_stream_mode=packed, deterministic_id=True)
        return len(pdf.pages)


def main() -> int:
    """Write _build/book.pdf."""
    from browser import FLAGS, browser_path
    from playwright.sync_api import sync_playwright

    source, target = pages.OUT / "print" / "book.html", pages.OUT / "book.pdf"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(document(pages.SITE), encoding="utf8")
    options = {
        "path": target,
        "format": "A4",
        "scale": SCALE,
        "print_background": True,
        "tagged": True,
        "outline": True,
    }
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path(), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 1100})
        page.emulate_media(media="print", color_scheme="light")
        page.goto(source.as_uri())
        page.evaluate("document.fonts.ready")
        shrunk, wide = page.evaluate(FIT)
        print(f"{shrunk} wide formulas and tables in smaller type")
        for text in wide:
            print(f"too wide for the paper: {text}", file=sys.stderr)
        page.pdf(**options | {"tagged": False, "outline": False})
        page.evaluate(NUMBERS, beginnings(target))
        headings = page.evaluate(HEADINGS)
        page.pdf(**options)
        browser.close()
    count = finish(target, pages.about(pages.SITE), headings)
    print(f"The book: file://{target}, {count} pages")
    for name in (missing := lost(target)):
        print(f"a link leads nowhere: {name}", file=sys.stderr)
    return int(bool(wide or missing))


if __name__ == "__main__":
    sys.exit(main())

"""Checks of the built site that need no browser: links, anchors, ids, words, files."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag

ASSETS = {"img": "src", "script": "src", "iframe": "src", "object": "data"}
RAW_TEX = re.compile(r"\\\(|\\\[|\$\$|\\(frac|bar|hat|sum|mathbb|begin)\b")
FAILED = re.compile(r"Traceback \(most recent call last\)|\bstderr\b.*Error")
NO_PROSE = {"script", "style", "pre", "code", "button"}
COPIED = re.compile(r"^\$\$\n(.*?)\n\$\$", re.M | re.S)


def page_files(root: Path) -> list[Path]:
    """All pages of the site."""
    return sorted(p for p in root.rglob("*.html") if "_static" not in p.parts)


def read(root: Path) -> dict[Path, BeautifulSoup]:
    """All pages of the site, parsed."""
    return {p: BeautifulSoup(p.read_text("utf8"), "lxml") for p in page_files(root)}


def anchors(soup: BeautifulSoup) -> set[str]:
    """Places of a page that a link can lead to."""
    return {t["id"] for t in soup.find_all(id=True)} | {
        t["name"] for t in soup.find_all("a", attrs={"name": True})
    }


def check_ids(pages, root):
    for path, soup in pages.items():
        seen = [t["id"] for t in soup.find_all(id=True)]
        for twice in sorted({i for i in seen if seen.count(i) > 1}):
            yield f"{path.relative_to(root)}: the id {twice!r} is there twice"


def check_foot(pages, root):
    """The foot of the front page names what PDF and EPUB take from it."""
    for name in (".author", ".provenance", ".copyright"):
        if not pages[root / "index.html"].select_one(name).get_text(strip=True):
            yield f"index.html: {name} is empty"


def check_links(pages, root):
    """Every local link and anchor exists; no asset comes from elsewhere."""
    known = {path.resolve(): anchors(soup) for path, soup in pages.items()}
    for path, soup in pages.items():
        if path.name == "404.html":  # served at any depth, its links are absolute
            continue
        for tag in soup.find_all(["a", "link", *ASSETS]):
            address = tag.get(ASSETS.get(tag.name, "href"))
            if not address:
                continue
            parts = urlsplit(address)
            where = f"{path.relative_to(root)}: {address}"
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                style = tag.name == "link" and "stylesheet" in tag.get("rel", [])
                if tag.name in ASSETS or style:
                    yield f"{where} comes from another host"
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            target = target.resolve()
            if not target.exists():
                yield f"{where} does not exist"
            elif parts.fragment and target in known:
                anchor = unquote(parts.fragment)
                if anchor not in known[target]:
                    yield f"{where}: no such anchor"


def check_sources(pages, root):
    """A file of the source that a text names can be read from there."""
    named = re.compile(r"(charlm|tests|book/_results)/[\w/]+\.py")
    for path, soup in pages.items():
        for code in soup.select("article p > code, article p.quoted-from"):
            if named.fullmatch(code.get_text()) and not code.select_one("a[href]"):
                yield f"{path.relative_to(root)}: {code.get_text()} leads nowhere"


def words(tag: Tag) -> Iterator[str]:
    """The texts in it that are prose."""
    for child in tag.children:
        if type(child) is NavigableString:
            yield child
        elif isinstance(child, Tag) and not (
            child.name in NO_PROSE or "katex" in child.get("class", ())
        ):
            yield from words(child)


def check_words(pages, root):
    """No raw TeX, no traceback and no output of stderr in what a reader sees."""
    for path, soup in pages.items():
        article = soup.find("article")
        if not article:
            continue
        if article.select(".output.stderr"):
            yield f"{path.relative_to(root)}: a cell wrote to stderr"
        text = " ".join(words(article))
        for pattern in (RAW_TEX, FAILED):
            if found := pattern.search(text):
                around = text[max(0, found.start() - 30) : found.end() + 30]
                yield f"{path.relative_to(root)}: {' '.join(around.split())!r}"


def check_pictures(pages, root):
    """Every picture is told in words."""
    for path, soup in pages.items():
        article = soup.find("article")
        for tag in article.find_all(["img", "svg"]) if article else []:
            if tag.find_parent(class_="katex") or tag.get("aria-hidden") == "true":
                continue
            words = tag.get("alt") or tag.get("aria-label") or ""
            if len(words) < 20 or re.search(r"\.(svg|png)$", words):
                yield f"{path.relative_to(root)}: a picture without words: {words!r}"


def check_tex(pages, root, source: Path):
    """What the copy button copies stands in the source, letter by letter."""
    written = set()
    for path in [*source.glob("*.md"), *source.glob("book/*.md")]:
        written |= {t.strip() for t in COPIED.findall(path.read_text("utf8"))}
    for path, soup in pages.items():
        for button in soup.select("button.copytex"):
            if button["data-tex"] not in written:
                where = path.relative_to(root)
                yield f"{where}: not in the source: {button['data-tex']}"


def check_notebooks(pages, root):
    """Every page with cells to run offers valid notebooks with no directive left."""
    for path, soup in pages.items():
        # what recorded cells show stands in a file of the repository
        if not soup.select("div.cell:not(.tag_recorded) div.cell_input"):
            continue
        found = soup.find_all("a", href=re.compile(r"^[^:]*\.ipynb$"))
        if not found:
            yield f"{path.relative_to(root)}: no notebook to download"
        for file in {(path.parent / link["href"]).resolve() for link in found}:
            yield from check_notebook(file)


def check_notebook(file):
    import nbformat

    notebook = nbformat.reads(file.read_text("utf8"), as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        left = re.search(r"^(:{3,}|`{3,})\{|\{[\w:]+\}`", cell.source, re.M)
        if "```text\n\n```" in cell.source:
            yield f"{file.name}: an output that is empty"
        if left and cell.cell_type == "markdown":
            yield f"{file.name}: MyST left over: {left[0]!r}"

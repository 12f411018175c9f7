"""The whole book as one EPUB: the pages of the site as XHTML, with MathML, in a zip.

Run by `make epub`, after `make book`. The same site gives the same file to the byte.
"""

import re
import shutil
import subprocess
import sys
import uuid
import zipfile
from html import escape
from pathlib import Path

import pages
from bs4 import Tag

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/book.opf"
 media-type="application/oebps-package+xml"/></rootfiles></container>
"""
PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" xml:lang="en"
 unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">{identifier}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:language>en</dc:language>
<dc:creator>{author}</dc:creator>
<dc:description>{description}</dc:description>
<dc:rights>Text and figures: CC BY 4.0. Code: MIT.</dc:rights>
<meta property="dcterms:modified">{modified}</meta>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
"""
SHEET = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
 lang="en" xml:lang="en"><head><title>{title}</title>
<link rel="stylesheet" type="text/css" href="{up}epub.css"/></head>
<body>{body}</body></html>
"""
KINDS = {
    ".xhtml": "application/xhtml+xml",
    ".svg": "image/svg+xml",
    ".css": "text/css",
}
# HTML does not mind the case of these names, XML does
CASE = {
    name.lower(): name
    for name in "viewBox markerUnits markerWidth markerHeight refX refY".split()
}


def xhtml(path: str) -> str:
    """book/mlp.html -> book/mlp.xhtml."""
    return re.sub(r"\.html$", ".xhtml", path)


def adapted(page: pages.Page, known: set[str]) -> Tag:
    """The body of a page as valid XHTML that needs no script and no font."""
    body = page.body
    for drawn in body.select(".katex"):
        display = "katex-display" in drawn.parent.get("class", [])
        (drawn.parent if display else drawn).replace_with(drawn.math)
    for link in body.select("svg a"):
        link.unwrap()
    for tag in body.find_all(True):
        tag.attrs = {CASE.get(key, key): value for key, value in tag.attrs.items()}
        for name in ("border", "loading"):
            tag.attrs.pop(name, None)
        if "href" in tag.attrs:
            found = pages.target(page.path, tag["href"], known)
            if found and found[0] != page.path:
                tag["href"] = tag["href"].replace(".html", ".xhtml")
            elif not found and not re.match("https?:", tag["href"]):
                pages.unlinked(tag)
        if tag.name == "svg":
            tag["xmlns"], tag["role"] = "http://www.w3.org/2000/svg", "img"
        if tag.name == "p" and tag.find(["ol", "ul", "div"], recursive=False):
            tag.name = "div"
    return body


def text(tag: Tag) -> str:
    """What is in a tag, as XML."""
    return tag.decode_contents(formatter="minimal")


def cover(about: dict[str, str]) -> str:
    """The first page."""
    return (
        '<section class="cover"><img src="logo.svg" alt=""/>'
        f"<h1>{escape(about['title'])}</h1><p>{escape(about['author'])}</p>"
        f"<p>{escape(about['origin'])}</p></section>"
    )


def navigation(book: list[pages.Page]) -> str:
    """Contents: parts, and the chapters in them."""
    lines = ['<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>']
    inside = False
    for page in book:
        if page.part:
            lines.append("</ol></li>" if inside else "")
            lines.append(f"<li><span>{escape(page.part)}</span><ol>")
            inside = True
        link = f'<a href="{xhtml(page.path)}">{escape(page.title)}</a>'
        lines.append(f"<li>{link}</li>")
    return "\n".join([*lines, "</ol></li></ol></nav>"])


def one_ink(svg: str) -> str:
    """A figure in the colours for paper: few readers know variables."""
    ink = re.search(r"--ink:\s*(#\w+)", svg)
    svg = re.sub(r"<style>:root\{--ink.*?</style>", "", svg, count=1, flags=re.S)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<path (?![^>]*\bd=)[^>]*/>", "", svg)  # lines without a point
    svg = re.sub(r'(<image [^>]*?) id="\w+"', r"\1", svg)  # a picture's, for each copy
    return svg.replace("var(--ink)", ink[1]) if ink else svg


def drawings(site: Path) -> str:
    """The site's rules for what is drawn in a page, in the colours for paper."""
    static = site / "_static"
    sheet = (static / "explore.css").read_text("utf8")
    book = (static / "book.css").read_text("utf8")
    lines = re.findall(r"^\.explore (?:svg|text|\.).*\n", sheet, re.M)
    rules = "".join(line for line in lines if ":is(" not in line)
    rules = re.sub(r"light-dark\((#\w+), #\w+\)", r"\1", rules)
    named = dict(re.findall(r"--(\w+): light-dark\((#\w+)", book))
    # a reader may show the book at night
    named |= {"ink": "currentColor", "box": "none", "paper": "none"}
    return re.sub(r"var\(--(\w+)\)", lambda found: named[found[1]], rules)


def files(site: Path) -> dict[str, str]:
    """Every file of the book by its path, in the order of reading."""
    about, book = pages.about(site), pages.read(site)
    known = {page.path for page in book}
    made = {
        "cover.xhtml": SHEET.format(
            title=escape(about["title"]), up="", body=cover(about)
        ),
        "nav.xhtml": SHEET.format(title="Contents", up="", body=navigation(book)),
    }
    for page in book:
        up = "../" * page.path.count("/")
        body = text(adapted(page, known))
        made[xhtml(page.path)] = SHEET.format(
            title=escape(page.title), up=up, body=body
        )
    spine = list(made)
    used = set(re.findall(r"_images/[\w.-]+", "".join(made.values())))
    for name in sorted(used):
        made[name] = one_ink((site / name).read_text("utf8"))
    made["logo.svg"] = (site / "_static" / "logo.svg").read_text("utf8")
    style = Path(__file__).with_name("epub.css").read_text("utf8")
    made["epub.css"] = style + drawings(site)
    made["book.opf"] = package(about, made, spine)
    return made


def package(about: dict[str, str], made: dict[str, str], spine: list[str]) -> str:
    """The list of files with what is in them, and their order."""
    manifest = []
    for i, (name, content) in enumerate(made.items()):
        has = [kind for kind in ("math", "svg") if f"<{kind} " in content]
        holds = [{"math": "mathml"}.get(kind, kind) for kind in has]
        holds = [] if name.endswith(".svg") else holds
        holds += ["nav"] * (name == "nav.xhtml")
        extra = f' properties="{" ".join(holds)}"' if holds else ""
        kind = KINDS[Path(name).suffix]
        manifest.append(f'<item id="f{i}" href="{name}" media-type="{kind}"{extra}/>')
    order = [f'<itemref idref="f{i}"/>' for i in range(len(spine))]
    identifier = uuid.uuid5(uuid.NAMESPACE_DNS, about["title"]).urn
    words = {key: escape(value) for key, value in about.items()}
    return PACKAGE.format(
        identifier=identifier,
        manifest="\n".join(manifest),
        spine="\n".join(order),
        **words,
    )


def pack(made: dict[str, str], path: Path) -> None:
    """A zip without times; the type of the file comes first, as the format wants."""
    with zipfile.ZipFile(path, "w") as archive:
        inside = {f"EPUB/{name}": content for name, content in made.items()}
        everything = {"META-INF/container.xml": CONTAINER, **inside}
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
        for name, content in everything.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def check(path: Path) -> int:
    """Run epubcheck where it is installed; 0 when it finds no error."""
    found = shutil.which("epubcheck")
    if not found:
        print("epubcheck is not installed, so the file was not checked")
        return 0
    archive = Path(found).resolve()  # on Debian, a Java archive
    command = ["java", "-jar", archive] if archive.suffix == ".jar" else [found]
    return subprocess.run([*command, "--quiet", path]).returncode


def main() -> int:
    """Write _build/book.epub; a file with errors is not kept."""
    target = pages.OUT / "book.epub"
    pack(files(pages.SITE), target)
    if check(target):
        target.rename(target.with_name("faulty.epub"))
        return 1
    print(f"The book: file://{target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Formulas with fewer elements (fewer.js) look as KaTeX draws them, sign by sign."""

import html
import re
import sys
import tempfile
from pathlib import Path

import links

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
sys.path.append(str(EXTENSIONS))  # last: both have a `finding`
import katex_static  # noqa: E402

# px: Chromium counts in 64ths of one and rounds at every space, at an element for it or
# at a margin; the longest formulas of the book come to 0.11
OFF = 0.2
AT_ONCE = 300  # formulas on a page
DRAWN = re.compile(
    r'<math [^>]*?(display="block")?>(?:(?!</math>).)*?'
    r'<annotation encoding="application/x-tex">(.*?)</annotation>',
    re.S,
)
SHEETS = ("vendor/katex/katex.min.css", "book.css")
# every sign of the visible half, and what is drawn without signs: what and where
PLACES = """() => [...document.querySelectorAll(".katex-html")].map(box => {
  const from = box.closest("p").getBoundingClientRect(), found = [];
  const note = (what, {left, top, width}) =>
    found.push([what, left - from.left, top - from.top, width]);
  const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let text; (text = texts.nextNode());)
    [...text.data].reduce((at, sign) => {
      range.setStart(text, at);
      range.setEnd(text, at + sign.length);
      if (sign !== "\\u200b") note(sign, range.getBoundingClientRect());
      return at + sign.length;
    }, 0);
  for (const line of box.querySelectorAll("svg, .frac-line, .overline-line, .hline"))
    note(line.localName, line.getBoundingClientRect());
  note("height", {left: 0, top: from.top, width: from.height});
  return found; })"""


def formulas(site: Path) -> list[tuple[str, bool]]:
    """(TeX, whether displayed) of every formula of the site, once."""
    texts = (page.read_text("utf8") for page in links.page_files(site))
    found = (m for text in texts for m in DRAWN.finditer(text))
    return list(dict.fromkeys((html.unescape(m[2]), bool(m[1])) for m in found))


def placed(browser, site: Path, drawn: list[str]) -> list[list]:
    """Where a browser puts the signs of formulas."""
    sheets = "".join(
        f'<link rel="stylesheet" href="{(site / "_static" / name).as_uri()}">'
        for name in SHEETS
    )
    lines = "".join(f"<p>x {formula} y</p>" for formula in drawn)
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf8") as file:
        file.write(f'<!DOCTYPE html><meta charset="utf8">{sheets}{lines}')
        file.flush()
        page.goto(Path(file.name).as_uri(), timeout=0)
        page.evaluate("document.fonts.ready")
        found = page.evaluate(PLACES)
    page.close()
    return found


def differs(ours: list, stock: list) -> bool:
    """Whether signs or their places are not the same."""
    if [p[0] for p in ours] != [p[0] for p in stock]:
        return True
    pairs = zip(ours, stock, strict=True)
    return any(
        abs(a - b) > OFF for p, q in pairs for a, b in zip(p[1:], q[1:], strict=True)
    )


def check(browser, site: Path):
    """Yields a problem for each formula that looks otherwise."""
    draw = katex_static.Renderer()
    found = formulas(site)
    for first in range(0, len(found), AT_ONCE):
        some = found[first : first + AT_ONCE]
        ours = placed(browser, site, [draw(*formula) for formula in some])
        stock = placed(browser, site, [draw.stock(*formula) for formula in some])
        for (tex, _), a, b in zip(some, ours, stock, strict=True):
            if differs(a, b):
                yield f"drawn otherwise than KaTeX draws it: {tex!r}"

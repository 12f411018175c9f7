"""What a reader meets in Chromium, Firefox and WebKit alike.

One list of checks for all three. Each page stands in a frame as wide as a reader's
window, for no browser makes a window as narrow as a phone.
"""

import time
from pathlib import Path

import finding
from browser import OVERFLOW, SELECTED, Handler, serve
from drivers import ENGINES, PRESSED
from reading import BEFORE

WIDTHS = 1280, 1920, 390
HEIGHT = 900
PATIENCE = 30  # seconds for what comes later, such as a preview
DARK = 0.55  # brightness from which a box in a dark page is white
HOLDER = b"""<!doctype html><title>frame</title>
<style>* { margin: 0; border: 0; }
iframe { display: block; width: 1280px; height: 900px; }</style>
<script>document.write(`<iframe src="${location.search.slice(1)}"></iframe>`);
</script>"""
# Faults of scripts, files that do not load, and formulas before any script of the page
WATCH = b"""<script>{ const page = document.documentElement, faults = [];
  const note = fault => {
    // no fault: some sizes are told one picture later
    if (/^ResizeObserver loop/.test(fault)) return;
    faults.push(fault);
    page.dataset.faults = JSON.stringify(faults); };
  addEventListener("error", e => note(e.message
    ?? `cannot load ${e.target.src ?? e.target.href}`), true);
  addEventListener("unhandledrejection", e => note(String(e.reason)));
  for (const kind of ["error", "warn"]) console[kind] = (...all) => note(all.join(" "));
  document.addEventListener("readystatechange", () => {
    for (const m of document.querySelectorAll(".math"))
      if (!m.querySelector(".katex")?.getBoundingClientRect().width)
        note(`waits for a script: ${m.textContent}`); }, {once: true}); }
</script>"""
SEEN = """const [widths, dark] = arguments, page = document.documentElement;
  const boxes = "article :is(pre, div, table, th, td, details, summary, figure, p)";
  document.body.dataset.theme = "dark";
  const white = [page, ...document.querySelectorAll(boxes)].filter(e => {
    const style = getComputedStyle(e);
    const [r, g, b, a = 1] = style.backgroundColor.match(/[\\d.]+/g).map(Number);
    return style.colorScheme !== "dark" || a * (r + g + b) / 765 > dark; });
  document.body.dataset.theme = "auto";
  const wide = widths.map(w => { frameElement.style.width = `${w}px`;
    return page.scrollWidth - innerWidth; });
  return {wide, white: white.map(e => e.outerHTML.slice(0, 80)),
    faults: JSON.parse(page.dataset.faults ?? "[]"),
    fonts: !document.querySelector(".katex")
      || document.fonts.check("1em KaTeX_Main")};"""
# Fractions in the rows of a matrix, one above the other
TOUCHING = """return [...document.querySelectorAll(".mtable")].filter(m => {
  const all = [...m.querySelectorAll(".mfrac")].filter(f =>
    !f.parentElement.closest(".mfrac")).map(f => f.getBoundingClientRect());
  return all.some((a, i) => all.slice(i + 1).some(b => a.left < b.right
    && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1)); })
  .map(m => m.closest(".katex").querySelector("annotation").textContent);"""
# Graphs as a notebook shows them, without the site's style: where an arrow ends to the
# right or the left, its head is higher six pixels before the tip than two before it
HEADS = """const [number, done] = arguments;
  const svg = document.querySelectorAll("svg.graph")[number];
  const copy = svg.cloneNode(true), scale = 4;
  const {width, height} = svg.viewBox.baseVal;
  const set = {xmlns: "http://www.w3.org/2000/svg", style: "color: black",
    width: width * scale, height: height * scale};
  for (const [name, value] of Object.entries(set)) copy.setAttribute(name, value);
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const on = canvas.getContext("2d", {willReadFrequently: true});
    on.drawImage(image, 0, 0, canvas.width, canvas.height);
    const ink = (x, y) => { const strip = on.getImageData(Math.round(x * scale),
        Math.round((y - 7) * scale), 1, 14 * scale).data;
      let count = 0;
      for (let i = 3; i < strip.length; i += 4) count += strip[i] > 128;
      return count / scale; };
    const wrong = [...svg.querySelectorAll("path[marker-end]")].filter(path => {
      const end = path.getPointAtLength(path.getTotalLength());
      const [x2, y2] = path.getAttribute("d").match(/-?[\\d.]+/g).slice(-2).map(Number);
      const before = path.getPointAtLength(path.getTotalLength() - 3);
      const way = Math.sign(x2 - before.x);
      if (Math.abs(y2 - before.y) > 1) return Math.hypot(end.x - x2, end.y - y2) > .1;
      const [near, far] = [2, 6].map(d => ink(x2 - way * d, y2));
      return !(near > 1 && far > near + 2); });
    done(wrong.map(p => p.getAttribute("d"))); };
  const words = new XMLSerializer().serializeToString(copy);
  image.src = "data:image/svg+xml," + encodeURIComponent(words);"""
CUT = """const text = document.querySelector("article").getBoundingClientRect();
  return [...document.querySelectorAll("dl.bugs *")].filter(e =>
    e.clientWidth && e.scrollWidth > e.clientWidth + 1
    || e.getBoundingClientRect().right > text.right + 1)
    .map(e => e.textContent.slice(0, 60));"""


class Watched(Handler):
    """Pages that note their faults, and the frame they stand in."""

    def content(self, path: Path) -> bytes | None:
        if path.name == "frame.html":
            return HOLDER
        body = super().content(path)
        if body and path.suffix == ".html":
            return body.replace(b"<head>", b"<head>" + WATCH, 1)
        return body


class Reader:
    """Somebody with a browser and the site."""

    def __init__(self, engine, root: Path):
        self.engine, self.base = engine, serve(root, Watched)
        self.run, self.later, self.keys = engine.run, engine.later, engine.keys

    def open(self, page: str, width: int = 1280) -> None:
        self.engine.open(f"{self.base}/frame.html?{page}")
        self.run(
            "Object.assign(frameElement.style, "
            "{width: `${arguments[0]}px`, height: `${arguments[1]}px`})",
            width,
            HEIGHT,
        )

    def comes(self, expression: str, *args):
        """What an expression gives once it is true; None if it never is."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := self.run(f"return {expression}", *args):
                return found
            time.sleep(0.05)
        return None


def everywhere(reader: Reader, pages: list[str]):
    """Every page, at all widths, light and dark; yields problems."""
    for page in pages:
        reader.open(page)
        for text in reader.run(f"return ({OVERFLOW})('.highlight pre')"):
            yield f"{page}: code scrolls sideways: {text!r}"
        for tex in reader.run(TOUCHING):
            yield f"{page}: fractions touch in {tex!r}"
        seen = reader.run(SEEN, WIDTHS, DARK)
        for width, pixels in zip(WIDTHS, seen["wide"], strict=True):
            if pixels > 0:
                yield f"{page}: scrolls sideways by {pixels} px at {width} px"
        yield from (f"{page}: {fault}" for fault in seen["faults"])
        yield from (f"{page}: white in the dark: {box}" for box in seen["white"])
        if not seen["fonts"]:
            yield f"{page}: the font of formulas is not there"


def not_copied(text: str, formulas: list[str]):
    """Formulas that a copied selection does not have once each, as problems."""
    for formula in set(formulas):
        if text.count(f"${formula}$") != formulas.count(formula):
            yield f"a selection with {formula!r} is copied as {text!r}"


def selection(reader: Reader):
    """A selection is copied with the TeX of its formulas."""
    yield from not_copied(*reader.run(f"return ({SELECTED})()"))


def search(reader: Reader):
    """A question leads to its section, and marks no single letters on the way."""
    query = "why divide by sqrt d"
    reader.open(f"search.html?q={query.replace(' ', '+')}")
    found = reader.comes(
        "document.querySelector('.search-summary').innerText && "
        f"document.querySelector('{finding.LINKS}')?.getAttribute('href')"
    )
    wanted = finding.QUERIES["why divide by sqrt"]
    if not (found or "").endswith(wanted):
        yield f"{query!r} finds {found}, not {wanted}"
        return
    reader.comes("document.querySelector('ul.search .context')")
    marks = "[...document.querySelectorAll('.highlighted')].map(e => e.innerText)"
    if short := [mark for mark in reader.run(f"return {marks}") if len(mark) < 3]:
        yield f"marks of a letter or two: {short}"
    if (wide := reader.run("return document.documentElement.scrollWidth")) > 1280:
        yield f"the results are {wide} px wide"
    reader.open(found)
    if left := reader.run(f"return {marks}"):
        yield f"marks on the page that a result leads to: {left}"
    reader.keys(".sidebar-search", "softmax gra")
    first = reader.comes("document.querySelector('#answers a')?.href")
    if not (first or "").endswith("cross-entropy.html#softmax-and-its-logarithm"):
        yield f"typed 'softmax gra', found {first} first"


def graphs(reader: Reader):
    """Graphs without the site's style, arrows pointing where they go."""
    count = reader.run("return document.querySelectorAll('svg.graph').length")
    if not count:
        yield "no graph"
    for i in range(count):
        for path in reader.later(HEADS, i):
            yield f"graph {i}: the arrow {path} has no head that points on"


def jumps(reader: Reader):
    """A link to an equation shows it, leads to its sentence, and back."""
    link = 'article p a.reference.internal[href^="#equation-"]'
    reader.run(f"document.querySelector('{link}').focus()")
    if not reader.comes("document.querySelector('.tippy-box .katex')"):
        yield "a link to an equation has no preview"
    reader.keys(link, PRESSED["Enter"])
    bottom = reader.comes(f"({BEFORE})()")
    if bottom is None or not 0 < bottom < HEIGHT:
        yield f"the sentence before an equation ends at {bottom} px after a jump"
    if not reader.comes("document.querySelector('.way-back')"):
        yield "an equation that a link leads to has no way back"
        return
    reader.keys(".way-back", PRESSED["Enter"])
    if not reader.comes("!location.hash && !document.querySelector('.way-back')"):
        yield "the way back from an equation leads nowhere"


def bugs(reader: Reader):
    """The bug zoo shows all of each bug."""
    for width in (390, 1280):
        reader.open("book/bug-zoo.html", width)
        if not reader.run("return document.querySelectorAll('dl.bugs dd').length"):
            yield "the bug zoo is empty"
        for text in reader.run(CUT):
            yield f"cut off at {width} px: {text!r}"


def derivation(reader: Reader):
    """A step is typed, read as a formula, and judged."""
    box = "#derive-batchnorm-steps"
    for typed, right in (("gamma * dx", False), ("gamma * dy", True)):
        reader.run(f"document.querySelector('{box} input[type=text]').value = ''")
        reader.keys(f"{box} input[type=text]", typed)
        if right and not reader.comes(f"document.querySelector('{box} math')"):
            yield "what was understood is not shown"
        reader.keys(f"{box} input[type=text]", PRESSED["Enter"])
        said = reader.comes(f"document.querySelector('{box} .derive-say').innerText")
        if (said or "").startswith("Right.") != right:
            yield f"{typed!r} is answered with {said!r}"


def explorable(reader: Reader):
    """A picture follows the keyboard."""
    picture = "document.querySelector('.explore-pictures').innerHTML"
    said = "document.querySelector('.explore-say').innerText"
    before, words = reader.run(f"return [{picture}, {said}]")
    reader.keys(".explore [type=range]", PRESSED["Home"])
    if not reader.comes(f"{picture} !== arguments[0]", before):
        yield "a key in a slider does not move the picture"
    told = "document.querySelector('.explore-status').innerText"
    if reader.comes(told) in (None, words):
        yield "what a slider did is not said"


CHAPTER = selection, graphs, derivation, explorable, jumps


def chapter(reader: Reader):
    """What is done with a chapter."""
    reader.open("book/batchnorm.html")
    for one in CHAPTER:
        yield from one(reader)


CHECKS = search, bugs, chapter


def check(name: str, root: Path, pages: list[str]) -> tuple[list[str], list[str]]:
    """Problems in one browser, and lines to print.

    In Chromium every page is opened by the other checks.
    """
    if packages := ENGINES[name].missing():
        return [], [f"{name} is not installed (Debian: apt install {packages})"]
    some = [] if name == "Chromium" else pages
    engine = ENGINES[name]()
    try:
        reader = Reader(engine, root)
        found = [*everywhere(reader, some)]
        for one in CHECKS:
            found += one(reader)
    finally:
        engine.close()
    return found, [f"{len(some)} pages, the search and a chapter in {name}"]

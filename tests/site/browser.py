"""Opening pages in headless Chromium, and measuring what happens in any browser."""

import functools
import gzip
import http.server
import os
import shutil
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other host answers
]
THEMES = ("dark", "light")
PAGES = 2  # on which a kind of text is judged
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHIFT = """new PerformanceObserver(list => { for (const e of list.getEntries())
  if (!e.hadRecentInput) window.shift = (window.shift || 0) + e.value; })
  .observe({type: "layout-shift", buffered: true});"""
# On a phone every block has got its height, shown or not (book.js)
SETTLED = """() => [...document.querySelectorAll("article > section section > *")]
  .every(b => getComputedStyle(b).contentVisibility !== "auto"
    || b.style.containIntrinsicBlockSize)"""
# What a phone does not lay out before it is on the screen, as a reader meets it
SHOWN = """() => document.querySelectorAll("article > section section > *")
  .forEach(b => { b.style.contentVisibility = "visible"; })"""
# Most elements draw formulas, and axe takes long with them. It reads no MathML and
# nothing that is hidden from screen readers: boxes of their size stand for them.
LIGHTER = """() => {
  const drawn = [...document.querySelectorAll(".katex-html")];
  const sizes = drawn.map(e => e.getBoundingClientRect());
  drawn.forEach((e, i) => {
    e.replaceChildren();
    Object.assign(e.style, {display: "inline-block",
      width: `${sizes[i].width}px`, height: `${sizes[i].height}px`});
  });
  document.querySelectorAll("math").forEach(e => e.replaceChildren());
}"""
SELECTED = """() => { const box = document.querySelector("p:has(.katex)");
  if (!box) return null;
  getSelection().selectAllChildren(box);
  const clipboardData = new DataTransfer();
  const copy = new ClipboardEvent("copy", {bubbles: true, clipboardData});
  box.dispatchEvent(copy);
  return [copy.clipboardData.getData("text/plain"),
    [...box.querySelectorAll("annotation")].map(e => e.textContent)]; }"""
OVERFLOW = """selector => {
  document.querySelectorAll("article details").forEach(box => { box.open = true; });
  return [...document.querySelectorAll(selector)]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && !e.closest(".stepper"))
    .map(e => e.textContent.trim().slice(0, 80)); }"""
# All rules but those of colours. The size of targets is one of WCAG 2.2 that axe leaves
# out unless asked.
RULES = """[document, {"color-contrast": {enabled: false},
  "link-in-text-block": {enabled: false}, "target-size": {enabled: true}}]"""
# Whether a text stands out is settled by its colour, size and weight and what is behind
# it: of each such kind axe is shown two places of a page. A kind that was judged on two
# pages before is not chosen again.
CHOOSE = """([theme, known]) => {
  const behind = new Map(), met = {}, plain = "rgba(0, 0, 0, 0),none,1,none";
  const back = e => {
    if (!e) return "";
    if (!behind.has(e)) {
      const s = getComputedStyle(e);
      const own = [s.backgroundColor, s.backgroundImage, s.opacity, s.filter].join();
      behind.set(e, back(e.parentElement) + (own === plain ? "" : own + ";")); }
    return behind.get(e); };
  window.words = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  window.chosen ??= {};
  chosen[theme] = [...document.body.querySelectorAll("*")].filter(e => {
    const {width, height} = e.getBoundingClientRect();
    if (!words(e) || !e.checkVisibility() || width < 2 || height < 2) return false;
    const [own, around] = [e, e.parentElement].map(getComputedStyle);
    const kind = [back(e), e.localName, own.textDecoration, own.textShadow,
      ...[own, around].map(s => [s.color, s.fontSize, s.fontWeight])].join(" / ");
    met[kind] = (met[kind] ?? 0) + 1;
    return met[kind] <= 2 && !known.includes(kind); });
  return Object.keys(met); }"""
# axe takes its time for every element there is: what holds none chosen is emptied. It
# stays, as styles ask for the place among others, and so does what stands in a text.
PRUNE = """() => {
  const kept = new Set([document.body]);
  for (let e of Object.values(chosen).flat())
    for (; e && !kept.has(e); e = e.parentElement) kept.add(e);
  for (const e of [...document.body.querySelectorAll("*")])
    if (kept.has(e.parentElement) && !kept.has(e) && !words(e.parentElement))
      e.replaceChildren();
}"""
COLOURS = """[{include: chosen["%s"]}, {}, ["color-contrast", "link-in-text-block"]]"""
VIOLATIONS = """(([context, rules, runOnly]) =>
  axe.run(context, {resultTypes: ["violations"], rules, ...(runOnly && {runOnly})})
    .then(r => r.violations.map(v =>
      `${v.id} (${v.impact}): ${v.nodes.length} x ${v.nodes[0].target.join(" ")}`)))"""
MEASURE = """() => ({
  shift: window.shift || 0,
  sideways: document.documentElement.scrollWidth - window.innerWidth,
  elements: document.getElementsByTagName("*").length,
  maths: document.querySelectorAll(".math").length,
  drawn: document.querySelectorAll(".math .katex").length,
  scripts: [...document.scripts].some(s => /mathjax|katex.*js/i.test(s.src)),
})"""


def browser_path() -> str:
    """Where Chromium is; ends the program with one line if it is nowhere."""
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), ""
    )
    if not found:
        print(
            "check-site: needs Chromium; install it (Debian: apt install chromium), or "
            "set CHROMIUM to its path",
            file=sys.stderr,
        )
        sys.exit(2)
    return found


@contextmanager
def chromium():
    """A browser without a screen."""
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path(), args=FLAGS)
        yield browser
        browser.close()


@functools.cache
def compressed(body: bytes) -> bytes:
    """As a web server sends it; most files are asked for by every page."""
    return gzip.compress(body, 6)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the site, compressed as a web server would."""

    TEXT = (".html", ".js", ".css", ".svg", ".json", ".ipynb", ".md", ".txt")

    def log_message(self, *args):
        pass

    def content(self, path: Path) -> bytes | None:
        """What is sent for a file; None if there is none."""
        return path.read_bytes() if path.is_file() else None

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if (body := self.content(path)) is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in self.TEXT:
            body = compressed(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError):  # a browser has seen enough
            self.wfile.write(body)


def serve(root: Path, handler: type[Handler] = Handler) -> str:
    """Serve a folder from a free port of this machine; returns its address."""
    handler = functools.partial(handler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


@dataclass
class Visit:
    """What one load of a page did."""

    address: str
    requests: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    kilobytes: float = 0.0
    measured: dict = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def visit(context, address: str, axe: str = "", act=None, judged=None) -> Visit:
    """Load a page with an empty cache, refuse every other host, and measure.

    With ``axe``, its source, accessibility is judged last, colours in both themes.
    ``judged`` counts the pages on which each kind of text was judged, by theme; it is
    added to.
    """
    found = Visit(address)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    loaded, within = {}, set()  # bytes by request; those that stand in another file

    def begins(event):
        if event["request"]["url"].startswith("data:"):
            within.add(event["requestId"])

    def ends(event):
        loaded[event["requestId"]] = event["encodedDataLength"]

    session.on("Network.requestWillBeSent", begins)
    session.on("Network.loadingFinished", ends)
    own = "file:" if address.startswith("file:") else "/".join(address.split("/")[:3])

    def asked(request):
        found.requests.append(request.url)
        if not request.url.startswith((own, "data:", "blob:")):
            found.foreign.append(request.url)

    page.on("request", asked)
    page.on("requestfailed", lambda r: found.failed.append(r.url))
    page.on(
        "response",
        lambda r: r.status >= 400 and found.failed.append(f"{r.status} {r.url}"),
    )
    page.on("pageerror", lambda e: found.console.append(str(e)))
    page.on(
        "console",
        lambda m: m.type in ("error", "warning") and found.console.append(m.text),
    )
    page.add_init_script(SHIFT)
    page.goto(address, wait_until="load")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(250)
    page.wait_for_function(SETTLED)
    found.measured = page.evaluate(MEASURE)
    found.requests = [u for u in found.requests if not u.startswith("data:")]
    found.kilobytes = sum(n for i, n in loaded.items() if i not in within) / 1024
    if act:
        act(page, found)
    if axe:
        page.evaluate(SHOWN)
        page.wait_for_timeout(150)
        page.evaluate("document.fonts.ready")
        page.wait_for_timeout(150)
        page.evaluate(LIGHTER)
        page.evaluate(axe)
        found.violations += page.evaluate(f"{VIOLATIONS}({RULES})")
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(150)
            known = [kind for kind, pages in judged[theme].items() if pages >= PAGES]
            judged[theme].update(page.evaluate(CHOOSE, [theme, known]))
        page.evaluate(PRUNE)
        for theme in THEMES:
            if page.evaluate(f"chosen.{theme}.length"):
                page.emulate_media(color_scheme=theme)
                page.wait_for_timeout(150)
                seen = page.evaluate(f"{VIOLATIONS}({COLOURS % theme})")
                found.violations += [f"{v}, {theme}" for v in seen]
    page.close()
    return found

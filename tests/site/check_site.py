"""Open every page of the built site and check what a reader meets.

``python tests/site/check_site.py _build/html``, after the book was built. Prints a line
per page, every problem found, and a summary; ends with 1 if there was a problem. Jobs
run beside each other, each with one browser for all it does.
"""

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import axe_playwright_python
import demos
import derivations
import engines
import explorables
import finding
import formulas
import front
import links
import reading
import tex
import training
from browser import OVERFLOW, SELECTED, THEMES, browser_path, chromium, serve, visit

REQUESTS, KILOBYTES, SHIFT = 25, 220, 0.01  # limits of one page, loaded cold
ELEMENTS = 15_000  # of a page
MEDIAN = 150  # kB, of all pages
TABLES = 5  # that scroll at 1,280 px, of all pages
CLIPBOARD = ["clipboard-read", "clipboard-write"]
FORMS = [(1280, 900), (360, 800)]  # each in both themes
FROM_DISK = (
    "index.html",
    "book/batchnorm.html",
    "book/gradient-ledger.html",
    "_code/charlm/ops/norm.html",
)


def judge(found, sizes: bool):
    """Problems of one visit, in words."""
    yield from (f"asks another host: {url}" for url in found.foreign)
    yield from (f"cannot load: {url}" for url in found.failed)
    yield from (f"console: {text}" for text in found.console)
    yield from (f"accessibility: {text}" for text in found.violations)
    m = found.measured
    if m["sideways"] > 0:
        yield f"scrolls sideways by {m['sideways']} px"
    if m["maths"] != m["drawn"]:
        yield f"{m['maths'] - m['drawn']} of {m['maths']} formulas are not drawn"
    if m["scripts"]:
        yield "loads a script that draws mathematics"
    if sizes:
        if len(found.requests) > REQUESTS:
            yield f"{len(found.requests)} requests, more than {REQUESTS}"
        if found.kilobytes > KILOBYTES:
            yield f"{found.kilobytes:.0f} kB, more than {KILOBYTES}"
        if m["elements"] > ELEMENTS:
            yield f"{m['elements']:,} elements, more than {ELEMENTS:,}"
        if m["shift"] > SHIFT:
            yield f"moves while it loads: layout shift {m['shift']:.3f}"


def copies(page, found) -> None:
    """The copy button of an equation puts its TeX on the clipboard, by keyboard."""
    button = page.locator("button.copytex").first
    if button.count():
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(100)
        copied = page.evaluate("navigator.clipboard.readText()")
        wanted = button.get_attribute("data-tex")
        if copied != wanted:
            found.console.append(f"copied {copied!r}, not {wanted!r}")


def selects(page, found) -> None:
    """A selection is copied with the TeX of its formulas, each once."""
    if copied := page.evaluate(SELECTED):
        found.console.extend(engines.not_copied(*copied))


def fits(page, found) -> None:
    """Code needs no scrolling at 1,280 px, and no page scrolls sideways at 320."""
    for text in page.evaluate(OVERFLOW, ".highlight pre"):
        found.console.append(f"code scrolls sideways: {text!r}")
    tables = page.evaluate(OVERFLOW, ".table-wrapper, .table-scroll")
    found.measured["tables"] = tables
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 640})
    page.wait_for_timeout(150)
    wide = "document.documentElement.scrollWidth - innerWidth"
    if (pixels := page.evaluate(wide)) > 0:
        found.console.append(f"scrolls sideways by {pixels} px at 320 px")
    page.set_viewport_size(size)


def acts(page, found) -> None:
    copies(page, found)
    selects(page, found)
    fits(page, found)


def figures(visits) -> tuple[str, float]:
    """What all visits of one kind come to, in a line, and the median weight."""
    weights = [v.kilobytes for v in visits]
    middle = statistics.median(weights)
    line = (
        f"{len(visits)} pages: at most {max(len(v.requests) for v in visits)} requests"
        f" and {max(weights):.0f} kB, median {middle:.0f} kB, layout shift at most"
        f" {max(v.measured['shift'] for v in visits):.4f}"
    )
    return line, middle


def in_form(root: Path, pages: list[str], form: int) -> tuple[list[str], list[str]]:
    """Every page at one width in both themes; problems, and lines to print."""
    width, height = FORMS[form]
    first = form == 0
    problems, lines, visits, violations = [], [], [], 0
    judged = {theme: Counter() for theme in THEMES}
    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf8")
    base = serve(root)
    with chromium() as browser:
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=width < 600
        )
        context.grant_permissions(CLIPBOARD, origin=base)
        for page in pages:
            act = acts if first else None
            found = visit(context, f"{base}/{page}", axe, act, judged)
            violations += len(found.violations)
            visits.append(found)
            for problem in judge(found, sizes=first):
                problems.append(f"{page} ({width} px): {problem}")
    if first:
        lines.append(f"{'page':34} requests    kB  maths  shift")
        for page, v in zip(pages, visits, strict=True):
            m = v.measured
            lines.append(
                f"{page:34} {len(v.requests):8} {v.kilobytes:5.0f}"
                f" {m['drawn']:6} {m['shift']:6.3f}"
            )
        line, middle = figures(visits)
        lines.append(line)
        if middle > MEDIAN:
            problems.append(f"the median page weighs {middle:.0f} kB, over {MEDIAN}")
        wide = [text for v in visits for text in v.measured["tables"]]
        if len(wide) > TABLES:
            problems.append(f"{len(wide)} tables scroll, more than {TABLES}: {wide}")
    where = f"{len(pages)} pages at {width} px, light and dark"
    return problems, [*lines, f"{where}: {violations} accessibility violations"]


def from_disk(browser, root: Path):
    """Pages opened as files, without a network; yields problems."""
    context = browser.new_context(offline=True)
    for page in FROM_DISK:
        for problem in judge(visit(context, (root / page).as_uri()), sizes=False):
            yield f"{page} (from disk, offline): {problem}"


def opened(root: Path) -> list[str]:
    """Pages to open: all of the book, and of the source the list and the heaviest."""
    source = root / "_code"
    pages = links.page_files(root)
    heaviest = max(source.glob("*/**/*.html"), key=lambda p: p.stat().st_size)
    kept = {source / "index.html", heaviest}
    shown = (p for p in pages if source not in p.parents or p in kept)
    return [p.relative_to(root).as_posix() for p in shown]


def timed(root: Path, job: str) -> tuple[list[tuple[str, list[str], list[str]]], float]:
    """What ``run`` gives, and the seconds that it took."""
    begun = time.monotonic()
    return run(root, job), time.monotonic() - begun


def run(root: Path, job: str) -> list[tuple[str, list[str], list[str]]]:
    """(name, problems, lines to print) of the checks of one job."""
    source = Path(__file__).parents[2]
    if job == "files":
        parsed = links.read(root)
        checks = {
            "links and anchors": links.check_links(parsed, root),
            "files of the source": links.check_sources(parsed, root),
            "ids": links.check_ids(parsed, root),
            "foot": links.check_foot(parsed, root),
            "words": links.check_words(parsed, root),
            "pictures": links.check_pictures(parsed, root),
            "copied TeX": links.check_tex(parsed, root, source),
            "copied TeX in LaTeX": tex.check_compiles(parsed, root),
            "notebooks": links.check_notebooks(parsed, root),
        }
        return [(name, list(found), []) for name, found in checks.items()]
    if job in engines.ENGINES:
        return [(f"the site in {job}", *engines.check(job, root, opened(root)))]
    if job.startswith("form "):
        form = int(job.removeprefix("form "))
        name = f"browser, {FORMS[form][0]} px, light and dark"
        return [(name, *in_form(root, opened(root), form))]
    with chromium() as browser:
        return [(job, list(BEHAVIOUR[job](browser, root)), [])]


BEHAVIOUR = {
    "finding": finding.check,
    "formulas": formulas.check,
    "marks and paper": reading.check,
    "front page": front.check,
    "demos": demos.check_demos,
    "derivations": derivations.check,
    "training": training.check,
    "explorables": explorables.check,
    "from disk": from_disk,
}
# what takes longest begins first
JOBS = [*(f"form {i}" for i in range(len(FORMS))), *reversed(engines.ENGINES)]
JOBS += [*BEHAVIOUR, "files"]


def main() -> int:
    """Run all checks; 0 if there is no problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the built site")
    options = parser.parse_args()
    root = options.site.resolve()
    if not (root / "index.html").is_file():
        print(f"check-site: no site in {root}; build the book first", file=sys.stderr)
        return 2
    browser_path()  # said once, if there is none
    failed = count = 0
    # one more than there are processors: pages are waited for as long as they settle
    at_once = (os.cpu_count() or 1) + 1
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        for job, (done, seconds) in zip(
            JOBS, pool.map(timed, repeat(root), JOBS), strict=True
        ):
            print(f"== {job}: {seconds:.0f} s")
            for name, problems, lines in done:
                failed, count = failed + bool(problems), count + 1
                print(*lines, f"{'FAIL' if problems else 'ok  '} {name}", sep="\n")
                for problem in problems:
                    print(f"     {problem}")
                sys.stdout.flush()
    print(f"{count - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Open every page of the built site and check what a reader meets.

``python tests/site/check_site.py _build/html``, after the book was built. Prints a line
per page, every problem found, and a summary; ends with 1 if there was a problem.
"""

import argparse
import statistics
import sys
from pathlib import Path

import axe_playwright_python
import demos
import finding
import links
import reading
import sliders
import tex
from browser import FLAGS, browser_path, serve, visit
from playwright.sync_api import sync_playwright

REQUESTS, KILOBYTES, SHIFT = 35, 360, 0.01  # limits of one page, loaded cold
MEDIAN = 300  # kB, of all pages
CLIPBOARD = ["clipboard-read", "clipboard-write"]
SIZES = ((1280, 900), (360, 800))
FROM_DISK = ("index.html", "book/batchnorm.html", "book/gradient-ledger.html")


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


def in_browser(root: Path, pages: list[str]):
    """Every page at two widths and in two themes, some from disk; yields problems."""
    visits, violations = [], 0
    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf8")
    base = serve(root)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path(), args=FLAGS)
        print(f"{'page':34} requests    kB  maths  shift")
        for width, height in SIZES:
            for scheme in ("light", "dark"):
                size = {"width": width, "height": height}
                context = browser.new_context(
                    viewport=size, color_scheme=scheme, has_touch=width < 600
                )
                context.grant_permissions(CLIPBOARD, origin=base)
                first = (width, scheme) == (SIZES[0][0], "light")
                for page in pages:
                    act = copies if first else None
                    found = visit(context, f"{base}/{page}", axe, act)
                    violations += len(found.violations)
                    if first:
                        visits.append(found)
                        m = found.measured
                        print(
                            f"{page:34} {len(found.requests):8} {found.kilobytes:5.0f}"
                            f" {m['drawn']:6} {m['shift']:6.3f}"
                        )
                    for problem in judge(found, sizes=first):
                        yield f"{page} ({width} px, {scheme}): {problem}"
                context.close()
        context = browser.new_context(offline=True)
        for page in FROM_DISK:
            for problem in judge(visit(context, (root / page).as_uri()), sizes=False):
                yield f"{page} (from disk, offline): {problem}"
        browser.close()
    line, middle = figures(visits)
    print(f"{line}; {violations} accessibility violations in {4 * len(pages)} visits")
    if middle > MEDIAN:
        yield f"the median page weighs {middle:.0f} kB, more than {MEDIAN}"


def main() -> int:
    """Run all checks; 0 if there is no problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the built site")
    options = parser.parse_args()
    root = options.site.resolve()
    if not (root / "index.html").is_file():
        print(f"check-site: no site in {root}; build the book first", file=sys.stderr)
        return 2
    parsed = links.read(root)
    names = [path.relative_to(root).as_posix() for path in parsed]
    source = Path(__file__).parents[2]
    checks = {
        "links and anchors": links.check_links(parsed, root),
        "ids": links.check_ids(parsed, root),
        "words": links.check_words(parsed, root),
        "pictures": links.check_pictures(parsed, root),
        "copied TeX": links.check_tex(parsed, root, source),
        "copied TeX in LaTeX": tex.check_compiles(parsed, root),
        "notebooks": links.check_notebooks(parsed, root),
        "browser": in_browser(root, names),
        "finding": finding.check(root),
        "sliders": sliders.check(root),
        "marks and paper": reading.check(root),
        "demos": demos.check_demos(root),
    }
    failed = 0
    for name, problems in checks.items():
        problems = list(problems)
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'ok  '} {name}")
        for problem in problems:
            print(f"     {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

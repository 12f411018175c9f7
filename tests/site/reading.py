"""Marks for chapters read, permalinks, previews, menus, places on a phone, paper."""

from pathlib import Path

from browser import SETTLED
from playwright.sync_api import TimeoutError

PAPER = ("mlp", "attention", "batchnorm", "bug-zoo", "cheat-sheet", "dropout")
TEXT = 680  # width of the text on A4, in pixels
WIDE = f"""() => [...document.querySelectorAll(
    ".katex-html > .base, .katex-html.base, .eqno, pre, img, svg, table")]
  .filter(e => e.getBoundingClientRect().right > {TEXT} + 1).map(e => e.outerHTML)"""
COVERED = """() => [...document.querySelectorAll(".math:has(.eqno)")].filter(m =>
  [...m.querySelectorAll(".katex-html > .base")].at(-1).getBoundingClientRect().right
  > m.querySelector(".eqno").getBoundingClientRect().left).map(m => m.id)"""
TOP = """id => { const target = document.getElementById(id);
  const kept = (e, name) => parseFloat(getComputedStyle(e)[name]);
  return target.getBoundingClientRect().top - kept(target, "scrollMarginTop")
    - kept(document.documentElement, "scrollPaddingTop"); }"""
HIDDEN = ".sidebar-drawer, .toc-drawer, .content-icon-container, .read-buttons"


def marks(page, root: Path):
    """A mark survives the change of page, is told in words, and can be forgotten."""
    page.goto((root / "book/mlp.html").as_uri())
    page.get_by_role("button", name="Mark as read").press("Enter")
    page.goto((root / "book/attention.html").as_uri())
    marked = page.locator(".sidebar-tree a", has=page.locator(".read-mark"))
    if marked.count() != 1 or "(read)" not in marked.inner_text():
        yield f"{marked.count()} chapters are marked as read, not one"
    page.get_by_role("button", name="Forget all marks").press("Enter")
    if marked.count():
        yield "the mark is not forgotten"
    link = page.locator(".eqno a").first
    link.press("Enter")
    if not page.url.endswith(link.get_attribute("href")):
        yield "the number of an equation is no link to it"


BEFORE = """() => { const box = document.querySelector("div.math:target");
  return box && box.previousElementSibling.getBoundingClientRect().bottom; }"""


def jumps(page, root: Path):
    """Links to equations and citations show them; a jump shows what comes before."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto((root / "book/batchnorm.html").as_uri())
    if page.evaluate("[...document.links].some(link => link._tippy)"):
        yield "previews are made before anybody asks for one"
    for kind, shown in (("#equation-", ".katex"), ("references.html#", ".citation")):
        link = page.locator(f'article p a.reference.internal[href*="{kind}"]').first
        link.scroll_into_view_if_needed()
        link.hover()
        try:
            page.locator(f".tippy-box {shown}").first.wait_for(timeout=3000)
        except TimeoutError:
            yield f"a link to {link.get_attribute('href')} has no preview"
        page.mouse.move(0, 0)
    link = page.locator('article p a.reference.internal[href^="#equation-"]').first
    link.press("Enter")
    page.wait_for_timeout(300)
    bottom = page.evaluate(BEFORE)
    if bottom is None or not 0 < bottom < 900:
        yield f"the sentence before an equation ends at {bottom} px after a jump"
    back = page.get_by_role("button", name="Back", exact=True)
    if not back.is_visible():
        yield "an equation that a link leads to has no way back"
        return
    back.press("Enter")
    page.wait_for_timeout(300)
    if "#equation" in page.url or back.count():
        yield "the way back from an equation leads nowhere"


def menus(page, root: Path):
    """The contents of book and page open by keyboard where they are no columns."""
    for width, name in ((1280, "On this page"), (360, "Chapters")):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto((root / "book/batchnorm.html").as_uri())
        page.get_by_role("button", name=name).press("Enter")
        page.wait_for_timeout(500)
        drawer = page.evaluate("document.activeElement.closest('aside')?.className")
        if not (drawer or "").endswith("-drawer"):
            yield f"{name!r} opens nothing at {width} px"


def places(browser, root: Path):
    """On a phone a link into a page leads to the place, and the place stays there."""
    phone = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = phone.new_page()
    for name in ("attention", "optimisers"):
        address = (root / f"book/{name}.html").as_uri()
        page.goto(address)
        listed = "all => all.map(e => e.id).filter(id => id)"
        targets = page.locator("section section, div.math").evaluate_all(listed)
        for target in targets[::7]:
            page.goto("about:blank")
            page.goto(f"{address}#{target}")
            page.wait_for_function(SETTLED)
            page.wait_for_timeout(100)
            if abs(top := page.evaluate(TOP, target)) > 5:
                yield f"{name}#{target}: {top:.0f} px from its place on a phone"


def paper(page, root: Path):
    """In print nothing is cut off or closed, and dark pages are light."""
    for name in PAPER:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(media="screen", color_scheme="dark")
        page.goto((root / f"book/{name}.html").as_uri())
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.set_viewport_size({"width": TEXT, "height": 900})
        page.emulate_media(media="print", color_scheme="dark")
        page.wait_for_timeout(300)
        for wide in page.evaluate(WIDE):
            yield f"{name}: cut off on paper: {wide[:80]}"
        for label in page.evaluate(COVERED):
            yield f"{name}: the number of {label} is covered on paper"
        for selector in HIDDEN.split(", "):
            if page.locator(selector).first.is_visible():
                yield f"{name}: {selector} is on paper"
        if page.locator("details:not([open], .above-input), .toggle-hidden").count():
            yield f"{name}: something stays closed on paper"
        script = "getComputedStyle(document.body).backgroundColor"
        if page.evaluate(script) != "rgb(255, 255, 255)":
            yield f"{name}: is not light on paper"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen", color_scheme="dark")
        if page.evaluate(script) == "rgb(255, 255, 255)":
            yield f"{name}: does not return to its theme"


def check(browser, root: Path):
    """Open pages from disk; yields problems."""
    page = browser.new_page()
    yield from marks(page, root)
    yield from jumps(page, root)
    yield from menus(page, root)
    yield from paper(page, root)
    yield from places(browser, root)

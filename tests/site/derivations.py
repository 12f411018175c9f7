"""The boxes of derivations and recall grade what is typed, on every page that has any.

Every right answer, three other ways to write it and every listed slip are typed; random
strings are judged in the page and by Python. By keyboard, on a phone, from disk, and
without scripts.
"""

from collections import defaultdict
from pathlib import Path

import grading

RANDOM = 1000
TYPE = """all => all.map(([name, k, text]) => {
  const row = document.querySelectorAll(`#derive-${name} .derive-step`)[k];
  const input = row.querySelector("input");
  input.value = text;
  input.dispatchEvent(new Event("input", {bubbles: true}));
  input.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  return [row.dataset.verdict, row.querySelector("[role=status]").textContent];
})"""
ALL = """() => document.querySelectorAll(".derive-fade").forEach(fade => {
  const last = [...fade.querySelectorAll("input")].at(-1);
  last.checked = true;
  last.dispatchEvent(new Event("change", {bubbles: true})); })"""


def places(root: Path) -> dict[str, str]:
    """Name of a box -> its page."""
    found = {}
    for name in grading.derivation.declared():
        mark = f'id="derive-{name}"'
        pages = [p for p in root.glob("book/*.html") if mark in p.read_text("utf8")]
        if len(pages) == 1:
            found[name] = pages[0].relative_to(root).as_posix()
    return found


def answers(page, wanted):
    """What is said to answers: those that are right, and every slip."""
    verdicts = page.evaluate(TYPE, [one[:3] for one in wanted])
    for (name, k, text, words), (kind, said) in zip(wanted, verdicts, strict=True):
        if kind != ("slip" if words else "right") or words and said != words:
            yield f"{name}, step {k + 1}, {text!r}: {kind}, {said!r}"


def noise(page, tried):
    """No string breaks the page, and what it calls right Python does."""
    verdicts = page.evaluate(TYPE, tried)
    for (name, k, text), (kind, said) in zip(tried, verdicts, strict=True):
        if not kind or not said:
            yield f"{name}, {text!r}: no verdict"
        elif kind == "right" and not grading.is_right(name, k, text):
            yield f"{name}, step {k + 1}, {text!r} is called right"


def by_keyboard(page, name: str):
    """Choose how much is blank, type, check, take the hint, see what was read."""
    box = page.locator(f"#derive-{name}")
    blanks = box.locator(".derive-blank:visible")
    if blanks.count() != 1:
        yield f"{name}: {blanks.count()} steps are blank at first"
    box.get_by_role("radio").first.press("ArrowRight")
    if blanks.count() != 2:
        yield f"{name}: after an arrow key {blanks.count()} steps are blank"
    field = box.get_by_role("textbox").first
    field.fill("")
    field.press_sequentially("gamma * d")
    if "not known here" not in box.locator(".derive-read").first.inner_text():
        yield f"{name}: half a name is not told"
    field.press_sequentially("y")
    if box.locator(".derive-read math").count() != 1:
        yield f"{name}: what was understood is not shown"
    field.press("Tab")
    page.keyboard.press("Enter")
    status = box.get_by_role("status").first
    if not status.inner_text().startswith("Right."):
        yield f"{name}: the button says {status.inner_text()!r}"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    if len(status.inner_text()) < 10 or "Right" in status.inner_text():
        yield f"{name}: the hint is {status.inner_text()!r}"


def told_apart(page, name: str):
    """Every button says which step it belongs to, and keeps what is seen of it."""
    buttons = page.locator(f"#derive-{name} .derive-step button")
    seen = buttons.evaluate_all("all => all.map(e => [e.textContent, e.ariaLabel])")
    if len({label for _, label in seen}) < len(seen):
        yield f"{name}: two buttons have one name: {seen}"
    for text, label in seen:
        if not label.startswith(text):
            yield f"{name}: the button {text!r} is called {label!r}"


def narrow(page, name: str):
    """On a phone all of a box is within the screen, and easily touched."""
    box = page.locator(f"#derive-{name}")
    box.scroll_into_view_if_needed()
    for control in box.locator("button:visible, input:visible").all():
        size = control.bounding_box()
        if not (size and size["x"] >= 0 and size["x"] + size["width"] <= 360):
            yield f"{name}: a control lies at {size} on a phone"


def check(browser, root: Path):
    """Open every page with boxes from disk; yields problems."""
    where = places(root)
    for name in grading.derivation.declared().keys() - where.keys():
        yield f"{name} is on no page, or on several"
    wanted, tried = defaultdict(list), defaultdict(list)
    for one in grading.answers():
        wanted[where.get(one[0])].append(one)
    for one in grading.random_answers(RANDOM):
        tried[where.get(one[0])].append(one)
    context = browser.new_context(offline=True)
    for address in sorted(set(where.values())):
        page, errors = context.new_page(), []
        page.on("pageerror", lambda e, errors=errors: errors.append(str(e)))
        page.goto((root / address).as_uri())
        page.evaluate(ALL)
        page.evaluate("derive.load().then(() => true)")
        found = [*answers(page, wanted[address]), *noise(page, tried[address])]
        here = [name for name, at in where.items() if at == address]
        found += [problem for name in here for problem in told_apart(page, name)]
        for problem in (*found, *errors):
            yield f"{address}: {problem}"
        page.close()
    for width, look in ((1280, by_keyboard), (360, narrow)):
        size = {"width": width, "height": 800}
        page = browser.new_context(viewport=size).new_page()
        page.goto((root / where["batchnorm-steps"]).as_uri())
        yield from look(page, "batchnorm-steps")
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto((root / where["batchnorm-steps"]).as_uri())
    box = plain.locator("#derive-batchnorm-steps")
    if box.locator("input").count() or not box.locator("summary").is_visible():
        yield "without scripts there is no folded solution, or a dead field"

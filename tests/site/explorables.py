"""Pictures to drag: by keyboard, by pointer, read out, and still without a script.

That they compute what charlm computes is tested in ``tests/test_explore.py``.
"""

from pathlib import Path

MARK = 'data-explore="'
# Where the first picture and the first control are, with the others and without them
ARRIVING = """box => [".explore-pictures", ".explore-controls"].map(name => {
  const [first, ...others] = box.querySelector(name).children;
  const place = () => { const { x, width } = first.getBoundingClientRect();
    return `${name} at ${x}, ${width} px wide`; };
  const whole = place();
  others.forEach(e => e.remove());
  return [whole, place()]; })"""


def seen(box) -> str:
    """All that a reader sees of it."""
    pictures = box.locator(".explore-pictures").inner_html()
    return pictures + box.locator(".explore-say").inner_text()


def settled(page) -> None:
    """After what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
    page.wait_for_timeout(50)


def by_keyboard(page, box):
    """Each slider to an end, each choice to another; yields problems."""
    for slider in box.get_by_role("slider").all():
        name, said = (
            slider.get_attribute("name"),
            slider.get_attribute("aria-valuetext"),
        )
        before, value = seen(box), slider.input_value()
        slider.press("Home")
        if slider.input_value() == value:
            slider.press("End")
        settled(page)
        if seen(box) == before:
            yield f"the slider {name} changes nothing"
        if slider.get_attribute("aria-valuetext") == said:
            yield f"the slider {name} does not say its value"
        box.get_by_role("button").press("Enter")
        settled(page)
        if seen(box) != before:
            yield f"after {name} the button does not lead back to the start"
    for choice in box.get_by_role("combobox").all():
        before, value = seen(box), choice.input_value()
        choice.press("ArrowDown")
        if choice.input_value() == value:
            choice.press("ArrowUp")
        settled(page)
        if seen(box) == before:
            yield f"the choice {choice.get_attribute('name')} changes nothing"


def by_pointer(page, box):
    """Each handle is dragged; yields problems."""
    box.get_by_role("button").press("Enter")
    settled(page)
    names = box.locator("[data-drag]").evaluate_all(
        "all => all.map(e => e.dataset.drag)"
    )
    for name in names:
        before = seen(box)
        grip = box.locator(f'[data-drag="{name}"] .grip')
        grip.scroll_into_view_if_needed()
        place = grip.bounding_box()
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 20, y - 20, steps=3)
        page.mouse.up()
        settled(page)
        if seen(box) == before:
            yield f"dragging {name} changes nothing"


def check_one(browser, address: str):
    """One page with a picture to drag; yields problems."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    box, status = page.locator(".explore"), page.locator(".explore-status")
    if status.inner_text():
        yield "the status speaks before anything was moved"
    drawn = seen(box)
    box.get_by_role("button").press("Enter")
    settled(page)
    if seen(box) != drawn:
        yield "what the build drew is not what the script draws at the start"
    yield from by_keyboard(page, box)
    yield from by_pointer(page, box)
    page.wait_for_timeout(900)
    if status.inner_text() != box.locator(".explore-say").inner_text():
        yield f"the status says {status.inner_text()!r}"
    yield from errors
    for whole, alone in box.evaluate(ARRIVING):
        if alone != whole:
            yield f"moves while the page arrives: {alone}, then {whole}"
    page.close()
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    if not plain.locator(".explore svg").first.is_visible():
        yield "without scripts there is no picture"
    if plain.locator(".explore-controls").is_visible():
        yield "without scripts there are dead controls"
    plain.context.close()


def check(browser, root: Path):
    """All pages with pictures to drag, opened from disk; yields problems."""
    pages = [p for p in sorted(root.glob("book/*.html")) if MARK in p.read_text("utf8")]
    if not pages:
        yield "no page has a picture to drag"
    for path in pages:
        for problem in check_one(browser, path.as_uri()):
            yield f"{path.name}: {problem}"

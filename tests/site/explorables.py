"""Pictures to drag: by keyboard, by pointer, read out, and still without a script.

That they compute what charlm computes is tested in ``tests/test_explore.py``.
"""

from pathlib import Path

MARK = 'data-explore="'
# The rest of a long page would be laid out anew at each step
ALONE = """box => document.querySelectorAll("article section > *").forEach(e => {
  if (!e.contains(box) && !box.contains(e)) e.style.display = "none"; })"""
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


def first(box):
    """The button that leads back to the start."""
    return box.get_by_role("button", name="Back to the start")


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
        first(box).press("Enter")
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
    first(box).press("Enter")
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


def by_map(page, box):
    """Boxes that are links: looked at, gone to, quoted; yields problems."""
    first(box).press("Enter")
    settled(page)
    slider, opened = box.get_by_role("slider").first, box.locator(".explore-open")
    begun = opened.inner_html()
    names = box.locator("[data-pick]").evaluate_all(
        "all => all.map(e => e.dataset.pick)"
    )
    for name in names:
        link = box.locator(f'[data-pick="{name}"]')
        link.focus()
        settled(page)
        if opened.locator("b").first.inner_text() != name:
            yield f"what is reached by Tab, {name}, is not shown"
        if opened.locator(".katex").count() != 1:
            yield f"the equation of {name} is not quoted"
        was = slider.get_attribute("aria-valuetext")
        page.keyboard.press("Enter")
        settled(page)
        if name != names[0] and slider.get_attribute("aria-valuetext") == was:
            yield f"pressing {name} does not go there"
        if page.evaluate("document.activeElement.dataset.pick") != name:
            yield f"the focus is lost from {name}"
    was, move = slider.input_value(), "ArrowLeft"
    if was == slider.get_attribute("min"):
        move = "ArrowRight"
    page.keyboard.press(move)
    settled(page)
    now = page.evaluate("document.activeElement.dataset.pick")
    if slider.input_value() == was or now == names[-1]:
        yield "an arrow key does not step from box to box"
    if opened.locator("b").first.inner_text() != now:
        yield "what an arrow key leads to is not shown"
    if "#" in page.url:
        yield "a press leaves the map"
    first(box).press("Enter")
    link.hover()
    settled(page)
    if opened.inner_html() == begun:
        yield "pointing at a box shows nothing"
    first(box).hover()
    settled(page)
    if opened.inner_html() != begun:
        yield "what was pointed at stays"


def by_play(page, box):
    """Play goes on by itself and stops where it is told to; yields problems."""
    slider, play = box.get_by_role("slider").first, box.locator("[data-play]")
    play.press("Enter")
    page.wait_for_function("e => e.value > e.min", arg=slider.element_handle())
    play.press("Enter")
    stands = slider.input_value()
    page.wait_for_timeout(900)
    if slider.input_value() != stands:
        yield "a second press does not stop it"


def check_one(browser, address: str):
    """One page with a picture to drag; yields problems."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    box, status = page.locator(".explore"), page.locator(".explore-status")
    if status.inner_text():
        yield "the status speaks before anything was moved"
    box.evaluate(ALONE)
    drawn = seen(box)
    first(box).press("Enter")
    settled(page)
    if seen(box) != drawn:
        yield "what the build drew is not what the script draws at the start"
    yield from by_keyboard(page, box)
    yield from by_pointer(page, box)
    if box.locator("[data-pick]").count():
        yield from by_map(page, box)
    if box.locator("[data-play]").count():
        yield from by_play(page, box)
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

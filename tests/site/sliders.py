"""The sliders of the batch normalisation page compute what the package computes."""

import json
from pathlib import Path

PAGE = "book/batchnorm.html"
SET = """(box, settings) => {
  for (const input of box.querySelectorAll("input")) input.value = settings[input.name];
  box.querySelector("input").dispatchEvent(new Event("input", {bubbles: true}));
  return box.stages;
}"""


def differences(page, box):
    """The largest difference to each result of the package."""
    for probe in json.loads(box.get_attribute("data-probes")):
        drawn = box.evaluate(SET, probe["settings"])
        for one, other in zip(drawn, probe["stages"], strict=True):
            pairs = zip(one, other, strict=True)
            yield probe["settings"], max(abs(a - b) for a, b in pairs)


def check(browser, root: Path):
    """Open the page from disk, with and without scripts; yields problems."""
    address = (root / PAGE).as_uri()
    page = browser.new_page()
    page.goto(address)
    box = page.locator(".sliders")
    for settings, difference in differences(page, box):
        if difference > 1e-5:
            yield f"{settings}: differs from charlm.ops by {difference:.1e}"
    box.get_by_role("button").click()
    slider = box.get_by_role("slider", name="Gain")
    before = box.locator("table").inner_text()
    for _ in range(15):
        slider.press("ArrowRight")
    if box.locator("table").inner_text() == before:
        yield "an arrow key on a slider changes nothing"
    if "2.5" not in box.locator("label", has_text="Gain").inner_text():
        yield "a slider does not show its value"
    said = box.get_by_role("status")
    if said.inner_text():
        yield "the status speaks before the slider rests"
    page.wait_for_timeout(900)
    if "of 32; without" not in said.inner_text():
        yield f"the status says {said.inner_text()!r}"
    if page.locator(".demo-static").is_visible():
        yield "the picture stands beside the sliders"
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    if not plain.locator(".demo-static img").is_visible():
        yield "without scripts there is no picture"
    if plain.locator(".sliders").is_visible():
        yield "without scripts there is an empty box"

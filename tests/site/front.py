"""The two boxes of the front page compute what the package computes, live and still."""

from pathlib import Path

import torch

from charlm import ops
from charlm.data import corpus
from charlm.models import MLP, NGram

PAGE = "index.html"
TOLERANCE = 1e-9  # absolute, of probabilities, gradients and nats
SLOPE = 1e-6  # absolute, of slopes by central differences
SET = """(box, [scores, t]) => {
  box.querySelectorAll('[type="range"]').forEach((s, i) => { s.value = scores[i]; });
  box.querySelectorAll('[type="radio"]')[t].checked = true;
  box.querySelector('[type="range"]').dispatchEvent(new Event("input"));
  return box.results; }"""


def gradients(page):
    """Scores set by the script and by keyboard; yields problems."""
    box = page.locator("#front-gradient")
    still = box.inner_text()
    for scores, t in (([0.5, 1.5, 0, -1], 0), ([-4, 4, 0.1, 2], 3), ([0] * 4, 2)):
        z = torch.tensor([scores], dtype=torch.float64)
        loss, cache = ops.cross_entropy(z, torch.tensor([t]))
        dz = ops.cross_entropy_backward(torch.ones_like(loss), cache)[0]
        found = box.evaluate(SET, [scores, t])
        wanted = {"p": ops.softmax(z)[0][0], "dz": dz, "loss": loss}
        for key, value in wanted.items():
            gap = (torch.tensor(found[key], dtype=torch.float64) - value).abs().max()
            if not gap <= TOLERANCE:
                yield f"{key} of {scores}: {gap:.1e} from charlm's"
        slopes = torch.tensor(found["found"], dtype=torch.float64)
        if not (slopes - dz).abs().max() <= SLOPE:
            yield f"the check of {scores} is off"
    box.evaluate(SET, [[0.5, 1.5, 0, -1], 0])
    apart = box.locator('[data-is="apart"]').inner_text()  # rounding, as it falls here
    now = box.inner_text().replace(apart, "")
    if any(word not in still for word in now.split()):
        yield "the picture without a script has other numbers"
    slider = box.get_by_role("slider", name="Score of e", exact=True)
    slider.press("ArrowRight")
    row = box.locator("tbody tr").nth(1).inner_text()
    if "1.6" not in row or box.locator('[data-is="i"]').first.inner_text() != "e":
        yield f"an arrow key moves the score to {row!r}"
    told = slider.get_attribute("aria-valuetext")
    if not all(word in told for word in ("1.6", "probability", "gradient")):
        yield f"the slider says {told!r}"
    box.get_by_role("radio", name="n", exact=True).press("Space")
    if box.locator('[data-is="t"]').inner_text() != "n":
        yield "choosing the letter that came changes nothing"


def letters(page):
    """Names typed; yields problems."""
    names = corpus("names")
    reader = MLP(len(names.vocab), torch.Generator(), block=1)
    V, rows = len(names.vocab), names.encode(reader, "train")
    pairs = NGram(V, *rows, alpha=1)
    form = page.locator("#front-name")
    for typed, name in (("Zoë", "zoe"), ("an-na", "anna"), ("x" * 20, "x" * 20)):
        form.get_by_role("textbox").fill(typed)
        found = form.evaluate("form => form.results")
        ids = torch.tensor([0, *names.vocab.encode(name), 0])
        logp, _ = pairs.forward(ids[:-1, None])
        each = -logp.gather(1, ids[1:, None])[:, 0]
        seen = torch.tensor(found["each"], dtype=torch.float64)
        if found["name"] != name or not (seen - each).abs().max() <= TOLERANCE:
            yield f"{typed!r} is read as {found['name']!r}, {found['each']}"
        if form.locator("li").count() != len(name) + 1:
            yield f"{typed!r}: {form.locator('li').count()} letters are shown"
    if form.get_by_role("status").inner_text():
        yield "the status speaks while the reader types"
    page.wait_for_timeout(1200)
    if "nats in all" not in form.get_by_role("status").inner_text():
        yield "the status does not speak"
    form.get_by_role("textbox").fill("")
    if "please" not in form.locator(".front-said").inner_text():
        yield "an empty field is not explained"


def check(browser, root: Path):
    """Open the page from disk, with and without scripts; yields problems."""
    address = (root / PAGE).as_uri()
    for width in (1280, 320):
        size = {"width": width, "height": 800}
        page = browser.new_page(viewport=size)
        errors: list[str] = []
        page.on("pageerror", lambda e, errors=errors: errors.append(str(e)))
        page.goto(address)
        for problem in (*gradients(page), *letters(page), *errors):
            yield f"{width} px: {problem}"
        page.close()
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    for box in ("#front-gradient", "#front-name"):
        if plain.locator(f"{box} input:visible").count():
            yield f"{box}: without scripts there are dead controls"
        if not plain.locator(f"{box} .front-bar").first.is_visible():
            yield f"{box}: without scripts there is no picture"

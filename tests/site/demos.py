"""The page "Try the models", beside charlm and by keyboard, and the stepper."""

import json
from pathlib import Path

from browser import serve

PAGE = "book/playground.html"
TOLERANCE = 1e-9  # of logits and attention weights, absolute
MODELS = ("Bigram", "MLP", "RNN", "GRU", "LSTM", "GPT")


def flat(value) -> list[float]:
    """All numbers of nested lists, in order."""
    return (
        [x for part in value for x in flat(part)]
        if isinstance(value, list)
        else [value]
    )


def agreement(page):
    """What JavaScript computes is what the build stored from charlm."""
    data = json.loads(page.text_content("#play-data"))
    if len(data["probes"]) < 5:
        yield f"only {len(data['probes'])} stored beginnings to compare"
    for probe in data["probes"]:
        found = page.evaluate("prefix => playground.forward(prefix)", probe["prefix"])
        for key in (*MODELS, "weights"):
            ours, theirs = flat(probe[key]), flat(found[key])
            gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
            if not gap <= TOLERANCE:
                yield f"{key} after {probe['prefix']!r}: {gap:.1e} from charlm's"


def reach(page, name: str, key: str = "Tab") -> None:
    """Press a key until the control has the focus."""
    for _ in range(200):
        if page.evaluate("document.activeElement.id") == f"play-{name}":
            return
        page.keyboard.press(key)
    raise AssertionError(f"the keyboard does not reach {name}")


def bars(page) -> list[list[str]]:
    """Percentages of every model, a list per symbol."""
    rows = page.locator("#play-bars tr").all()
    return [row.locator(".play-percent").all_inner_texts() for row in rows]


def names(page, model: str) -> list[str]:
    return page.locator(f"#play-names-{model} li").all_inner_texts()


def by_keyboard(page):
    """Type, draw, cool down, refuse, look at another head; yields problems."""
    message = page.locator("#play-message")
    before, first = bars(page), {model: names(page, model) for model in MODELS}
    reach(page, "prefix")
    page.keyboard.press("Control+A")
    page.keyboard.type("An")
    if bars(page) == before:
        yield "typing does not change the bars"
    if "“an”" not in message.inner_text():
        yield f"typing is not told in words: {message.inner_text()!r}"
    typed = {model: names(page, model) for model in MODELS}
    page.keyboard.press("Enter")
    for model in MODELS:
        drawn = names(page, model)
        if len(drawn) != 6 or not all(name.startswith("an") for name in drawn):
            yield f"{model} draws {drawn}"
        if drawn in (typed[model], first[model]):
            yield f"{model}: Enter draws no other names"
    after = bars(page)
    page.keyboard.type("é3")
    if not all(c in message.inner_text() for c in ("“é”", "“3”", "a to z")):
        yield f"unknown characters are not named: {message.inner_text()!r}"
    if page.get_attribute("#play-prefix", "aria-invalid") != "true":
        yield "the field does not say that something was left out"
    if bars(page) != after:
        yield "unknown characters change the bars"
    reach(page, "temperature")
    page.keyboard.press("Home")
    for column, model in enumerate(MODELS):
        if len(set(names(page, model))) != 1:
            yield f"{model} at temperature 0 draws {names(page, model)}"
        if sorted(row[column] for row in bars(page))[-2:] != ["0", "100"]:
            yield f"{model} at temperature 0 is not sure"
    reach(page, "top-k")
    reach(page, "prefix", "Shift+Tab")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    if "the start" not in message.inner_text() or len(bars(page)) != 27:
        yield f"an empty beginning does not work: {message.inner_text()!r}"
    page.keyboard.type("maria")
    yield from maps(page)


def maps(page):
    """Arrow keys choose layer and head; the rows of the map add up."""
    table = page.locator("#play-map")
    seen = {table.inner_text()}
    for control in ("layer", "head"):
        reach(page, control)
        page.keyboard.press("ArrowDown")
        seen.add(table.inner_text())
    if len(seen) != 3:
        yield "choosing a layer or a head does not change the map"
    if "Layer 2, head 2" not in page.inner_text("#play-map-title"):
        yield "the map does not say which head it shows"
    rows = [
        row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()
    ]
    if len(rows) != 6:
        yield f"the map has {len(rows)} rows, not one for each position"
    for t, row in enumerate(rows):
        shown = [float(text.replace("<1", "0.5")) for text in row if text]
        if len(shown) != t + 1 or abs(sum(shown) - 100) > 0.5 * len(shown):
            yield f"row {t + 1} of the map: {row}"


def check_stepper(browser, root: Path):
    """One step at a time, by keyboard too; without scripts captions that open."""
    address = (root / "book/scalar-autograd.html").as_uri()
    page = browser.new_page()
    page.goto(address)
    box = page.locator(".stepper").first
    frames = box.locator("details")
    box.get_by_role("button", name="Next").press("Enter")
    shown = [i for i, f in enumerate(frames.all()) if f.is_visible()]
    if shown != [1] or "Step 2 of" not in frames.nth(1).inner_text():
        yield f"after Next the stepper shows {shown}"
    if not box.locator("details[open] svg").is_visible():
        yield "the stepper's step has no picture"
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    frames = plain.locator(".stepper").first.locator("details")
    if not all(frame.locator("summary").is_visible() for frame in frames.all()):
        yield "without scripts not every step of the stepper is there"


def check_demos(browser, root: Path):
    """The demos on http, from disk, on a phone and without JavaScript."""
    http = f"{serve(root)}/{PAGE}"
    for address, width, offline in (
        (http, 1280, False),
        (http, 360, False),
        ((root / PAGE).as_uri(), 1280, True),
    ):
        size = {"width": width, "height": 800}
        context = browser.new_context(viewport=size, offline=offline)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda e, errors=errors: errors.append(str(e)))
        page.goto(address)
        where = f"{PAGE} ({address.split(':')[0]}, {width} px)"
        if page.locator(".demo-static").is_visible():
            yield f"{where}: the picture stands beside the demo"
        for problem in (*agreement(page), *by_keyboard(page), *errors):
            yield f"{where}: {problem}"
        context.close()
    page = browser.new_page()
    page.goto(f"{http}?name=ada")  # as the front page asks
    if page.input_value("#play-prefix") != "ada" or "“ada”" not in page.inner_text(
        "#play-message"
    ):
        yield f"{PAGE}: a name in the address is not taken"
    page.close()
    yield from check_stepper(browser, root)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(http)
    if page.locator(".play").first.is_visible():
        yield f"{PAGE}: without JavaScript dead controls are shown"
    if not page.locator(".demo-static img").is_visible():
        yield f"{PAGE}: without JavaScript there is no picture"

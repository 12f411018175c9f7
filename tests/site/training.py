"""The net that trains in the page takes the steps that the package takes."""

import json
from pathlib import Path

import torch

from charlm import ops
from charlm.models import MLP
from charlm.train.plain import step

PAGE = "book/training.html"
STEPS, RATE = 50, 0.3
TOLERANCE = 1e-5  # absolute, of parameters and losses after the steps; of gradients
SLOPE = 1e-6  # relative, of the page's own check where nothing is broken


def doubles(numbers) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def model(data: dict, begun: dict) -> MLP:
    """charlm's net with the first parameters of the page."""
    V, E, T, H = (data[k] for k in "VETH")
    g = torch.Generator()
    net = MLP(V, g, T, E, H, normalise=False, dtype=torch.float64)
    for name, p, _ in net.named():
        p.copy_(doubles(begun[name]).reshape(p.shape))
    return net


def rows(batch: dict, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(batch["ix"]).reshape(-1, T), torch.tensor(batch["targets"])


def trained(page, data: dict, seed: int):
    """A run from the page's start on the page's minibatches; yields problems."""
    run = page.evaluate(
        "([seed, rate, steps]) => training.trial(seed, '', rate, steps)",
        [seed, RATE, STEPS],
    )
    net = model(data, run["begun"])
    X, Y = rows(run["first"], data["T"])
    logits, cache = net.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    net.backward(ops.cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
    for name, p, d in net.named():
        found = doubles(run["gradients"]["d" + name]).reshape(p.shape)
        if not (found - d).abs().max() <= TOLERANCE:
            yield f"d{name} of the first rows is not charlm's"
    losses = [step(net, *rows(b, data["T"]), RATE) for b in run["batches"]]
    if not (doubles(losses) - doubles(run["losses"])).abs().max() <= TOLERANCE:
        yield f"seed {seed}: the losses are not charlm's"
    for name, p, _ in net.named():
        gap = (doubles(run["ended"][name]).reshape(p.shape) - p).abs().max()
        if not gap <= TOLERANCE:
            yield f"seed {seed}: {name} after {STEPS} steps is {gap:.1e} from charlm's"
    if max(run["found"]) > SLOPE:
        yield f"the check finds fault with the right lines: {run['found']}"


def lines(data: dict, run: dict, slip: str) -> dict[str, torch.Tensor]:
    """Gradients by the lines of Python that the page shows, run by torch."""
    V, E = data["V"], data["E"]
    ix, targets = rows(run["first"], data["T"])
    P = {name: p for name, p, _ in model(data, run["begun"]).named()}

    def added(ix, demb):
        return torch.zeros(V, E).double().index_add(0, ix.flatten(), demb.view(-1, E))

    def written(ix, demb):
        dC = torch.zeros(V, E).double()
        for i, row in zip(ix.flatten(), demb.reshape(-1, E), strict=True):
            dC[i] = row
        return dC

    v = dict(P, ix=ix, N=len(ix), added=added, written=written)
    v["emb"] = P["C"][ix].reshape(len(ix), -1)
    v["h"] = (v["emb"] @ P["W1"] + P["b1"]).tanh()
    v["p"] = (v["h"] @ P["W2"] + P["b2"]).softmax(1)
    v["y"] = torch.eye(V).double()[targets]
    names = [line.split()[0] for line in data["lines"]]
    for name, line in zip(names, data["lines"], strict=True):
        exec(slip if slip.split()[0] == name else line, v)
    return {name: v[name] for name in names}


def broken(page, data: dict, slip: str):
    """One line broken: the twin does what the line says, and the check sees it."""
    run = page.evaluate("slip => training.trial(2, slip, 0.1, 1)", slip)
    for name, wanted in lines(data, run, slip).items():
        found = doubles(run["gradients"][name]).reshape(wanted.shape)
        if not (found - wanted).abs().max() <= TOLERANCE:
            yield f"{name} with {slip!r} is not what the line says"
    names = [line.split()[0] for line in data["lines"]]
    caught = [
        n for n, e in zip(names, run["found"], strict=True) if e > data["tolerance"]
    ]
    if caught[:1] != [slip.split()[0]]:
        yield f"with {slip!r} the check finds {caught}"


def by_keyboard(page):
    """Check, break, start and stop; yields problems."""
    said = page.locator("#train-said")
    page.get_by_role("button", name="Check the gradients").press("Enter")
    if "all nine" not in said.inner_text():
        yield f"the check of the right lines says {said.inner_text()!r}"
    page.get_by_label("Break a line").select_option("dC = written(ix, demb)")
    if "finds dC wrong" not in said.inner_text():
        yield f"a broken line is told as {said.inner_text()!r}"
    if page.locator("#train-lines td", has_text="is wrong").count() != 1:
        yield "the table does not show which line is wrong"
    page.get_by_label("Break a line").select_option("")
    page.get_by_role("button", name="One step").press("Space")
    if page.inner_text("#train-step") != "1":
        yield "One step is not one step"
    go = page.locator("#train-go")
    go.press("Enter")
    page.wait_for_function("document.getElementById('train-step').textContent > 400")
    go.press("Enter")
    stopped = page.inner_text("#train-step")
    if "Stopped" not in said.inner_text() or go.inner_text() != "Start":
        yield f"Stop says {said.inner_text()!r}"
    page.wait_for_timeout(300)
    if page.inner_text("#train-step") != stopped:
        yield "it goes on after Stop"
    if not float(page.inner_text("#train-loss")) < 3.1:
        yield f"the loss after {stopped} steps is {page.inner_text('#train-loss')}"
    if len(page.inner_text("#train-names").split(", ")) != 8:
        yield f"the names are {page.inner_text('#train-names')!r}"


def check(browser, root: Path):
    """Open the page from disk, with and without scripts; yields problems."""
    address = (root / PAGE).as_uri()
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(address)
    data = json.loads(page.text_content("#train-data"))
    for seed in (1, 2):
        yield from trained(page, data, seed)
    options = page.locator("#train-slip option").all_inner_texts()
    if options[1:] != list(data["slips"]):
        yield f"the list of slips is {options}"
    for slip in data["slips"]:
        yield from broken(page, data, slip)
    yield from by_keyboard(page)
    yield from errors
    if page.locator(".demo-static").is_visible():
        yield "the picture stands beside the demo"
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    if plain.locator(".train").is_visible():
        yield "without scripts there are dead controls"
    if not plain.locator(".demo-static img").is_visible():
        yield "without scripts there is no picture"

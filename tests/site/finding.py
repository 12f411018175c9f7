"""What a learner types into the search leads to the right section first."""

from pathlib import Path
from urllib.parse import quote

from browser import serve

# query -> where the first result may lead: a page, or a section of it
QUERIES = {
    "gradient of batchnorm": "batchnorm.html",
    "softmax cross entropy gradient": "cross-entropy.html#cross-entropy",
    "layernorm backward": "normalisation.html#the-layers-as-corollaries",
    "attention backward": "attention.html#backward",
    "attention gradient": "attention.html#backward",
    "why divide by sqrt": "attention.html#why-one-over-the-root-of-d",
    "broadcasting": "tensor-gradients.html#broadcasting",
    "tanh derivative": "activations.html#tanh",
    "embedding gradient": "identities.html#the-embedding-lookup",
    "kneser-ney": "counting.html#a-better-thing-to-lean-on",
    "exact false": "floating-point.html",
    "dropout backward": "dropout.html#dropout",
    "learning rate": "mlp.html#a-learning-rate-and-the-noise",
    "kaiming": "initialisation.html#forward-how-a-mean-square-travels",
    "glossary": "glossary.html",
    "numerical gradient": "numerical-derivatives.html",
    "nn.module": "layers.html#the-same-layers-in-torch-nn",
    "state dict": "layers.html#the-same-layers-in-torch-nn",
    "internal covariate shift": "batchnorm.html#internal-covariate-shift",
    "batchnorm_backward": "_code/charlm/ops/norm.html#batchnorm_backward",
    "ops/norm.py": "_code/charlm/ops/norm.html",
    "backpropagation through time": "glossary.html",
    "vanishing gradient": "rnn.html#vanishing-and-exploding",
    "forget gate": "lstm.html#over-many-steps",
    "update gate": "gru.html#over-many-steps",
    "dlogits": "cross-entropy.html#cross-entropy",
    "backpropagation": "scalar-autograd.html",
    "softmax jacobian": "cross-entropy.html#softmax-and-its-logarithm",
    "rope backward": "positions.html#backward",
    "copying task": "positions.html#where-positions-and-heads-count",
    "lstm": "lstm.html",
    "gru": "gru.html",
    "kv cache": "efficient-attention.html",
    "flash attention": "efficient-attention.html",
    "hessian": "second-order.html",
    "float16": "floating-point.html#a-short-range-float16",
    "mixed precision": "scale.html",
    "gradient accumulation": "scale.html#the-weighted-mean",
    "master weights": "scale.html#the-step-parameters-in-thirty-two-bits",
    "data parallel": "scale.html",
    "gradient clipping": "optimisers.html#clipping",
    "exploding gradient": "rnn.html#vanishing-and-exploding",
    "forget bias": "lstm.html#the-forget-bias",
    "momentum": "optimisers.html#momentum-two-roots",
    "adam": "optimisers.html#adam-bias-correction",
    "bf16": "floating-point.html#eight-binary-digits-bfloat16",
    "running mean": "batchnorm.html#evaluation-mode-and-running-statistics",
    "xavier": "initialisation.html#backward-how-the-variance-of-gradients-travels",
    "dead relu": "activations.html#dead-units",
    "skip connection": "layers.html#the-residual-sum",
    "beam search": "generation.html#whole-names-prefixes-and-beams",
    "jvp": "second-order.html",
    "complex step": "numerical-derivatives.html#the-complex-step",
    "bessel": "batchnorm.html#bessel-s-correction-and-epsilon",
}
# spellings of one thing find the same pages
ALIKE = {
    "batchnorm": ("batch normalisation", "batch normalization", "Batch-Norm"),
    "initialisation": ("initialization",),
    "cross-entropy gradient": ("cross entropy derivative", "crossentropy backward"),
}
LINKS = "ul.search li > a:first-child"


def results(page, address: str, query: str) -> list[tuple[str, str]]:
    """Links and titles that the search page shows."""
    page.goto(f"{address}?q={quote(query)}")
    page.wait_for_function("document.querySelector('.search-summary').innerText")
    script = "all => all.map(a => [a.getAttribute('href'), a.textContent])"
    return page.eval_on_selector_all(LINKS, script)


def excerpts(page):
    """What the results of a query with formulas show, and the page they lead to."""
    address = page.url.split("?")[0]
    found = results(page, address, "why divide by sqrt d")
    page.wait_for_load_state("networkidle")
    for text in page.locator("ul.search .context").all_inner_texts():
        if "\\" in text:
            yield f"an excerpt shows TeX: {text!r}"
    short = [m for m in page.locator(".highlighted").all_inner_texts() if len(m) < 3]
    if short:
        yield f"{len(short)} marks of a letter or two in the results"
    page.goto(address.replace("search.html", found[0][0]))
    page.wait_for_timeout(300)
    if marks := page.locator(".highlighted").count():
        yield f"{marks} marks on the page that a result leads to"


def while_typing(browser, root: Path):
    """Answers below the field of the side bar, from disk; the keys lead to them."""
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((root / "book" / "mlp.html").as_uri())
    field = page.locator(".sidebar-search")
    field.type("softmax gra")  # at once, while the scripts load
    page.wait_for_selector("#answers a")
    if (kept := field.input_value()) != "softmax gra":
        yield f"of 'softmax gra' {kept!r} is left when the scripts have come"
    for query, wanted in QUERIES.items():
        found = page.evaluate("q => Search.places(q).map(a => a.href)", query)
        place = (found or ["nothing"])[0].removeprefix("book/")
        if wanted not in (place, place.split("#")[0]):
            yield f"{query!r} finds {place} first while one types, not {wanted}"
    # no answer goes while a word of a heading becomes whole
    script = """Search.sections.titles
      .filter((_, i) => Search.sections.docnames[i].startsWith("book/"))
      .flatMap(t => t.replace(/<[^>]*>/g, "").toLowerCase().match(/[a-z]{5,}/g) ?? [])
      .flatMap(w => [...w].map((_, i) => w.slice(0, i + 1)).slice(2))
      .filter(w => !stopwords.includes(w) && !Search.places(w).length)"""
    if lost := page.evaluate(script):
        yield f"beginnings of words that find nothing: {lost[:5]}, {len(lost)} in all"
    for odd in (
        "constructor",
        "__proto__",
        "derivative constructor",
        "((",
        "\\",
        "x" * 999,
    ):
        page.evaluate("q => Search.places(q)", odd)  # a fault is in errors
    number = page.locator(".eqno").last.inner_text()
    field.fill(number)
    first = page.locator("#answers a").first
    if first.inner_text().split("\n")[0] != f"Equation {number}":
        yield f"{number!r} finds {first.inner_text()!r}, not the equation"
    wanted = first.evaluate("a => a.href")
    page.keyboard.press("Escape")
    if page.locator("#answers a").count():
        yield "Escape leaves the answers"
    field.fill(f"{number} ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(wanted)
    yield from errors
    page.close()
    yield from on_a_phone(browser, root)


def on_a_phone(browser, root: Path):
    """An answer on the page that is open: the menu and the list go."""
    page = browser.new_page(viewport={"width": 390, "height": 800}, has_touch=True)
    page.goto((root / "book" / "cross-entropy.html").as_uri())
    page.locator(".nav-overlay-icon").first.click()
    page.locator(".sidebar-search").type("softmax and its log")
    page.locator("#answers a").first.click()
    page.wait_for_timeout(500)
    if page.locator("#answers a").count() or page.locator("#__navigation").is_checked():
        yield "an answer on the same page leaves the menu over it"
    page.close()


def check(browser, root: Path):
    """Search from disk, then once from a server, with excerpts; yields problems."""
    disk = (root / "search.html").as_uri()
    page = browser.new_page()
    for query, wanted in QUERIES.items():
        found = results(page, disk, query)
        first, title = found[0] if found else ("nothing", "")
        place = first.removeprefix("book/")
        if wanted not in (place, place.split("#")[0]):
            yield f"{query!r} finds {first} first, not {wanted}"
        if "#" in place and " > " not in title:
            yield f"{query!r}: the title {title!r} does not name the section"
    for query, others in ALIKE.items():
        wanted = {link for link, _ in results(page, disk, query)[:5]}
        for other in others:
            found = {link for link, _ in results(page, disk, other)[:5]}
            if found != wanted:
                yield f"{other!r} finds {found - wanted}, {query!r} does not"
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    results(page, f"{serve(root)}/search.html", "bessel")
    page.wait_for_load_state("networkidle")
    if "Bessel" not in page.locator("ul.search .context").first.inner_text():
        yield "a result has no excerpt of its section"
    yield from excerpts(page)
    yield from errors
    yield from while_typing(browser, root)

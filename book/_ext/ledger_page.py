"""The parts of pages that are made from the package and the chapters.

A page with the line ``<!-- ledger: generated -->`` gets a section per pair: its
equations, copied from where they are derived, its code, and the command that proves it.
A page with ``<!-- cards: generated -->`` gets a card per pair: what fits on a sheet.
"""

import ast
import inspect
import re
import textwrap
from pathlib import Path

from sphinx.util import logging

log = logging.getLogger(__name__)
LEDGER, CARDS = "<!-- ledger: generated -->", "<!-- cards: generated -->"
CITED = re.compile(r"\beq-[a-z0-9-]+")
DISPLAY = re.compile(r"^\$\$\n((?:(?!\$\$).*\n)+)\$\$ \((eq-[a-z0-9-]+)\)$", re.M)


def equations(folder: Path) -> dict[str, str]:
    """Label -> TeX of every labelled display of the book."""
    found = {}
    for path in sorted(folder.glob("*.md")):
        for tex, label in DISPLAY.findall(path.read_text(encoding="utf8")):
            found[label] = tex.rstrip()
    return found


def section(pair, tex: dict[str, str], root: Path, docname: str) -> str:
    """MyST of one pair."""
    path = (
        Path(inspect.getfile(inspect.unwrap(pair.forward))).relative_to(root).as_posix()
    )
    lines = [f"(ledger-{pair.name.replace('_', '-')})=", f"### `{pair.name}`", ""]
    for label in CITED.findall(pair.backward.__doc__ or ""):
        if label not in tex:
            log.warning(
                "%s_backward cites %s, and no page derives it",
                pair.name,
                label,
                location=docname,
                type="ledger",
            )
            continue
        lines += ["$$", tex[label], "$$", "", f"Derived in {{eq}}`{label}`.", ""]
    for function in filter(None, (pair.forward, pair.backward, pair.jvp)):
        quote = [f"```{{literalinclude}} ../{path}", ":language: python"]
        lines += [*quote, f":pyobject: {function.__name__}", "```", ""]
    test = f'pytest tests/test_pairs.py tests/test_jvps.py -k "{pair.name}-"'
    lines += [f"Proved by `{test}`.", ""]
    return "\n".join(lines)


def statements(function) -> str:
    """The code of a function without its head and its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    docstring = ast.parse(source).body[0].body[0]
    return textwrap.dedent("\n".join(source.splitlines()[docstring.end_lineno :]))


def signature(function) -> str:
    """What a docstring says of shapes: its first paragraph, on one line."""
    paragraphs = (function.__doc__ or "").split("\n\n")
    shapes = [p for p in paragraphs if "->" in p] or paragraphs
    return re.sub(r":func:|`", "", " ".join(shapes[0].split()))


def card(pair, tex: dict[str, str], root: Path, docname: str) -> str:
    """MyST of one pair, for the sheet of all results."""
    labels = [x for x in CITED.findall(pair.backward.__doc__ or "") if x in tex]
    name = pair.name.replace("_", "-")
    lines = [f"(card-{name})=", f":::{{admonition}} `{pair.name}`"]
    lines += [":class: gradient-card", ""]
    lines += [f"`{signature(pair.forward)}`", "", f"`{signature(pair.backward)}`", ""]
    for label in labels:
        lines += ["$$", tex[label], "$$", ""]
    lines += ["```python", statements(pair.backward), "```", ""]
    where = ", ".join(f"{{eq}}`{label}`" for label in labels)
    lines += [f"Derived in {where}; [code, tests, errors](#ledger-{name}).", ":::", ""]
    return "\n".join(lines)


def filled(text: str, root: Path, docname: str) -> str:
    """The text of a page with the generated parts put in."""
    for mark, made in ((LEDGER, section), (CARDS, card)):
        if mark in text:
            from charlm import ops

            tex = equations(root / "book")
            pairs = ops.pairs().values()
            parts = [made(pair, tex, root, docname) for pair in pairs]
            text = text.replace(mark, "\n".join(parts))
    return text


def generate(app, docname: str, source: list[str]) -> None:
    if LEDGER not in source[0] and CARDS not in source[0]:
        return
    source[0] = filled(source[0], Path(app.srcdir), docname)
    for path in Path(app.srcdir).glob("book/*.md"):
        app.env.note_dependency(str(path))


def permalinks(app, pagename, templatename, context, doctree) -> None:
    """Every card links to itself, as headings do."""
    head = r'(<div class="gradient-card admonition" id="([^"]+)">\s*<p [^>]*>.*?)(</p>)'
    link = r'\1<a class="headerlink" href="#\2" title="Link to this card">#</a>\3'
    if 'class="gradient-card' in (context.get("body") or ""):
        context["body"] = re.sub(head, link, context["body"], flags=re.S)


def setup(app):
    app.connect("html-page-context", permalinks, priority=400)
    app.connect("source-read", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

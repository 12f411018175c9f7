"""The part of the gradient ledger that is made from the package and the chapters.

A page with the line ``<!-- ledger: generated -->`` gets a section per pair: its
equations, copied from where they are derived, its code, and the command that proves it.
"""

import inspect
import re
from pathlib import Path

from sphinx.util import logging

log = logging.getLogger(__name__)
MARK = "<!-- ledger: generated -->"
CITED = re.compile(r"\beq-[a-z0-9-]+")
DISPLAY = re.compile(r"^\$\$\n(.*?)\n\$\$ \((eq-[a-z0-9-]+)\)$", re.M | re.S)


def equations(folder: Path) -> dict[str, str]:
    """Label -> TeX of every labelled display of the book."""
    found = {}
    for path in sorted(folder.glob("*.md")):
        for tex, label in DISPLAY.findall(path.read_text(encoding="utf8")):
            found[label] = tex
    return found


def section(pair, tex: dict[str, str], root: Path, docname: str) -> str:
    """MyST of one pair."""
    path = Path(inspect.getfile(pair.forward)).relative_to(root).as_posix()
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
    for name in (pair.forward.__name__, pair.backward.__name__):
        quote = [f"```{{literalinclude}} ../{path}", ":language: python"]
        lines += [*quote, f":pyobject: {name}", "```", ""]
    test = f'pytest tests/test_pairs.py -k "{pair.name}-"'
    lines += [f"From `{path}`. Proved by `{test}`.", ""]
    return "\n".join(lines)


def filled(text: str, root: Path, docname: str) -> str:
    """The text of a page with the generated part put in."""
    if MARK not in text:
        return text
    from charlm import ops

    tex = equations(root / "book")
    parts = [section(pair, tex, root, docname) for pair in ops.pairs().values()]
    return text.replace(MARK, "\n".join(parts))


def generate(app, docname: str, source: list[str]) -> None:
    if MARK not in source[0]:
        return
    source[0] = filled(source[0], Path(app.srcdir), docname)
    for path in Path(app.srcdir).glob("book/*.md"):
        app.env.note_dependency(str(path))


def setup(app):
    app.connect("source-read", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

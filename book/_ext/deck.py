"""A deck of cards for Anki: one card per pair of the package, one per question.

``cards.txt`` is written beside the pages: front, back and tags, with the head that
Anki's import reads. A pair's card asks for its backward and answers with the equations
and the code of the cheat sheet; a question of a ``{derive}`` box asks what it asks.
"""

import csv
import io
from html import escape
from pathlib import Path

import derivation
import ledger_page
from derive import coded

NAME = "cards.txt"
HEAD = """#separator:tab
#html:true
#notetype:Basic
#deck:Gradients by Hand
#tags column:3
"""


def of_pair(pair, tex: dict[str, str]) -> list[str]:
    """Shapes in front, equations and code on the back."""
    shapes = ledger_page.signature(pair.forward)
    front = f"<b>{pair.name}</b><br><code>{escape(shapes, quote=False)}</code>"
    front += "<br>What does its backward return?"
    labels = ledger_page.CITED.findall(pair.backward.__doc__ or "")
    back = [rf"\[{escape(tex[x], quote=False)}\]" for x in labels if x in tex]
    code = escape(ledger_page.statements(pair.backward), quote=False)
    return [front, "\n".join([*back, f"<pre>{code}</pre>"]), "pair"]


def questions(folder: Path) -> list[list[str]]:
    """Every question to recall, with its answer and why."""
    found = []
    for it, path in derivation.declared(folder).values():
        for step in it.steps:
            if step.ask:
                back = f"<code>{escape(step.right, quote=False)}</code>"
                back += f"<br>{coded(step.why or step.hint)}"
                found.append([coded(step.ask), back, path.stem.replace("_", "-")])
    return found


def deck(pairs, tex: dict[str, str], folder: Path) -> str:
    """The file that is imported."""
    text = io.StringIO()
    rows = [of_pair(pair, tex) for pair in pairs] + questions(folder)
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return HEAD + text.getvalue()


def write(app, exception) -> None:
    if exception is None and app.builder.name == "html":
        from charlm import ops

        book = Path(app.srcdir, "book")
        tex = ledger_page.equations(book)
        text = deck(ops.pairs().values(), tex, book / "_derive")
        Path(app.outdir, NAME).write_text(text, encoding="utf8")


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""A book about the reader's own list: ``CHARLM_NAMES=file make book``.

Every page then computes with that list. What came out of training was claimed for the
bundled one: a claim that does not come out with the other stops no build. Each page
that reads the list says at its top which one it is, and which claims did not come out.
"""

import os
import re
import sys
from pathlib import Path
from string import ascii_lowercase

from docutils import nodes
from notebooks import executed

FEWEST, LONGEST = 2_000, 15  # what sizes and contexts of the chapters are made for
READS = re.compile(r"""load\(["']names["']\)""")


def check(app, config) -> None:
    """Refuse a list that no page could read, in one line, before any page runs."""
    app.own_names = 0
    if own := os.environ.get("CHARLM_NAMES"):
        from charlm import data

        # cells run in the folder of their page
        os.environ["CHARLM_NAMES"] = str(Path(own).expanduser().resolve())
        try:
            names = data.load("names")
            if wrong := unfit(names):
                raise ValueError(f"CHARLM_NAMES: {wrong}")
        except ValueError as error:
            sys.exit(str(error))  # not an exception: those are shown with their trace
        app.own_names = len(names)


def unfit(names: list[str]) -> str:
    """Why the chapters cannot be computed with these names, "" if they can."""
    if len(names) < FEWEST:
        return f"{len(names):,} names are too few for the chapters; give {FEWEST:,}"
    long = [name for name in names if len(name) > LONGEST]
    if long:
        return f"{long[0]!r} has more than {LONGEST} letters; leave such names out"
    missing = sorted(set(ascii_lowercase) - set("".join(names)))
    if missing:
        letters = ", ".join(missing)
        return f"no name has {letters}; the chapters speak of 26 letters: add some"
    return ""


def fallen(app, docname: str) -> list[str]:
    """What the cells of a page said of claims that did not come out."""
    from charlm.evidence import ELSEWHERE

    outputs = (
        out
        for cell in executed(app, docname).cells
        if cell.cell_type == "code"
        for out in cell.outputs
    )
    text = "\n".join(out["text"] for out in outputs if out.output_type == "stream")
    return re.findall(f"^{re.escape(ELSEWHERE)}(.*)$", text, re.M)


def mark(app, doctree) -> None:
    """A note at the top of a page that was computed with the reader's list."""
    name = app.env.docname
    source = Path(app.env.doc2path(name)).read_text(encoding="utf8")
    if not app.own_names or not READS.search(source):
        return
    file = Path(os.environ["CHARLM_NAMES"]).name
    told = (
        f"This page was computed with {app.own_names:,} names of {file}, in place of "
        "the bundled list. Its numbers, tables and figures are about them. What the "
        "text claims of training was written for the bundled list"
    )
    claims = fallen(app, name)
    note = nodes.admonition(classes=["note", "own-names"])
    note += nodes.title("", "Another list of names")
    note += nodes.paragraph("", told + ("; with this one:" if claims else "."))
    items = nodes.bullet_list()
    for claim in claims:
        entry = nodes.list_item()
        entry += nodes.paragraph("", claim)
        items += entry
    if claims:
        note += items
    section = next(iter(doctree.findall(nodes.section)), doctree)
    section.insert(1, note)


def setup(app):
    app.connect("config-inited", check)
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Finding a section: index entries lead to headings, and the search knows them.

A ``{index}`` directive below a heading gives that section names under which it is to be
found, in the index and in the search. Sphinx would put an anchor of its own there,
numbered in order of appearance; the heading is a better place and keeps its address.
What the search does with the names is told in ``finding.js``. Below the field in the
side bar it answers while one types (``answers.js``), from ``sections.js``: the part of
the index that is not the text of the pages, and the numbers of the equations.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform


class IndexAtHeading(SphinxTransform):
    """Lead index entries to the section that they stand in."""

    default_priority = 200  # before targets give their ids to what follows

    def apply(self, **kwargs) -> None:
        for index in list(self.document.findall(addnodes.index)):
            section, entries = index.parent, index["entries"]
            ours = all(entry[2].startswith("index-") for entry in entries)
            if not ours or not isinstance(section, nodes.section):
                continue  # a definition, such as a function or a term
            place = section["ids"][0]
            index["entries"] = [
                (kind, text, place, main, key) for kind, text, _, main, key in entries
            ]
            after = index.next_node(descend=False, siblings=True)
            if isinstance(after, nodes.target) and not after.children:
                section.remove(after)


def equations(env, docnames: list[str]) -> list[tuple[str, int, str]]:
    """(number, place of its page in the list, anchor) of every numbered equation."""
    found, places = [], {name: place for place, name in enumerate(docnames)}
    for name, numbered in env.toc_fignumbers.items():
        for anchor, number in numbered.get("displaymath", {}).items():
            found.append((number, places[name], anchor))
    return [(".".join(map(str, n)), page, anchor) for n, page, anchor in sorted(found)]


def write_sections(app, exception) -> None:
    """What is looked through while somebody types: the index without all text."""
    if exception or app.builder.name != "html":
        return
    text = Path(app.outdir, "searchindex.js").read_text(encoding="utf8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    kept = {name: index[name] for name in ("docnames", "titles", "alltitles")}
    entries = index["indexentries"].items()  # a function has its page of source
    kept["indexentries"] = {name: place for name, place in entries if "(" not in name}
    kept["equations"] = equations(app.env, index["docnames"])
    told = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    target = Path(app.outdir, "_static", "sections.js")
    target.write_text(f"Search.sections={told};", encoding="utf8")


def setup(app):
    app.add_transform(IndexAtHeading)
    app.connect("build-finished", write_sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

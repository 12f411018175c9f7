"""Finding a section: index entries lead to headings, and the search knows them.

A ``{index}`` directive below a heading gives that section names under which it is to be
found, in the index and in the search. Sphinx would put an anchor of its own there,
numbered in order of appearance; the heading is a better place and keeps its address.
What the search does with the names is told in ``finding.js``.
"""

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


def setup(app):
    app.add_transform(IndexAtHeading)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

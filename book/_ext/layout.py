"""What a page is to every reader: layout of cells, accessibility, stability."""

import ast
import json
import re
import sys
from html import unescape
from itertools import cycle

import sphinx_tippy
from docutils import nodes
from myst_nb.core import render
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms.post_transforms import SphinxPostTransform

TAKES_NEXT = "with-next-cell"
# What a preview does without: the second form of a formula, numbers and links of it
MATHML = re.compile(r'<span class="katex-mathml">.*?</math></span>', re.DOTALL)
UNSEEN = {"eqno", "headerlink"}
# Tables that charlm.show.table writes: each row has a head
TABLE = re.compile(r'<table class="table">.*?</table>', re.DOTALL)
FIT = 43  # letters, for which a narrow phone has room in a line of a table
ROLES = {
    'table class="table"': "table",
    "thead": "rowgroup",
    "tbody": "rowgroup",
    "tr": "row",
    'th scope="col"': "columnheader",
    'th scope="row"': "rowheader",
    "td": "cell",
}


class TakeNextCell(SphinxPostTransform):
    """Move a cell into the box before it.

    MyST allows cells at the top level of a page only. A container or admonition of the
    class ``with-next-cell`` takes the cell that follows it: an equation beside its
    code, a table in a box.
    """

    default_priority = 5

    def run(self, **kwargs) -> None:
        for box in list(self.document.findall(nodes.Element)):
            if TAKES_NEXT not in box.get("classes", []):
                continue
            siblings = box.parent.children
            after = siblings.index(box) + 1
            if after < len(siblings) and "cell" in siblings[after].get("classes", []):
                cell = siblings[after]
                box.parent.remove(cell)
                box.append(cell)


class KeepWithFormula(SphinxPostTransform):
    """No line break between a formula and the comma behind it."""

    default_priority = 6

    def run(self, **kwargs) -> None:
        for formula in list(self.document.findall(nodes.math)):
            after = formula.next_node(descend=False, siblings=True, ascend=False)
            found = isinstance(after, nodes.Text) and re.match(r"[,.;:!?)]+", after)
            if not found:
                continue
            mark, rest = after[: found.end()], after[found.end() :]
            kept = nodes.inline(classes=["nowrap"])
            # by identity: two texts such as ", " are equal
            siblings = after.parent.children
            place = next(i for i, node in enumerate(siblings) if node is after)
            after.parent[place] = nodes.Text(rest)
            formula.replace_self(kept)
            kept += [formula, nodes.Text(mark)]


class OneBox(SphinxPostTransform):
    """The theme's boxes round tables and equations: one box, one id."""

    formats = ("html",)
    default_priority = 600  # after the theme's

    def run(self, **kwargs) -> None:
        for box in list(self.document.findall(nodes.container)):
            if "math-wrapper" in box["classes"]:  # ours scrolls by itself
                box.replace_self(box.children)
            elif "table-wrapper" in box["classes"]:
                box["ids"] = []


class FoldImports(SphinxPostTransform):
    """The cell that begins a chapter with its imports takes one line."""

    formats = ("html",)
    default_priority = 600

    def run(self, **kwargs) -> None:
        found = (c for c in self.document.findall(nodes.container))
        inputs = (c for c in found if "cell_input" in c["classes"])
        first = next(inputs, None)
        if first is None or not re.match(r"(import|from) ", first.astext()):
            return
        if not isinstance(first.parent, nodes.container):  # folded as it is
            return
        lines = len(first.astext().rstrip().splitlines())
        head = folded_title("", "", nodes.paragraph("", f"Imports, {lines} lines"))
        made = folded("", head, first.deepcopy(), classes=["hide", "imports"])
        first.replace_self(made)


class FoldChecks(SphinxPostTransform):
    """A cell that ends in many assertions shows the code, and they open below it."""

    formats = ("html",)
    default_priority = 600
    few = 4  # lines, which stay

    def run(self, **kwargs) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            box = block.parent
            # what is folded as it is stands in a node of myst-nb's
            shown = "cell_input" in box.get("classes", []) and isinstance(
                box.parent, nodes.container
            )
            code, checks = checks_apart(block.astext()) if shown else ("", "")
            if not code or len(checks.splitlines()) <= self.few:
                continue
            below = nodes.literal_block(checks, checks, **block.attributes)
            count = len(checks.splitlines())
            head = folded_title("", "", nodes.paragraph("", f"Checks, {count} lines"))
            box += folded("", head, below, classes=["hide", "checks"])
            block.rawsource = code
            block.children = [nodes.Text(code)]


def checks_apart(source: str) -> tuple[str, str]:
    """Code, and the assertions that it ends in; "" for what is not there."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # commands of IPython
        return source, ""
    first = len(body)
    while first and asserts(body[first - 1]):
        first -= 1
    lines = source.rstrip().splitlines()
    end = body[first - 1].end_lineno if first else 0
    rest = "\n".join(lines[end:]).lstrip("\n")
    return "\n".join(lines[:end]), rest if first < len(body) else ""


def asserts(statement: ast.stmt) -> bool:
    """Whether a statement is an assertion, or a loop of them."""
    if isinstance(statement, ast.For | ast.With):
        return all(map(asserts, statement.body))
    return isinstance(statement, ast.Assert)


class folded(nodes.General, nodes.Element):
    """A box of the class ``dropdown``: its title opens it, without a script."""


class folded_title(nodes.General, nodes.TextElement):
    """What is seen of a folded box."""


class Fold(SphinxPostTransform):
    """Hints and solutions are closed until the reader opens them."""

    formats = ("html",)
    default_priority = 900

    def run(self, **kwargs) -> None:
        for box in list(self.document.findall(nodes.Admonition)):
            if "dropdown" not in box.get("classes", []):
                continue
            title, *rest = box.children
            for link in list(title.findall(nodes.reference)):  # a click opens the box
                link.replace_self(link.children)
            head = folded_title("", "", *title.children)
            made = folded("", head, *rest)
            made.update_all_atts(box)
            box.replace_self(made)


def visit_folded(self, node) -> None:
    self.body.append(self.starttag(node, "details", CLASS="admonition"))


def depart_folded(self, node) -> None:
    self.body.append("</details>\n")


def visit_folded_title(self, node) -> None:
    self.body.append('<summary class="admonition-title">')


def depart_folded_title(self, node) -> None:
    self.body.append("</summary>\n")


def accessible(app, pagename, templatename, context, doctree) -> None:
    """Mend what the theme's extensions leave inaccessible or invalid."""
    body = context.get("body")
    if not body:
        return
    # a label that is not the visible text
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # roles that are deprecated, or ask for children that are not there
    body = re.sub(r' role="doc-biblioentry"', "", body)
    list_of_citations = '<div role="list" class="citation-list">'
    body = body.replace(list_of_citations, '<div class="citation-list">')
    # the same id for every exercise of a page
    context["body"] = re.sub(r' id="(exercise|solution|proof)-content"', "", body)


def cards(app, pagename, templatename, context, doctree) -> None:
    """Tables too wide for a phone are marked, so that their rows are cards there.

    Too wide is one in whose columns the longest words come to more than FIT letters:
    others fit, and their numbers are compared down a column. Each cell gets the name of
    its column, for book.css to show, and each part its role: some browsers forget that
    it is a table where it is not displayed as one.
    """
    if context.get("body"):
        context["body"] = TABLE.sub(marked, context["body"])


def marked(found: re.Match) -> str:
    """A table with roles and names, or as it is if it fits."""
    table = found[0]
    cell = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.DOTALL)
    rows = [cell.findall(row) for row in table.split("<tr>")[1:]]
    columns = (unescape(" ".join(column)) for column in zip(*rows, strict=True))
    words = (re.split("[ -]", column) for column in columns)
    if sum(max(map(len, column)) + 1 for column in words) <= FIT:
        return table
    names = cycle(rows[0])

    def part(tag: re.Match) -> str:
        role = ROLES[tag[1]]
        named = role in ("rowheader", "cell")
        name = f' data-label="{next(names)}"' if named else ""
        return f'<{tag[1]} role="{role}"{name}>'

    return re.sub(f"<({'|'.join(ROLES)})>", part, table)


def shapes_in_docstrings(app, what, name, obj, options, lines: list[str]) -> None:
    """A text that begins with a size and a full stop, "V. ...", is no list."""
    begins = re.compile(r"^(\s*(?::[^:]+:\s*)?[A-Z])\.(?=\s|$)")
    lines[:] = [begins.sub(r"\1\\.", line) for line in lines]


def constants_of_a_room(app, what, name, obj, options, lines: list[str]) -> None:
    """What a file of a room says of a constant that the room passes on."""
    room, _, constant = name.rpartition(".")
    for inner in [m for m in sys.modules if m.startswith(f"{room}.")]:
        told = what == "data" and ModuleAnalyzer.for_module(inner).find_attr_docs()
        if told and ("", constant) in told:
            lines[:] = told["", constant]


def stable_previews() -> None:
    """sphinx-tippy names its files at random and dumps sets in any order.

    What it shows is for the eye: no second form of a formula, no buttons.
    """
    dumps = json.dumps

    class Json:
        load, dump, loads = json.load, json.dump, json.loads

        @staticmethod
        def dumps(value, **kwargs):
            return dumps(value, **{**kwargs, "sort_keys": True})

    sphinx_tippy.uuid4 = lambda: "previews"
    tips, soup = sphinx_tippy.create_id_to_tip_html, sphinx_tippy.BeautifulSoup

    def spare(tag):
        return tag.name == "button" or not UNSEEN.isdisjoint(tag.get("class", ()))

    def light(config, body):
        for extra in body.find_all(spare):
            extra.decompose()
        return tips(config, body)

    # half of a page's elements are second forms: to parse them takes seconds
    sphinx_tippy.BeautifulSoup = lambda text, *kind: soup(MATHML.sub("", text), *kind)
    sphinx_tippy.create_id_to_tip_html = light
    sphinx_tippy.json = Json


def whole_texts(outputs: list) -> list:
    """What a cell printed, in one piece for each stream.

    The kernel sends it in pieces, cut wherever the clock wants. myst-nb joins them with
    a line break at every cut, so two builds could differ.
    """
    joined, streams = [], {}
    for output in outputs:
        if output["output_type"] != "stream":
            joined.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = output.copy()
            joined.append(streams[output["name"]])
    return joined


def stable_streams() -> None:
    original = render.coalesce_streams
    render.coalesce_streams = lambda outputs: original(whole_texts(outputs))


def setup(app):
    stable_previews()
    stable_streams()
    app.add_post_transform(TakeNextCell)
    app.add_post_transform(KeepWithFormula)
    app.add_post_transform(OneBox)
    app.add_post_transform(FoldImports)
    app.add_post_transform(FoldChecks)
    app.add_post_transform(Fold)
    app.add_node(folded, html=(visit_folded, depart_folded))
    app.add_node(folded_title, html=(visit_folded_title, depart_folded_title))
    app.connect("autodoc-process-docstring", constants_of_a_room)
    app.connect("autodoc-process-docstring", shapes_in_docstrings, priority=900)
    app.connect("html-page-context", accessible, priority=400)
    app.connect("html-page-context", cards, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Every line of the code can be read from the site.

A page per Python file of ``FOLDERS``, with a place for every function and class. Links
lead there from each quoted piece of code, from each file that the text names, and from
the names of the API page; and from there to the chapters that name the file and to the
equations that its docstrings cite. All is found by name: nothing is listed here.
"""

import ast
import hashlib
import html
import re
import shutil
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

FOLDERS = ("charlm/**/*.py", "tests/*.py", "book/_results/*.py")
PLACE = "_code"  # folder of these pages in the site
NAMED = re.compile(r"\b(?:charlm|tests|book/_results)/(?:[\w/]+\.py|(?:\w+/)*)(?!\w)")
CITED = re.compile(r"\beq-[a-z0-9-]+")
Spans = dict[str, tuple[int, int]]


@cache
def files(root: Path) -> dict[str, str]:
    """Path from the root -> text of every file that gets a page."""
    found = sorted({path for pattern in FOLDERS for path in root.glob(pattern)})
    return {p.relative_to(root).as_posix(): p.read_text(encoding="utf8") for p in found}


@cache
def definitions(text: str) -> Spans:
    """Functions, classes and methods of a file: name -> its first and last line."""
    found: Spans = {}

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                found.setdefault(prefix + node.name, (first, node.end_lineno or first))
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{prefix}{node.name}.")

    collect(ast.parse(text).body, "")
    return found


def page_of(path: str) -> str:
    """Page of a file; that of a folder is the list of all files."""
    return f"{PLACE}/{path[:-3] if path.endswith('.py') else 'index'}"


def find(root: Path, module: str, name: str) -> str:
    """File that defines a name that a module of the package offers, "" if none does."""
    place = module.replace(".", "/")
    near = [p for p in files(root) if p in (f"{place}.py", f"{place}/__init__.py")]
    inside = [p for p in files(root) if p.startswith(f"{place}/")]
    package = [p for p in files(root) if p.startswith(place.split("/")[0] + "/")]
    ordered = [*near, *inside, *package]
    return next((p for p in ordered if name in definitions(files(root)[p])), "")


class LinkToSource(SphinxPostTransform):
    """Lead quoted code, names of files and entries of the API to their source."""

    default_priority = 700

    def link(self, path: str, name: str, *shown: nodes.Node) -> nodes.reference:
        builder, page = self.app.builder, self.env.docname
        uri = builder.get_relative_uri(page, page_of(path)) if path else ""
        place = name if path.endswith(".py") else path.strip("/")
        anchor = f"#{place}" if place else ""
        classes = ["to-source"]
        return nodes.reference("", "", *shown, refuri=uri + anchor, classes=classes)

    def run(self, **kwargs) -> None:
        if self.app.builder.name != "html":
            return
        root = Path(self.app.srcdir)
        known = files(root)
        for block in list(self.document.findall(nodes.literal_block)):
            source = Path(block.get("source", ""))
            inside = source.is_relative_to(root)
            path = source.relative_to(root).as_posix() if inside else ""
            if path in known:
                name = quoted(block.astext(), known[path])
                where = self.link(path, name, nodes.Text(path))
                line = nodes.paragraph("", "", where, classes=["quoted-from"])
                block.parent.insert(block.parent.index(block), line)
        for literal in list(self.document.findall(nodes.literal)):
            above = literal.parent
            named = NAMED.search(literal.astext())
            path = named[0] if named else ""
            exists = path in known or any(p.startswith(path) for p in known)
            if path and exists and isinstance(above, nodes.paragraph):
                above.replace(literal, self.link(path, "", literal.deepcopy()))
        for entry in list(self.document.findall(addnodes.desc_signature)):
            name = entry.get("fullname", "")
            path = find(root, entry.get("module") or "", name)
            if path:
                entry += self.link(path, name, nodes.Text("source"))


def quoted(block: str, text: str) -> str:
    """The innermost definition in which a quoted piece of a file begins, or ""."""
    wanted, lines = ([x.strip() for x in s.splitlines()] for s in (block, text))
    places = range(len(lines))
    at = next((i for i in places if lines[i : i + len(wanted)] == wanted), -1) + 1
    around = [n for n, (a, b) in definitions(text).items() if a <= at <= b]
    return around[-1] if around else ""  # an outer one comes before an inner one


def drawn(app, text: str, pathto) -> str:
    """The file in colour, a place at every definition, equations led to."""
    equations = app.env.get_domain("math").equations
    lines = app.builder.highlighter.highlight_block(text.rstrip(), "python").split("\n")
    # the first line begins with the box itself
    head, opening, lines[0] = lines[0].partition("<pre>")
    for name, (first, last) in definitions(text).items():
        lines[first - 1] = f'<span class="definition" id="{name}">{lines[first - 1]}'
        lines[last - 1] += "</span>"

    def equation(match: re.Match) -> str:
        if match[0] not in equations:
            return match[0]
        page = pathto(equations[match[0]][0])
        return f'<a href="{page}#equation-{match[0]}">{match[0]}</a>'

    return head + opening + CITED.sub(equation, "\n".join(lines))


def naming(app) -> dict[str, list[str]]:
    """File -> pages of the book whose text names it or quotes from it."""
    found: dict[str, list[str]] = {}
    for page in sorted(app.env.found_docs):
        text = Path(app.env.doc2path(page)).read_text(encoding="utf8")
        # a page of book/ writes ../charlm/... where it quotes
        for path in sorted(set(NAMED.findall(text))):
            found.setdefault(path, []).append(page)
    return found


def contents(text: str) -> str:
    """The definitions of a file as a list of links, as the theme wants it."""
    items = [f'<li><a href="#{n}">{n}</a></li>' for n in definitions(text)]
    return f'<ul><li><a href="#">file</a><ul>{"".join(items)}</ul></li></ul>'


def all_files(known: dict[str, str]) -> str:
    """The list of all files, a heading per folder, each file with what it says."""
    folders: dict[str, list[str]] = {}
    for path, text in known.items():
        folder, _, name = path.rpartition("/")
        about = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        link = f'<a href="{folder}/{name[:-3]}.html"><code>{name}</code></a>'
        told = re.sub("``(.+?)``", r"<code>\1</code>", html.escape(about))
        item = f"<li>{link} {told}</li>"
        folders.setdefault(folder, []).append(item)
    parts = (
        f'<h2 id="{folder}">{folder}</h2><ul>{"".join(items)}</ul>'
        for folder, items in sorted(folders.items())
    )
    return f"<h1>All source files</h1>{''.join(parts)}"


def pages(app):
    """(name, context, template) of every page of source, for Sphinx to write."""
    if app.builder.name != "html":
        return
    shutil.rmtree(Path(app.outdir, PLACE), ignore_errors=True)  # files that went
    app.trees = {}
    known, named = files(Path(app.srcdir)), naming(app)
    index(app, known)
    context = {"title": "All source files", "body": all_files(known)}
    yield f"{PLACE}/index", context, "page.html"
    for path, text in known.items():
        here = page_of(path)

        def pathto(page: str, here: str = here) -> str:
            return app.builder.get_relative_uri(here, page)

        links = [
            f'<a href="{pathto(page)}">{html.escape(app.env.titles[page].astext())}</a>'
            for page in named.get(path, [])
        ]
        lead = f"Named by {', '.join(links)}. " if links else ""
        lead += f'<a href="{pathto(page_of(""))}">All source files</a>.'
        body = f"<h1>{path}</h1><p>{lead}</p>{drawn(app, text, pathto)}"
        context = {"title": path, "body": body, "toc": contents(text)}
        yield here, context, "page.html"


def one_tree(app, pagename, templatename, context, doctree):
    """The tree of chapters is drawn once for all files as deep; it takes long."""
    if not pagename.startswith(f"{PLACE}/"):
        return
    depth, draw = pagename.count("/"), context["toctree"]

    def toctree(**options) -> str:
        key = depth, *options.items()
        if key not in app.trees:
            app.trees[key] = draw(**options)
        return app.trees[key]

    context["toctree"] = toctree


def index(app, known: dict[str, str]) -> None:
    """Files, and what the package defines, are found by the search."""
    search, ours = app.builder.indexer, {page_of(path): path for path in known}
    prune = search.prune
    search.prune = lambda names: prune([*names, *ours])
    for page, path in ours.items():
        names = definitions(known[path]) if path.startswith("charlm/") else ()
        search._titles[page], search._filenames[page] = path, path
        search._all_titles[page] = [(path, None), *((name, name) for name in names)]


def watch(app, config) -> None:
    """A change of a file writes the pages anew."""
    files.cache_clear()
    told = repr(files(Path(app.srcdir))).encode()
    config.source_files = hashlib.sha256(told).hexdigest()


def setup(app):
    app.add_config_value("source_files", "", "html")
    app.add_post_transform(LinkToSource)
    app.connect("config-inited", watch)
    app.connect("html-collect-pages", pages)
    app.connect("html-page-context", one_tree, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

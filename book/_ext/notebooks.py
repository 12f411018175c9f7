"""Every chapter as a notebook that runs anywhere.

Directives become plain Markdown, quoted code is written out, references lead to the
published page when its address is known, values of the prose are those of the build,
and the first cell finds or installs the package. Cells of the tag ``remove-cell``
serve the page only and are left out; those of the tag ``recorded`` read files of the
repository, and their output stands in the notebook instead. A page with exercises has
two: in its own the functions to write are empty, and beside it ``NAME-solutions`` is
the same with what solves them.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from deployment import address, package
from derive import statement
from jupyter_cache import get_cache
from layout import whole_texts
from ledger_page import filled
from sphinx.util.parallel import ParallelTasks, SerialTasks
from writing import beside

OPEN = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ \t]*(.*)$")
OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$")
SOLUTION = re.compile(r"^(`{3,})\{solution-(start|end)\}.*\n(?::.*\n)*\1$", re.M)
SOLVED = "-solutions"
FINDS = """try:
    import charlm
except ImportError:
    {remedy}"""


class Target(NamedTuple):
    """What can be referred to: its place in the site, and what it is called there."""

    place: str
    words: str


def exported(app, pagename: str) -> bool:
    """Whether a page is a chapter with cells that its notebook would run."""
    if pagename in app.failed:  # its values are not there
        return False
    source = Path(app.env.doc2path(pagename))
    text = source.read_text(encoding="utf8") if source.is_file() else ""
    left_out = re.findall(r"\btags: *\[.*\b(?:recorded|remove-cell)\b", text)
    return text.count("{code-cell}") > len(left_out)


def offer(app, pagename, templatename, context, doctree) -> None:
    """Put the notebook into the menu of downloads."""
    if doctree is not None and exported(app, pagename):
        context["ipynb_source"] = f"{pagename}.ipynb"
        if solvable(app, pagename):
            context["ipynb_solutions"] = f"{pagename}{SOLVED}.ipynb"


def solvable(app, name: str) -> bool:
    """Whether a page has solutions that its notebook leaves out."""
    text = Path(app.env.doc2path(name)).read_text(encoding="utf8")
    return bool(SOLUTION.search(text))


def begin(app, builder) -> None:
    """Write all notebooks, in a process beside those that write pages if there are."""
    if builder.name == "html":
        if beside():
            app.notebooks = ParallelTasks(1)
        app.notebooks.add_task(write_all, app)


def end(app, exception) -> None:
    app.notebooks.join()


def write_all(app) -> None:
    known = targets(app.env)
    for name in app.env.found_docs:
        if exported(app, name):
            target = Path(app.outdir, "_sources", f"{name}.ipynb")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(build(app, name, known), encoding="utf8")
            if solvable(app, name):
                solved = target.with_name(f"{target.stem}{SOLVED}.ipynb")
                text = build(app, name, known, solved=True)
                solved.write_text(text, encoding="utf8")


def build(app, name: str, known: dict[str, Target], solved: bool = False) -> str:
    """The notebook of a page, as JSON that depends on its source and values alone."""
    values = glued(Path(app.outdir).parent / "jupyter_execute" / f"{name}.glue.json")
    source = Path(app.env.doc2path(name))
    text = filled(source.read_text(encoding="utf8"), Path(app.srcdir), name)
    notebook = jupytext.reads(text, fmt="md:myst")
    done = executed(app, name)
    origin = linked("a chapter of the book", f"{name}.html")
    cells = [
        ("markdown", f"This notebook is {origin} *{app.config.html_title}*."),
        ("code", FINDS.format(remedy=remedy())),
    ]
    told = f"**Solution**: in `{Path(name).name}{SOLVED}.ipynb`."
    for cell in notebook.cells if solved else unsolved(notebook.cells, told):
        if cell.cell_type == "markdown":
            cells.append(
                ("markdown", markdown(cell.source, source.parent, values, known))
            )
        elif "recorded" in (tags := cell.metadata.get("tags", [])):
            shown = printed(cell.source, done)
            cells.append(("markdown", shown and f"```text\n{shown}\n```"))
        elif "remove-cell" not in tags:
            cells.append(("code", cell.source.strip()))
    return dump([(kind, text) for kind, text in cells if text])


def unsolved(cells, told: str) -> Iterator[nbformat.NotebookNode]:
    """Cells without those of solutions; a sentence stands for each solution."""
    kept = True
    for cell in cells:
        if cell.cell_type == "markdown":
            # text, a fence, "start" or "end", text, a fence ...
            text, *rest = SOLUTION.split(cell.source)
            parts = [text] if kept else []
            for mark, text in zip(rest[1::3], rest[2::3], strict=True):
                kept = mark == "end"
                parts.append(text if kept else f"\n{told}\n")
            yield nbformat.v4.new_markdown_cell("".join(parts))
        elif kept:
            yield cell


def remedy() -> str:
    """What the first cell does where the package is not installed."""
    if package():
        return f"%pip install --quiet {package()}\n    import charlm"
    told = "needs charlm, the package of this book: run pip install -e . in the folder "
    told += "of the book's source, where pyproject.toml is"
    return f'raise ImportError("{told}") from None'


def executed(app, name: str) -> nbformat.NotebookNode:
    """The notebook of a page with its outputs, which myst-nb leaves in its cache."""
    path = Path(app.outdir).parent / "jupyter_execute" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    try:
        cache = get_cache(app.config.nb_execution_cache_path)
        return cache.merge_match_into_notebook(notebook)[1]
    except KeyError:  # not in the cache
        return notebook


def printed(source: str, executed: nbformat.NotebookNode) -> str:
    """What a cell showed when the page was built, as plain text; no pictures."""
    cell = next(c for c in executed.cells if c.source.strip() == source.strip())
    texts = []
    for out in whole_texts(cell.outputs):
        data = out.get("data", {})
        if out.output_type == "stream":
            texts.append(out["text"])
        elif "text/plain" in data and "image/svg+xml" not in data:
            texts.append(data["text/plain"] + "\n")
    return "".join(texts).rstrip()


def glued(path: Path) -> dict[str, str]:
    """Values that the page put into its prose, by name."""
    if not path.is_file():
        return {}
    raw = json.loads(path.read_text(encoding="utf8"))
    plain = {key: value["data"].get("text/plain", "") for key, value in raw.items()}
    # text arrives as Python would print it, in quotes
    return {k: ast.literal_eval(v) if v[:1] in "'\"" else v for k, v in plain.items()}


def targets(env) -> dict[str, Target]:
    """Everything that can be referred to, by its label."""
    numbers = {
        (kind, anchor): ".".join(map(str, number))
        for kinds in env.toc_fignumbers.values()
        for kind, numbered in kinds.items()
        for anchor, number in numbered.items()
    }
    standard = env.domaindata["std"]
    found = {  # those without a title are referred to with words
        label: Target(f"{page}.html#{anchor}", "")
        for label, (page, anchor) in standard["anonlabels"].items()
    }
    for label, (page, anchor, title) in standard["labels"].items():
        number = numbers.get(("exercise", label))
        words = f"Exercise {number}" if number else str(title)
        found[label] = Target(f"{page}.html#{anchor}", words)
    for label, (page, count) in env.domaindata["math"]["objects"].items():
        anchor = f"equation-{label}"
        number = numbers.get(("displaymath", anchor), count)
        found[label] = Target(f"{page}.html#{anchor}", f"({number})")
    return found


def linked(words: str, place: str) -> str:
    """A link to a place in the site, where its address is known."""
    return f"[{words}]({address()}/{place})" if address() else words


def markdown(
    text: str, folder: Path, values: dict[str, str], known: dict[str, Target]
) -> str:
    """MyST -> the Markdown that every notebook program reads."""

    def tagged(match):  # numbered as on the page
        return rf"\tag{{{known[match[1]].words[1:-1]}}}" + "\n$$"

    text = "\n".join(blocks(text.splitlines(), folder))
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.M)
    text = re.sub(r"^%.*\n", "", text, flags=re.M)
    text = re.sub(r"^<!--.*?-->\n?", "", text, flags=re.M)
    text = re.sub(r"^\$\$ \(([\w-]+)\)$", tagged, text, flags=re.M)
    text = inline(text, values, known)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def blocks(lines: list[str], folder: Path) -> list[str]:
    """Replace directives, from the outside in."""
    out, i = [], 0
    while i < len(lines):
        found = OPEN.match(lines[i])
        if not found:
            # fences of boxes whose other end is in another cell
            if not re.match(r"^:{3,}$|^`{4,}$", lines[i]):
                out.append(lines[i])
            i += 1
            continue
        fence, name, argument = found.groups()
        end = next((j for j in range(i + 1, len(lines)) if lines[j] == fence), None)
        end = len(lines) if end is None else end
        body = lines[i + 1 : end]
        options = {}
        while body and (option := OPTION.match(body[0])):
            options[option[1]] = option[2]
            body = body[1:]
        out += directive(name, argument.strip(), options, body, folder)
        i = end + 1
    return out


def directive(name, argument, options, body, folder) -> list[str]:
    kind = name.split(":")[-1]
    if kind in (
        *("exercise-end", "solution-end", "index", "bibliography", "raw"),
        "explore",  # pictures to drag are of the page
    ):
        return []
    if kind == "literalinclude":
        return ["```python", *quoted(folder / argument, options.get("pyobject")), "```"]
    inner = blocks(body, folder)
    if kind == "derive":
        return [*statement(argument, inner), ""]
    if kind in ("container", "div", "grid"):
        return inner
    title = {
        "exercise-start": f"### Exercise: {argument}",
        "solution-start": "**Solution.**",
        "note": "**Note.**",
    }.get(kind, f"**{argument}**" if argument else "")
    return [title, "", *inner, ""]


def quoted(path: Path, name: str | None) -> list[str]:
    """Source of a file, or of one function or method in it."""
    text = path.read_text(encoding="utf8")
    if not name:
        return text.rstrip().splitlines()
    node = ast.parse(text)
    for part in name.split("."):
        node = next(n for n in node.body if getattr(n, "name", None) == part)
    found = text.splitlines()[node.lineno - 1 : node.end_lineno]
    return [line[node.col_offset :] for line in found]


def inline(text: str, values: dict[str, str], known: dict[str, Target]) -> str:
    """Replace roles by words, values or links."""

    def value(match):
        key = match[1].split(":")[0]
        if key not in values:
            raise KeyError(f"the page has no value {key!r} for its notebook")
        return values[key]

    def link(match):
        target = known[match[2]]
        return linked(match[1] or target.words, target.place)

    text = re.sub(r"\{glue:text\}`([^`]+)`", value, text)
    text = re.sub(r"\{(?:eq|ref)\}`(?:([^`<]+?)\s*<)?([\w-]+)>?`", link, text)
    text = re.sub(r"\{cite:p\}`(\w+?)(\d{4})`", cited("({} {})"), text)
    text = re.sub(r"\{cite:t\}`(\w+?)(\d{4})`", cited("{} ({})"), text)
    return re.sub(r"\{[\w:-]+\}`([^`<]+?)(?:\s*<[^`>]+>)?`", r"`\1`", text)


def cited(form: str):
    """Author and year from a key such as ``ioffe2015``."""
    return lambda match: form.format(match[1].capitalize(), match[2])


def dump(cells: list[tuple[str, str]]) -> str:
    out = []
    for i, (kind, text) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": text}
        if kind == "code":
            cell |= {"outputs": [], "execution_count": None}
        out.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": out, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def setup(app):
    app.connect("html-page-context", offer, priority=400)
    app.notebooks = SerialTasks()
    app.connect("write-started", begin)
    app.connect("build-finished", end, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

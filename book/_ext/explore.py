"""Pictures to drag, as boxes on the page.

``{explore} name`` shows what ``book/_static/explore/name.js`` draws from the numbers
that ``book/_explore/name.py`` takes from charlm. The script is run here too, so what
stands in the page without a script is what it draws at the start. A declaration has

* ``data()``: what the script needs, for JSON;
* ``probes()``: pairs of settings and what charlm computes for them, which
  ``tests/test_explore.py`` compares with the script's ``compute``.
"""

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType

from derive import in_script
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

BOOK = Path(__file__).parent.parent
SCRIPTS = BOOK / "_static" / "explore"


def names() -> list[str]:
    """All that are declared."""
    return sorted(path.stem for path in (BOOK / "_explore").glob("*.py"))


@cache
def declared(name: str) -> ModuleType:
    """A declaration by its name."""
    path = BOOK / "_explore" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"explore_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def packed(name: str, start: str = "") -> str:
    """Its data, and what it starts with, as JSON that can stand in a script element."""
    data = declared(name).data() | ({"start": start} if start else {})
    return in_script(json.dumps(data, separators=(",", ":")))


def context(name: str):
    """A JavaScript engine in which the script of an explorable has run."""
    import quickjs

    made = quickjs.Context()
    for path in (SCRIPTS.with_suffix(".js"), SCRIPTS / f"{name}.js"):
        made.eval(path.read_text(encoding="utf8"))
    return made


def drawn(name: str, start: str = "") -> str:
    """The box as it stands in the page: controls, pictures, a sentence."""
    # [...].join: QuickJS cannot hand over a string it built in pieces
    call = "(name, data) => [explore.html(name, JSON.parse(data))].join('')"
    return context(name).eval(call)(name, packed(name, start))


class Explore(SphinxDirective):
    """``{explore} name [start]``, with sentences that say what to do with it."""

    required_arguments = 1
    optional_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, *start = self.arguments
        if name not in names():
            raise self.error(f"explore: book/_explore declares no {name}")
        for path in (
            BOOK / "_explore" / f"{name}.py",
            SCRIPTS / f"{name}.js",
            SCRIPTS.with_suffix(".js"),
        ):
            self.env.note_dependency(str(path))
        box = nodes.container(classes=["explore-box"], ids=[f"explore-{name}"])
        self.state.nested_parse(
            StringList(self.content.data, ""), self.content_offset, box
        )
        inner = (
            f'<div class="explore" data-explore="{name}">{drawn(name, *start)}'
            f'<script type="application/json">{packed(name, *start)}</script></div>'
        )
        box += nodes.raw("", inner, format="html")
        return [box]


def setup(app):
    app.add_directive("explore", Explore)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Draw every equation with KaTeX while the book is built.

KaTeX runs inside this Python process through QuickJS: no Node, no network, and no
JavaScript in the reader's browser. The page gets HTML for the eye and MathML for screen
readers. A TeX error is a Sphinx warning with file and line.
"""

import html
import json
import re
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

log = logging.getLogger(__name__)
# MathML elements that have as many parts as places
PLACES = ("msub", "msup", "msubsup", "mover", "munder", "munderover")
# a matrix with a fraction in it, and no matrix within
FRACTIONS = re.compile(
    r"\\begin\{([pbvBV]?matrix)\}((?:(?!\\begin|\\end).)*?\\[td]?frac"
    r"(?:(?!\\begin|\\end).)*)\\end\{\1\}",
    re.S,
)
TEX = re.compile(r'(<annotation encoding="application/x-tex">).*?(</annotation>)', re.S)
HERE = Path(__file__).parent
SOURCES = (HERE / "vendor" / "katex.min.js", HERE / "fewer.js")
# [...].join: QuickJS cannot hand over a string it built in pieces
STOCK = "(t, o) => [katex.renderToString(t, JSON.parse(o))].join('')"
LIGHT = "(t, o) => [fewer(katex, t, JSON.parse(o)).toMarkup()].join('')"


def valid(drawn: str) -> str:
    """Mend the MathML that KaTeX writes for operator names and stacked relations."""
    if "\u2061" not in drawn and not re.search(r"<mo\b[^>]*><[^/]", drawn):
        return drawn
    whole = re.search("<math.*</math>", drawn, re.S)[0]
    soup = BeautifulSoup(whole, "html.parser")
    for operator in soup.find_all("mo"):
        if operator.find(True):
            operator.name = "mrow"
        elif operator.get_text() == "\u2061" and operator.parent.name in PLACES:
            operator.decompose()
    return drawn.replace(whole, str(soup))


def apart(tex: str) -> str:
    """The TeX with room between the rows of matrices whose fractions would touch."""
    wide = r"{\\def\\arraystretch{1.5}\\begin{\1}\2\\end{\1}}"
    return FRACTIONS.sub(wide, tex)


class Renderer:
    """TeX -> HTML, each formula once."""

    def __init__(self) -> None:
        self.cache: dict[tuple[str, bool], str] = {}
        self._context = None

    def __call__(self, tex: str, display: bool) -> str:
        """Draw a formula; raises quickjs.JSException for an error in the TeX."""
        key = (tex, display)
        if key not in self.cache:
            drawn = valid(self._run(LIGHT, apart(tex), display))
            # what is copied is what stands in the book
            self.cache[key] = TEX.sub(
                lambda m: m[1] + html.escape(tex) + m[2], drawn, count=1
            )
        return self.cache[key]

    def stock(self, tex: str, display: bool) -> str:
        """As KaTeX draws it, with all its elements: what ours has to look like."""
        return self._run(STOCK, apart(tex), display)

    def _run(self, draw: str, tex: str, display: bool) -> str:
        if self._context is None:
            import quickjs

            self._context = quickjs.Context()
            for source in SOURCES:
                self._context.eval(source.read_text(encoding="utf8"))
        options = {
            "displayMode": display,
            "output": "htmlAndMathml",
            "throwOnError": True,
            "strict": "error",
            "trust": False,
        }
        return self._context.eval(draw)(tex, json.dumps(options))


def draw(self, node: nodes.Node, display: bool) -> str:
    tex = node.astext().strip()
    try:
        return self.builder.app.katex(tex, display)
    except Exception as error:  # whatever the engine raises names the place in the TeX
        message = str(error).splitlines()[0]
        log.warning("KaTeX: %s in %r", message, tex, location=node, type="katex")
        return f"<code>{html.escape(tex)}</code>"


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate"))
    self.body.append(draw(self, node, False) + "</span>")
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    tex = node.astext().strip()
    self.body.append(
        self.starttag(node, "div", "", CLASS="math notranslate nohighlight")
    )
    self.body.append(f'<div class="math-scroll">{draw(self, node, True)}</div>')
    if node.get("number"):
        number = get_node_equation_number(self, node)
        self.body.append(
            f'<span class="eqno"><a class="headerlink" href="#{node["ids"][0]}" '
            f'title="Link to this equation">({number})</a></span>'
        )
    label = html.escape(re.sub(r"\r?\n", "\n", tex), quote=True)
    self.body.append(
        f'<button type="button" class="copytex" data-tex="{label}">Copy TeX</button>'
    )
    self.body.append("</div>\n")
    raise nodes.SkipNode


def start(app) -> None:
    app.katex = Renderer()


def assets(app, pagename, templatename, context, doctree) -> None:
    """Only pages with mathematics load its styles."""
    if 'class="katex' in (context.get("body") or ""):
        app.add_css_file("vendor/katex/katex.min.css", priority=400)


def setup(app):
    app.add_html_math_renderer(
        "katex_static",
        inline_renderers=(visit_inline, None),
        block_renderers=(visit_block, None),
    )
    app.connect("builder-inited", start)
    app.connect("html-page-context", assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

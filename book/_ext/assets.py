"""What a page loads: few files, and only what it uses.

The theme's sheet, the colours of code, and our ``book.css`` and ``book.js`` are on
every page. What a demo needs is asked for by the element that it works on. What other
extensions would add is left out: ``book.css`` has the few rules of theirs that apply.
"""

import re
from pathlib import Path

from pygments.formatters import HtmlFormatter
from pygments.token import Name, Number, Operator, Punctuation, Text
from sphinx.highlighting import PygmentsBridge
from sphinx.writers.html5 import HTML5Translator

ASKED_BY = {  # class of an element -> styles and scripts that it needs, in order
    "stepper": ("stepper.css", "stepper.js"),
    "front": ("front.css", "front.js"),
    "play": ("playground.css", "playground.js"),
    "train": ("training.css", "training.js"),
    "derive": ("derive.css", "formula.js", "derive.js"),
    "explore": ("explore.css", "explore.js"),
    "gradient-cards": ("boxes.css",),
    "bugs": ("boxes.css",),
}
EXPLORED = re.compile(r'data-explore="([\w-]+)"')
DARK = "a11y-high-contrast-dark"  # colours of code
LEFT_OUT = re.compile(r"mystnb\.|exercise\.css|proof\.css|furo-extensions\.css")
SEARCHES = re.compile(r"documentation_options|doctools|sphinx_highlight")
PREVIEWS = re.compile(r"/tippy/|\.previews\.js")
LINKS = re.compile(r'class="(?:reference internal|footnote-reference)')
COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
LINE = re.compile(r"^ *// .*\n", re.MULTILINE)  # a comment in a script


def wanted(name: str, page: str, body: str) -> bool:
    """Whether a page with this body needs a style sheet or script."""
    if SEARCHES.search(name):
        return page == "search"
    if PREVIEWS.search(name):
        return bool(LINKS.search(body))
    return not LEFT_OUT.search(name)


def choose(app, pagename, templatename, context, doctree) -> None:
    body = context.get("body") or ""
    for kind, files in ASKED_BY.items():
        if re.search(rf'class="(?:[^"]* )?{kind}[" ]', body):
            for name in files:
                add = app.add_css_file if name.endswith("css") else app.add_js_file
                add(name)
    for name in EXPLORED.findall(body):
        app.add_js_file(f"explore/{name}.js")
    for kind in ("css_files", "script_files"):
        context[kind] = [
            a
            for a in context[kind]
            if wanted(str(getattr(a, "filename", a)), pagename, body)
        ]


def leave_comments_out(app, exception) -> None:
    """Style sheets and our scripts without comments, a fifth of what they weigh."""
    if exception is None and app.builder.name == "html":
        static, ours = Path(app.outdir, "_static"), Path(app.srcdir, "book/_static")
        scripts = [static / path.name for path in ours.glob("*.js")]
        for path in [*static.glob("*.css"), *scripts]:
            comment = LINE if path.suffix == ".js" else COMMENT
            text = path.read_text(encoding="utf8")
            path.write_text(comment.sub("", text), encoding="utf8")


class FewSpans(HtmlFormatter):
    """Colour for words of the language, texts, comments and what is defined alone.

    Names, numbers and signs need no elements of their own then: a fifth of a page.
    """

    PLAIN = (Name, Number, Operator, Punctuation, Text)
    COLOURED = (Name.Function, Name.Class, Operator.Word)

    def _get_css_classes(self, ttype):
        coloured = any(ttype in kind for kind in self.COLOURED)
        plain = any(ttype in kind for kind in self.PLAIN) and not coloured
        return "" if plain else super()._get_css_classes(ttype)


class FewElements(HTML5Translator):
    """Words of code and of signatures without elements that no style asks for."""

    protect_literal_text = property(lambda self: 0, lambda self, value: None)

    def skip(self, node) -> None:
        """Write what is within, and nothing round it."""

    visit_desc_sig_space = depart_desc_sig_space = skip
    visit_desc_sig_name = depart_desc_sig_name = skip
    visit_desc_sig_operator = depart_desc_sig_operator = skip
    visit_desc_sig_punctuation = depart_desc_sig_punctuation = skip


def configure(app, config) -> None:
    logo = Path(app.srcdir, config.html_logo).read_text("utf8")
    config.html_context |= {"logo_drawn": logo, "author": config.author}
    config.html_theme_options = {}  # Jupyter Book's are for the theme that it brings
    config.pygments_dark_style = DARK  # an option of Furo, which is loaded later
    PygmentsBridge.html_formatter = FewSpans


def setup(app):
    app.set_translator("html", FewElements)
    app.connect("config-inited", configure)
    app.connect("html-page-context", choose, priority=900)
    app.connect("build-finished", leave_comments_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

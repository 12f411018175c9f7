"""One style sheet and one script for the whole site, without rules that never apply.

Theme and extensions bring 10 style sheets and 12 scripts, one request each, and rules
for hundreds of things that this book does not have. After the pages are written, what
they load is joined into ``_static/site.css`` and ``_static/site.js``, and the pages are
pointed there. A rule goes only if its selector asks for a class or an id that is a word
of no page and of no script, so what a script adds later keeps its style.
"""

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.errors import ExtensionError

STYLES = [  # in the order in which a page loads them
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "vendor/katex/katex.min.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "exercise.css",
    "proof.css",
    "book.css",
    "derive.css",
]
SCRIPTS = [
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/sphinx-book-theme.js",
    "togglebutton.js",
    "vendor/tippy/popper.min.js",
    "vendor/tippy/tippy-bundle.umd.min.js",
    "book.js",
    "stepper.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
]
# The fonts of every formula and of the icons stand in the sheet: they are there at the
# first paint, so nothing moves
FONTS = r"vendor/\w+/\w+/(?:KaTeX_Main-Regular|KaTeX_Math-Italic|fa-solid-900)\.woff2"
WITHIN = re.compile(rf"url\(({FONTS})\)")
# Bootstrap and tippy put these names together from parts while the page is open
MADE = re.compile(r"bs-|tippy|fade$|show$")
# The theme measures all of these at once, which lays out the whole page before it is
# painted; book.js measures each when it is laid out
MEASURED = re.compile(r'\["pre",[^]]*\](?=\.join\(", "\)\)\.forEach)')
TOKEN = re.compile(
    r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^{};"'/]+|/""", re.S
)
NESTING = ("@media", "@supports", "@layer", "@container")
NOTICE = re.compile(r"/\*!.*?\*/", re.S)  # of authors and licences
WORD = re.compile(r"[\w-]+")
LINK = re.compile(r'[ \t]*<link\b[^>]*?\bhref="([^"]*?)_static/([^"?]+)[^"]*"[^>]*>\n?')
SCRIPT = re.compile(
    r'[ \t]*<script\b[^>]*?\bsrc="([^"]*?)_static/([^"?]+)[^"]*"[^>]*></script>\n?'
)


def rules(css: str) -> Iterator[tuple[str, str | None]]:
    """(what stands before the brace, what stands in it or None) for every rule."""
    head, body, depth = [], [], 0
    for token in TOKEN.findall(css):
        if token.startswith("/*"):
            continue
        depth += (token == "{") - (token == "}")
        if token == "}" and depth == 0:
            yield "".join(head).strip(), "".join(body)[1:]
            head, body = [], []
        elif token == ";" and depth == 0:
            yield "".join(head).strip(), None
            head = []
        else:
            (body if depth else head).append(token)


def applies(selector: str, words: set[str]) -> bool:
    """Whether every class and id that the selector asks for occurs somewhere."""
    plain = re.sub(r"\[[^]]*\]", "", selector)
    while (less := re.sub(r":[\w-]+\([^()]*\)", "", plain)) != plain:
        plain = less
    names = (n.replace("\\", "") for n in re.findall(r"[.#]((?:[\w-]|\\.)+)", plain))
    return all(n in words or MADE.match(n) for n in names)


def parts(selectors: str) -> list[str]:
    """Split at commas outside parentheses and brackets."""
    return re.findall(
        r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^]]*\]|[^,([])+", selectors
    )


def purge(css: str, words: set[str]) -> str:
    """The style sheet without rules that can apply to nothing."""
    out = []
    for head, body in rules(css):
        if body is None:
            out.append(f"{head};")
        elif head.startswith(NESTING):
            if inner := purge(body, words):
                out.append(f"{head}{{{inner}}}")
        elif head.startswith("@"):
            out.append(f"{head}{{{body}}}")
        elif kept := [s.strip() for s in parts(head) if applies(s, words)]:
            out.append(f"{','.join(kept)}{{{' '.join(body.split())}}}")
    return "\n".join(out)


def moved(css: str, folder: str) -> str:
    """Addresses of a sheet in ``_static/folder``, as seen from ``_static``."""

    def address(match):
        return f"url({posixpath.normpath(posixpath.join(folder, match[1]))}"

    css = css.removeprefix('@charset "UTF-8";')
    return re.sub(r"url\((?![\"']?(?:data|https?):|[\"'])([^)?#]+)", address, css)


def with_fonts(css: str, static: Path) -> str:
    """The sheet with its most used fonts in it."""

    def data(match):
        text = base64.b64encode((static / match[1]).read_bytes()).decode()
        return f"url(data:font/woff2;base64,{text})"

    return WITHIN.sub(data, css)


def found(static: Path, names: list[str]) -> list[Path]:
    return [path for name in names for path in sorted(static.glob(name))]


def point(text: str, pattern: re.Pattern, joined: set[str], new: str) -> str:
    """Replace the first tag of a joined file by ``new``, and drop the others."""
    seen = False

    def tag(match):
        nonlocal seen
        if match[2] not in joined:
            return match[0]
        first, seen = not seen, True
        return new.format(match[1]) if first else ""

    return pattern.sub(tag, text)


def join(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    pages = [p for p in sorted(out.rglob("*.html")) if static not in p.parents]
    texts = {page: page.read_text(encoding="utf8") for page in pages}
    loaded = [p for p in static.rglob("*.js") if p.name != "site.js"]
    sheets, scripts = found(static, STYLES), found(static, SCRIPTS)
    # its 300 bytes are read by scripts within the page, before any other
    options = (static / "documentation_options.js").read_text("utf8").strip()
    styles = {p.relative_to(static).as_posix() for p in [*sheets, static / "site.css"]}
    codes = {p.relative_to(static).as_posix() for p in [*scripts, static / "site.js"]}

    def pointed(text: str, css: str, js: str) -> str:
        """The page as it loads the joined files of these names."""
        sheet = f'    <link rel="stylesheet" href="{{}}_static/{css}" />\n'
        script = f'    <script defer src="{{}}_static/{js}"></script>\n'
        text = point(text, LINK, styles, sheet)
        text = point(text, SCRIPT, codes, script)
        text = SCRIPT.sub(
            lambda m: (
                f"    <script>{options}</script>\n"
                if m[2] == "documentation_options.js"
                else m[0]
            ),
            text,
        )
        # the others come after the joined one, which they need
        return re.sub(r"<script src=", "<script defer src=", text)

    # the words of a page that has been joined before must be those of a new one
    plain = (pointed(text, "site.css", "site.js") for text in texts.values())
    words = {w for text in plain for w in WORD.findall(text)}
    words |= {w for p in loaded for w in WORD.findall(p.read_text("utf8"))}

    css = ""
    for path in sheets:
        text = path.read_text("utf8")
        folder = path.parent.relative_to(static).as_posix()
        css += "\n".join([*NOTICE.findall(text), moved(purge(text, words), folder), ""])
    css = with_fonts(css, static)
    # the first statement ends the place where "use strict" would hold for all of them
    js = ";\n" + "".join(
        re.sub(r"^//# sourceMappingURL=.*", "", p.read_text("utf8"), flags=re.M) + ";\n"
        for p in scripts
    )
    js, measured = MEASURED.subn("[':not(*)']", js)
    if measured != 1:
        raise ExtensionError("join: no longer finds where the theme measures boxes")
    made = []
    for name, text in (("site.css", css), ("site.js", js)):
        (static / name).write_text(text, encoding="utf8")
        version = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]
        made.append(f"{name}?v={version}")
    for page, text in texts.items():
        if (new := pointed(text, *made)) != text:
            page.write_text(new, encoding="utf8")


def setup(app):
    app.connect("build-finished", join, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Small pages: only the scripts, elements, icons and letters that a page uses."""

import html
import logging
import re
import shutil
from pathlib import Path

NEEDS = [  # name of an asset, and what the page's body holds when it needs it
    (r"sliders\.js", r'class="sliders"'),
    (r"playground\.js", r'class="play"'),
    (r"(formula|derive|slips)\.js", r'class="[^"]*\bderive\b'),
    (r"sphinx-design.*\.css|design-tabs\.js", r'class="[^"]*\bsd-'),
    (r"\.previews\.js", r"reference internal|footnote-reference"),
]
UNUSED = [
    "scripts/fontawesome.js",
    "scripts/fontawesome.js.LICENSE.txt",
    "locales",
    "sphinx-thebe.js",
    "sphinx-thebe.css",
]


def wanted(asset, body: str) -> bool:
    """Whether a page with this body needs a style sheet or script."""
    name = str(getattr(asset, "filename", asset) or "")
    return not any(re.search(n, name) and not re.search(b, body) for n, b in NEEDS)


def trim(app, pagename, templatename, context, doctree) -> None:
    body = context.get("body") or ""
    for kind in ("css_files", "script_files"):
        context[kind] = [a for a in context[kind] if wanted(a, body)]


def finish(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    for name in UNUSED:
        path = static / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in static.rglob("*.map"):
        path.unlink()
    for path in Path(app.outdir).glob("tippy_*_cache.json"):
        path.unlink()
    merge_code(Path(app.outdir))
    subset_icons(Path(app.outdir))
    subset_letters(Path(app.outdir))


def uncoloured(css: str) -> set[str]:
    """Classes of code that have the colour of their box, in light and in dark."""
    every = []
    for theme in ("light", "dark"):
        box = rf'html\[data-theme="{theme}"\] \.highlight'
        colour = re.search(rf"{box} \{{[^}}]*?\bcolor: (#\w+)", css)[1]
        every.append(set(re.findall(rf"{box} \.(\w+) \{{ color: {colour} \}}", css)))
    return set.intersection(*every)


def merge_code(out: Path) -> None:
    """Names and brackets in code without elements of their own: a sixth of a page."""
    plain = uncoloured((out / "_static/pygments.css").read_text(encoding="utf8"))
    span = re.compile(rf'<span class="(?:{"|".join(sorted(plain))})">([^<]*)</span>')
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf8")
        if (new := span.sub(r"\1", text)) != text:
            page.write_text(new, encoding="utf8")


def glyphs(css: str) -> dict[str, int]:
    """Name of a Font Awesome icon -> code point, from the theme's style sheet."""
    rule = r'((?:\.fa-[a-z0-9-]+(?::before)?,?)+)\{(?:--fa:|content:)"(\\?[^"]+)"'
    found = {}
    for selectors, text in re.findall(rule, css):
        code = re.fullmatch(r"\\([0-9a-f]{2,5})", text)
        for name in re.findall(r"fa-[a-z0-9-]+", selectors):
            found[name] = int(code[1], 16) if code else ord(text[-1])
    return found


def subset_icons(out: Path) -> None:
    """Cut the icon fonts (270 kB) down to the icons that occur on some page."""
    static = out / "_static"
    sheet = static / "styles/pydata-sphinx-theme.css"
    css = sheet.read_text(encoding="utf8")
    code = glyphs(css)
    used = {ord(c) for v in re.findall(r'--pst-icon-[a-z-]+:"([^"]+)"', css) for c in v}
    texts = [p.read_text(encoding="utf8") for p in out.rglob("*.html")]
    texts.append((static / "scripts/pydata-sphinx-theme.js").read_text("utf8"))
    names = {name for text in texts for name in re.findall(r"fa-[a-z0-9-]+", text)}
    used |= {code[name] for name in names if name in code}
    for other in static.rglob("*.css"):
        if other not in (sheet, static / "site.css"):
            text = other.read_text(encoding="utf8")
            used |= {
                int(c, 16) for c in re.findall(r'content:\s*"\\([0-9a-f]{4})"', text)
            }
    fonts = static / "vendor/fontawesome/webfonts"
    for path in fonts.glob("*.ttf"):
        path.unlink()
    for path in fonts.glob("*.woff2"):
        cut(path, used)


def subset_letters(out: Path) -> None:
    """Cut the fonts of the mathematics down to the characters of all pages."""
    texts = (p.read_text(encoding="utf8") for p in out.rglob("*.html"))
    used = {ord(c) for text in texts for c in html.unescape(text)}
    for path in (out / "_static/vendor/katex/fonts").glob("*.woff2"):
        cut(path, used, ["*"])


def cut(path: Path, used: set[int], features: list[str] | tuple = ()) -> None:
    """Leave only these code points in a font."""
    from fontTools import subset

    # recalc_timestamp would make two builds differ
    options = subset.Options(
        flavor="woff2",
        layout_features=list(features),
        notdef_outline=True,
        recalc_timestamp=False,
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    font = subset.load_font(str(path), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=used)
    cutter.subset(font)
    subset.save_font(font, str(path), options)


def setup(app):
    app.connect("html-page-context", trim, priority=900)
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The fonts of mathematics, cut down to the characters that occur in the book.

Two of them are in every formula: they stand in the style sheet, so that all is there at
the first paint and nothing moves.
"""

import base64
import html
import logging
from pathlib import Path

FONTS = "vendor/katex/fonts"
FIRST = ("KaTeX_Main-Regular.woff2", "KaTeX_Math-Italic.woff2")


def cut_all(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    texts = (p.read_text(encoding="utf8") for p in Path(app.outdir).rglob("*.html"))
    used = {ord(c) for c in set().union(*map(html.unescape, texts))}
    whole = Path(__file__).parents[1] / "_static" / FONTS
    for path in whole.glob("*.woff2"):
        cut(path, Path(app.outdir, "_static", FONTS, path.name), used)
    sheet = "vendor/katex/katex.min.css"
    css = (whole.parents[2] / sheet).read_text(encoding="utf8")
    put_in(css, Path(app.outdir, "_static", sheet))


def put_in(css: str, target: Path) -> None:
    """Write a style sheet with the first fonts in it."""
    for name in FIRST:
        font = target.with_name("fonts") / name
        data = base64.b64encode(font.read_bytes()).decode()
        css = css.replace(f"fonts/{name}", f"data:font/woff2;base64,{data}")
    target.write_text(css, encoding="utf8")


def cut(path: Path, target: Path, used: set[int]) -> None:
    """Leave only these code points in a font."""
    from fontTools import subset

    # recalc_timestamp would make two builds differ
    options = subset.Options(
        flavor="woff2",
        layout_features=["*"],
        hinting=False,
        notdef_outline=True,
        recalc_timestamp=False,
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    font = subset.load_font(str(path), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=used)
    cutter.subset(font)
    subset.save_font(font, str(target), options)
    font.close()


def setup(app):
    app.connect("build-finished", cut_all, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

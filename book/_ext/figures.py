"""Figures are loaded when they come near the screen, and hold their place before."""

import re
from pathlib import Path

PICTURE = re.compile(r'<img (?=[^>]*\bsrc="(?:\.\./)*_images/([^"]+)")')
SIZE = re.compile(r'<svg[^>]*?\bviewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', re.S)
PIXELS = 4 / 3  # of a point


def size(path: Path) -> str:
    """Width and height of an SVG file as attributes, "" if it does not say them."""
    found = SIZE.search(path.read_text("utf8")) if path.suffix == ".svg" else None
    if not found:
        return ""
    width, height = (round(float(points) * PIXELS) for points in found.groups())
    return f'width="{width}" height="{height}" '


def hold(app, pagename, templatename, context, doctree) -> None:
    files = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}

    def tag(match: re.Match) -> str:
        known = files.get(match[1])
        return f'<img loading="lazy" {size(known) if known else ""}'

    if context.get("body"):
        context["body"] = PICTURE.sub(tag, context["body"])


def setup(app):
    app.connect("html-page-context", hold, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

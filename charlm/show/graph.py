"""Computation graphs: boxes for values, arrows that say what goes where."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from .table import Html

COLUMN, ROW, HEIGHT, CHARACTER = 92, 60, 34, 9.5  # of a graph, in pixels
LINE = 20  # what a further line of text adds to a box
PORT = 7  # arrows both ways on one side of a box stand this far from its middle
SMALLEST = 0.75  # a graph shrinks no further than this, then it scrolls


@dataclass(frozen=True)
class Node:
    """A value of a computation graph.

    Attributes:
        column: place from left to right.
        row: place from top to bottom; fractions are fine.
        text: what stands in the box, one or more lines.
        href: address that the box links to, "" for none.
        learnt: a parameter, drawn with a dashed border.
        width: of the box in pixels, 0 for what the text needs.
        now: drawn with a thick border.
    """

    column: float
    row: float
    text: str
    href: str = ""
    learnt: bool = False
    width: float = 0.0
    now: bool = False


def width(text: str) -> float:
    """How wide a box has to be for a text, in pixels."""
    return max(34.0, CHARACTER * max(map(len, text.split("\n"))) + 16)


def layout(edges: Iterable[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Column and row of every value of a graph, by name.

    A column is the length of the longest way from the beginning. Every other column is
    half a row lower, so that an arrow that passes a column misses the box in its way.

    Args:
        edges: (from, to) by name, those into a value before those out of it.
    """
    column: dict[str, int] = {}
    for a, b in edges:
        column.setdefault(a, 0)
        column[b] = max(column.get(b, 0), column[a] + 1)
    rows: dict[int, int] = {}
    places = {}
    for name, c in column.items():
        places[name] = (float(c), rows.get(c, 0) + c % 2 / 2)
        rows[c] = rows.get(c, 0) + 1
    return places


def _ends(
    edges: Iterable[tuple[str, str]],
    x: dict[str, float],
    y: dict[str, float],
    widths: dict[str, float],
    tall: float,
) -> dict[tuple[str, str], tuple[float, ...]]:
    """Where every arrow begins and ends: (x1, y1, x2, y2).

    Where arrows leave a side of a box and others come in there, those to the right (or
    downwards) stand above (or left of) those to the left (or upwards).
    """
    found: dict[tuple[str, str], tuple[bool, int]] = {}
    ways: dict[tuple[str, bool, int], set[int]] = {}
    for a, b in edges:
        way = 1 if x[b] > x[a] else -1
        across = way * (x[b] - x[a]) > (widths[a] + widths[b]) / 2 + 2
        if not across:  # the boxes stand above each other
            way = 1 if y[b] > y[a] else -1
        found[a, b] = across, way
        for side in ((a, across, way), (b, across, -way)):
            ways.setdefault(side, set()).add(way)
    ends: dict[tuple[str, str], tuple[float, ...]] = {}
    for (a, b), (across, way) in found.items():
        shift_a = -way * PORT * (len(ways[a, across, way]) - 1)
        shift_b = -way * PORT * (len(ways[b, across, -way]) - 1)
        if across:
            x1, x2 = x[a] + way * widths[a] / 2, x[b] - way * (widths[b] / 2 + 2)
            ends[a, b] = x1, y[a] + shift_a, x2, y[b] + shift_b
        else:
            y1, y2 = y[a] + way * tall / 2, y[b] - way * (tall / 2 + 2)
            ends[a, b] = x[a] + shift_a, y1, x[b] + shift_b, y2
    return ends


def graph(
    nodes: dict[str, Node],
    edges: Iterable[tuple[str, str]],
    alt: str,
    column: float = COLUMN,
    labels: Mapping[tuple[str, str], str] | None = None,
    now: Iterable[tuple[str, str]] = (),
) -> Html:
    """A computation graph: boxes for values, arrows that say what goes where.

    Args:
        nodes: name -> box.
        edges: (from, to) by name; they may go to the left as well.
        alt: the picture in words, for those who cannot see it.
        column: distance of two columns, in pixels.
        labels: what stands at an arrow.
        now: arrows to be drawn thick.
    """
    edges, labels, now = list(edges), labels or {}, set(now)
    mark = "arrow-" + hashlib.sha256(alt.encode()).hexdigest()[:8]
    widths = {k: n.width or width(n.text) for k, n in nodes.items()}
    more = LINE * max(n.text.count("\n") for n in nodes.values())
    row, tall = ROW + more, HEIGHT + more
    x = {k: column * n.column for k, n in nodes.items()}
    left = 8 - min(x[k] - widths[k] / 2 for k in nodes)
    x = {k: left + place for k, place in x.items()}
    y = {k: 9 + tall / 2 + row * n.row for k, n in nodes.items()}
    parts: list[str] = []
    tags: list[str] = []
    for (a, b), (x1, y1, x2, y2) in _ends(edges, x, y, widths, tall).items():
        bend = (x1 + x2) / 2
        curve = f"C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
        # of a curve that is straight, WebKit would turn the head sideways
        line = f"L{x2:g} {y2:g}" if x1 == x2 or y1 == y2 else curve
        thick = (a, b) in now
        parts.append(
            f'<path class="{"edge now" if thick else "edge"}" d="M{x1:g} {y1:g}{line}" '
            f'fill="none" stroke="currentColor" stroke-width="{3 if thick else 1.4}" '
            f'marker-end="url(#{mark})"/>'
        )
        if (a, b) in labels:
            tags.append(
                f'<text class="tag" x="{bend:g}" y="{(y1 + y2) / 2 - 6:g}" '
                f'text-anchor="middle" fill="currentColor">'
                f"{escape(labels[a, b])}</text>"
            )
    for k, n in nodes.items():
        left, top = x[k] - widths[k] / 2, y[k] - tall / 2
        style = ' stroke-dasharray="5 3"' if n.learnt else ""
        style += ' stroke-width="3"' if n.now else ""
        line_under = ' text-decoration="underline"' if n.href else ""
        kind = "node now" if n.now else "node"
        lines = n.text.split("\n")
        first = y[k] + 5 - LINE * (len(lines) - 1) / 2
        box = (
            f'<rect class="{kind}" x="{left:g}" y="{top:g}" width="{widths[k]:g}" '
            f'height="{tall}" rx="7" fill="currentColor" fill-opacity="0.06" '
            f'stroke="currentColor"{style}/>'
        ) + "".join(
            f'<text x="{x[k]:g}" y="{first + LINE * i:g}" text-anchor="middle" '
            f'fill="currentColor"{line_under}>{escape(line)}</text>'
            for i, line in enumerate(lines)
        )
        # as dark as its text where no style says otherwise: Firefox's blue is not
        link = f'<a href="{escape(n.href)}" color="inherit">{box}</a>'
        parts.append(link if n.href else box)
    wide = max(x[k] + widths[k] / 2 for k in nodes) + 8
    height = max(y.values()) + tall / 2 + 8
    html = (
        f'<div class="graph-scroll" style="overflow-x:auto"><svg class="graph" '
        f'viewBox="0 0 {wide:g} {height:g}" width="{wide:g}" height="{height:g}" '
        f'style="max-width:100%;min-width:{SMALLEST * wide:g}px;height:auto" '
        'font-family="system-ui, sans-serif" font-size="16" role="group" '
        f'aria-label="{escape(alt)}"><defs><marker id="{mark}" viewBox="0 0 8 8" '
        'refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="10" '
        'markerHeight="10" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>'
        + "".join(parts + tags)
        + "</svg></div>"
    )
    plain = {k: n.text.replace("\n", ": ") for k, n in nodes.items()}
    text = "\n".join([alt, *(f"{plain[a]} -> {plain[b]}" for a, b in edges)])
    return Html(html, text)

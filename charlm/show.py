"""Tables and computation graphs as HTML, for the book's pages and for notebooks."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

COLUMN, ROW, HEIGHT, CHARACTER = 92, 60, 34, 9.5  # of a graph, in pixels


@dataclass(frozen=True)
class Html:
    """A piece of HTML that notebooks show as it is, and terminals as plain text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> Html:
    """A table whose first column names its rows.

    Args:
        header: text of the head of each column.
        rows: text of the cells, row by row.
        caption: one sentence, read out before the table.
    """
    rows = [list(map(str, row)) for row in rows]
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in header)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    html = (
        f'<div class="table-scroll"><table class="table"><caption>{escape(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return Html(html, "\n".join([caption, *lines]))


@dataclass(frozen=True)
class Node:
    """A value of a computation graph.

    Attributes:
        column: place from left to right.
        row: place from top to bottom; fractions are fine.
        text: what stands in the box.
        href: address that the box links to, "" for none.
        learnt: a parameter, drawn with a dashed border.
    """

    column: float
    row: float
    text: str
    href: str = ""
    learnt: bool = False


def graph(
    nodes: dict[str, Node],
    edges: Iterable[tuple[str, str]],
    alt: str,
    column: float = COLUMN,
) -> Html:
    """A computation graph: boxes for values, arrows in the direction of the forward.

    Args:
        nodes: name -> box.
        edges: (from, to) by name.
        alt: the picture in words, for those who cannot see it.
        column: distance of two columns, in pixels.
    """
    edges = list(edges)
    mark = "arrow-" + hashlib.sha256(alt.encode()).hexdigest()[:8]
    widths = {k: max(34.0, CHARACTER * len(n.text) + 16) for k, n in nodes.items()}
    x = {k: column * n.column for k, n in nodes.items()}
    left = 8 - min(x[k] - widths[k] / 2 for k in nodes)
    x = {k: left + place for k, place in x.items()}
    y = {k: 26 + ROW * n.row for k, n in nodes.items()}
    parts = []
    for a, b in edges:
        x1, x2 = x[a] + widths[a] / 2, x[b] - widths[b] / 2 - 2
        y1, y2 = y[a], y[b]
        if x2 <= x1:  # the boxes stand above each other
            x1, x2 = x[a], x[b]
            down = 1 if y2 > y1 else -1
            y1, y2 = y1 + down * HEIGHT / 2, y2 - down * (HEIGHT / 2 + 2)
        bend = (x1 + x2) / 2
        path = f"M{x1:g} {y1:g}C{bend:g} {y1:g} {bend:g} {y2:g} {x2:g} {y2:g}"
        parts.append(f'<path class="edge" d="{path}" marker-end="url(#{mark})"/>')
    for k, n in nodes.items():
        left, top = x[k] - widths[k] / 2, y[k] - HEIGHT / 2
        style = ' stroke-dasharray="5 3"' if n.learnt else ""
        box = (
            f'<rect class="node" x="{left:g}" y="{top:g}" width="{widths[k]:g}" '
            f'height="{HEIGHT}" rx="7"{style}/><text x="{x[k]:g}" y="{y[k] + 5:g}" '
            f'text-anchor="middle">{escape(n.text)}</text>'
        )
        link = f'<a href="{escape(n.href)}">{box}</a>' if n.href else box
        parts.append(link)
    width = max(x[k] + widths[k] / 2 for k in nodes) + 8
    height = max(y.values()) + HEIGHT / 2 + 8
    html = (
        f'<div class="graph-scroll"><svg class="graph" viewBox="0 0 {width:g} '
        f'{height:g}" width="{width:g}" height="{height:g}" role="group" '
        f'aria-label="{escape(alt)}"><defs><marker id="{mark}" viewBox="0 0 8 8" '
        'refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
        + "".join(parts)
        + "</svg></div>"
    )
    text = "\n".join([alt, *(f"{nodes[a].text} -> {nodes[b].text}" for a, b in edges)])
    return Html(html, text)

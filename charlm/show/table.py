"""A piece of HTML, and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


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

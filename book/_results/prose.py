"""Make a text to train on from the prose of this book: charlm/data/lists/book.txt.

Run once, ``python book/_results/prose.py FILE``; the file is kept as it came out and
does not follow later edits of the pages, so that a corrected word moves no result. It
is not part of ``make results``. One paragraph a line, an empty line between pages.

Kept are the paragraphs and list items of the pages, in the order of the book, and of
those the sentences that are words alone: code, equations, tables, headings, figures
and notes go, and with them each sentence that has a formula, a value computed by a
cell, or a citation by name. A paragraph that stands twice is taken once.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import DocutilsRenderer
from myst_parser.parsers.mdit import create_md_parser

ROOT = Path(__file__).parents[2]
CUT = "\0"  # stands where something was that is no word
ASCII = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\xa0": " "}
)
END = re.compile(r"(?:(?<=[.?!])|(?<=[.?!][)\"]))\s+(?=[A-Z\"(])")
FENCES = ("admonition", "container", "note", "tip", "warning")


def pages() -> list[Path]:
    """The pages of the book in their order."""
    toc = (ROOT / "_toc.yml").read_text("utf8")
    names = ["index", *re.findall(r"file: (\S+)", toc)]
    return [ROOT / f"{name}.md" for name in names]


def words(token: Token) -> str:
    """The text of a paragraph, with CUT for what is no word."""
    found = []
    for child in token.children or []:
        role, content = child.meta.get("name", ""), child.content
        if child.type == "text":
            found.append(content)
        elif child.type in ("softbreak", "hardbreak"):
            found.append(" ")
        elif role == "ref" and (named := re.match(r"(.+?)\s*<", content)):
            found.append(named[1])
        elif role == "cite:p":
            found[-1:] = [found[-1].rstrip()] if found else []
        elif child.type not in ("strong_open", "strong_close", "em_open", "em_close"):
            found.append(CUT)
    return "".join(found).translate(ASCII)


def paragraphs(parser: MarkdownIt, text: str) -> Iterator[str]:
    """The paragraphs of a page, also those inside of boxes."""
    tokens = parser.parse(text)
    for before, token in zip(tokens, tokens[1:], strict=False):
        if token.type == "inline" and before.type == "paragraph_open":
            yield words(token)
        elif token.type == "colon_fence" and any(f in token.info for f in FENCES):
            options = re.compile(r"^(:[\w-]+:.*|---[\s\S]*?---)\n", re.M)
            yield from paragraphs(parser, options.sub("", token.content))


def sentences(paragraph: str) -> str:
    """Those sentences of a paragraph that are words alone."""
    plain = re.compile(r"[A-Z\"(][\w ,.;:?!'\"()/-]*[.?!][)\"]?", re.A)
    found = END.split(re.sub(r"\s+", " ", paragraph).strip())
    return " ".join(s for s in found if plain.fullmatch(s))


def main(path: str) -> None:
    """Write the text."""
    settings = MdParserConfig(
        enable_extensions={"dollarmath", "colon_fence", "amsmath"}
    )
    parser = create_md_parser(settings, DocutilsRenderer)
    found, told = [], set[str]()
    for page in pages():
        made = map(sentences, paragraphs(parser, page.read_text("utf8")))
        new = [p for p in dict.fromkeys(made) if p and p not in told]
        told.update(new)
        found.append("\n".join(new))
    Path(path).write_text("\n\n".join(p for p in found if p) + "\n", "ascii")


if __name__ == "__main__":
    main(sys.argv[1])

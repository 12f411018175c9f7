"""The pages of the built site, in order, without what paper and readers cannot use.

PDF and EPUB are made from the site, not by a second run of Sphinx: no cell runs, and
numbers of chapters, equations and exercises cannot differ from those of the site.
"""

import os
import posixpath
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[2]
SITE, OUT = ROOT / "_build" / "html", ROOT / "_build"
# for a mouse, a keyboard, or a screen alone
GONE = (
    "a.headerlink, button, script, .stepper-buttons, .stepper-status, .play, "
    ".train, .front-live, .front input, .explore-controls, .explore-status, "
    ".toctree-wrapper, .whole-book, dt a.to-source, "
    "details.hide > summary"
)


@dataclass
class Page:
    """One page: its address in the site, its title, and its part of the book."""

    path: str  # book/mlp.html
    title: str  # 7. The multilayer perceptron
    part: str  # the caption when the page begins a part, else ""
    body: Tag


def contents(site: Path) -> list[tuple[str, str, str]]:
    """Path, title and part of every page, from the front page's navigation."""
    soup = BeautifulSoup((site / "index.html").read_text("utf8"), "html.parser")
    found = [("index.html", soup.h1.find(string=True), "")]
    part = ""
    for item in soup.select(".sidebar-tree p.caption, .sidebar-tree li > a"):
        if item.name == "p":
            part = item.get_text(strip=True)
        elif item["href"] != "#":
            found.append((item["href"], item.get_text(strip=True), part))
            part = ""
    return found


def read(site: Path) -> list[Page]:
    """All pages of the site."""
    pages = []
    for path, title, part in contents(site):
        soup = BeautifulSoup((site / path).read_text("utf8"), "html.parser")
        pages.append(Page(path, title, part, clean(soup.select_one("article"))))
    return pages


def clean(body: Tag) -> Tag:
    """Leave out what only works on a screen, open what is folded."""
    for tag in body.select(".front [type=radio][checked]"):
        tag.replace_with("\N{CHECK MARK}")
    for tag in body.select(GONE):
        tag.decompose()
    for tag in body.select("[for]"):  # a field that is gone
        del tag["for"]
    for tag in body.select("details"):
        tag.name = "div"
        del tag["open"]
    for tag in body.select("summary"):  # captions of a stepper, titles of solutions
        tag.name = "p"
    for tag in body.select("a.to-source"):  # pages of source are not in it
        del tag["href"]
    for tag in body.select(".demo-static"):  # what stands for the demos without scripts
        del tag["class"]
    return body


def unlinked(tag: Tag) -> None:
    """The words of a link to what the book does not have, such as the index."""
    del tag["href"], tag["download"]


def target(page: str, link: str, known: set[str]) -> tuple[str, str] | None:
    """Page and anchor that a link of a page leads to; None if it leaves the book."""
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    found = path if link.partition("#")[0] else page
    return (found, anchor) if found in known else None


def about(site: Path) -> dict[str, str]:
    """Title, author, description and origin, as the site states them."""
    soup = BeautifulSoup((site / "index.html").read_text("utf8"), "html.parser")
    author = soup.select_one(".author").get_text(strip=True)
    return {
        "title": soup.h1.find(string=True),
        "author": author,
        "description": soup.select_one('meta[name="description"]')["content"],
        "origin": soup.select_one(".provenance").get_text(strip=True),
        "modified": modified(soup.select_one(".copyright").get_text()),
    }


def modified(copyright: str) -> str:
    """When the source was committed; without a repository, the year of the book."""
    form = ["--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]
    ask = ["git", "-C", str(ROOT), "log", "-1", *form]
    try:
        env = {**os.environ, "TZ": "UTC"}
        when = subprocess.run(ask, capture_output=True, text=True, env=env).stdout
    except OSError:  # no git
        when = ""
    return when.strip() or re.search(r"\d{4}", copyright)[0] + "-01-01T00:00:00Z"

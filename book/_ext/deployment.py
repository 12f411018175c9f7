"""Links that depend on where the book lives, known only when it is deployed.

``BOOK_REPOSITORY`` (https://github.com/owner/name) gives links to the repository and to
a form for errors and, on GitHub, one that opens the published notebook in Colab.
``BOOK_BASE_URL`` gives the canonical addresses, the site map and the previews in
messengers. Notebooks that are opened elsewhere install ``charlm`` from the repository,
or else from a wheel beside the pages. Without both these links are absent. So are those
to the whole book in one file, unless `make pdf` and `make epub` have made it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from sphinx.errors import ExtensionError

from charlm import __version__

COLAB = "https://colab.research.google.com/github"
WHEEL = f"charlm-{__version__}-py3-none-any.whl"
PACKED = ("charlm", "pyproject.toml", "README.md", "LICENSE", "LICENSES")
WHOLE = {"book.pdf": "PDF", "book.epub": "EPUB"}


def configure(app, config) -> None:
    if address():
        base = f"{address()}/"
        config.html_baseurl = config.ogp_site_url = base
        config.ogp_site_name = config.html_title
        config.ogp_social_cards = {"enable": False}
        config.sitemap_url_scheme = "{link}"
        config.notfound_urls_prefix = re.sub(r"^https?://[^/]+", "", base)


def lead_on(app, config) -> None:
    """What the page says whose address does not exist: three ways on."""
    root = config.notfound_urls_prefix.rstrip("/")
    ways = {"index": "the front page", "search": "the search", "genindex": "the index"}
    links = [f'<a href="{root}/{page}.html">{text}</a>' for page, text in ways.items()]
    told = "There is no page of this book at this address. What you look for may have "
    told += f"moved: {links[0]}, {links[1]} and {links[2]} lead to every page."
    body = f"<h1>Page not found</h1>\n\n<p>{told}</p>"
    config.notfound_context = {"title": "Page not found", "body": body}


def setup_with_address(app) -> None:
    """Extensions that make no sense without an address."""
    if address():
        app.setup_extension("sphinxext.opengraph")
        app.setup_extension("sphinx_sitemap")


def repository() -> str:
    return os.environ.get("BOOK_REPOSITORY", "").rstrip("/")


def address() -> str:
    return os.environ.get("BOOK_BASE_URL", "").rstrip("/")


def package() -> str:
    """What pip installs where a notebook of the site is opened; empty if unknown."""
    if repository():
        return f"git+{repository()}"
    return f"{address()}/{WHEEL}" if address() else ""


def copy_package(root: Path, folder: Path) -> None:
    """What the package is built from, without what was left there by its use."""
    for name in PACKED:
        if (root / name).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(root / name, folder / name, ignore=unwanted)
        else:
            shutil.copyfile(root / name, folder / name)


def pack(app, exception) -> None:
    """The package as a wheel beside the pages, where notebooks are told to find it."""
    if exception or app.builder.name != "html" or not package().endswith(WHEEL):
        return
    with tempfile.TemporaryDirectory() as folder:  # setuptools builds in its source
        copy_package(Path(app.srcdir), Path(folder))
        build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
        command = [sys.executable, "-c", build, str(app.outdir)]
        same = {"SOURCE_DATE_EPOCH": "315532800"}  # the first year that a zip can say
        done = subprocess.run(
            command, cwd=folder, env=os.environ | same, capture_output=True, text=True
        )
    if done.returncode:
        raise ExtensionError(f"no wheel of charlm: {done.stderr.strip()[-300:]}")


def lead_out(app, pagename, templatename, context, doctree) -> None:
    """Links above a page: its notebooks, and what needs the repository."""
    links = context["page_links"] = []
    notebook = context.get("ipynb_source")
    if notebook:
        links.append(("Notebook", context["pathto"](f"_sources/{notebook}", 1)))
    if solutions := context.get("ipynb_solutions"):
        links.append(("Solutions", context["pathto"](f"_sources/{solutions}", 1)))
    home = repository()
    on_github = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", home)
    if on_github and notebook:
        path = f"{on_github[1]}/blob/gh-pages/_sources/{notebook}"
        links.append(("Open in Colab", f"{COLAB}/{path}"))
    if home:
        title = quote(f"Error on the page {pagename}")
        links.append(("Report an error", f"{home}/issues/new?title={title}"))
        links.append(("Source", home))


def find_whole(app, config) -> None:
    """Which files of the whole book there are; a change of this renews the pages."""
    build = Path(app.srcdir, "_build")
    config.whole_book = [name for name in WHOLE if (build / name).is_file()]


def offer_whole(app, pagename, templatename, context, doctree) -> None:
    """A line on the front page with the files of the whole book."""
    if pagename == app.config.root_doc and app.config.whole_book:
        links = [
            f'<a href="{name}">{WHOLE[name]}</a>' for name in app.config.whole_book
        ]
        line = (
            f'<p class="whole-book">The whole book in one file: {", ".join(links)}.</p>'
        )
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)


def copy_whole(app, exception) -> None:
    if exception is None and app.builder.name == "html":
        for name in app.config.whole_book:
            shutil.copyfile(Path(app.srcdir, "_build", name), Path(app.outdir, name))


def map_all(app, exception) -> None:
    """Every page is in the site map, in one order, also if it was written before."""
    if exception or not hasattr(app, "sitemap_links"):
        return
    while not app.sitemap_links.empty():
        app.sitemap_links.get()
    for path in sorted(Path(app.outdir).rglob("*.html")):
        page = path.relative_to(app.outdir).as_posix()
        if not page.startswith("_static/"):
            app.sitemap_links.put((page, None))


def setup(app):
    setup_with_address(app)
    app.add_config_value("whole_book", [], "html")
    app.connect("config-inited", find_whole)
    app.connect("html-page-context", offer_whole, priority=400)
    app.connect("build-finished", map_all, priority=400)
    app.connect("build-finished", copy_whole)
    app.connect("build-finished", pack)
    app.connect("config-inited", configure, priority=100)
    app.connect("config-inited", lead_on)
    app.connect("html-page-context", lead_out, priority=510)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Links that depend on where the book lives, known only when it is deployed.

``BOOK_REPOSITORY`` (https://github.com/owner/name) gives the repository link and, on
GitHub, a link that opens the published notebook in Colab. ``BOOK_BASE_URL`` gives the
canonical addresses, the site map and the previews in messengers. Without them nothing
is invented: these links are absent.
"""

import os
import re

COLAB = "https://colab.research.google.com/github"


def configure(app, config) -> None:
    repository = os.environ.get("BOOK_REPOSITORY", "").rstrip("/")
    base = os.environ.get("BOOK_BASE_URL", "")
    if repository:
        options = dict(config.html_theme_options)
        options.update(repository_url=repository, use_repository_button=True)
        config.html_theme_options = options
    if base:
        base = base.rstrip("/") + "/"
        config.html_baseurl = config.ogp_site_url = base
        config.ogp_site_name = config.html_title
        config.ogp_social_cards = {"enable": False}
        config.sitemap_url_scheme = "{link}"
        config.notfound_urls_prefix = re.sub(r"^https?://[^/]+", "", base)


def setup_with_address(app) -> None:
    """Extensions that make no sense without an address."""
    if os.environ.get("BOOK_BASE_URL"):
        app.setup_extension("sphinxext.opengraph")
        app.setup_extension("sphinx_sitemap")


def colab(app, pagename, templatename, context, doctree) -> None:
    """A button to the notebook on the branch that the site is published from."""
    repository = os.environ.get("BOOK_REPOSITORY", "").rstrip("/")
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", repository)
    if found and context.get("ipynb_source"):
        path = f"{found[1]}/blob/gh-pages/_sources/{context['ipynb_source']}"
        context["header_buttons"].append(
            {
                "type": "link",
                "url": f"{COLAB}/{path}",
                "tooltip": "Open this page in Colab",
                "text": "",
                "icon": "fas fa-rocket",
                "label": "launch-colab-button",
            }
        )


def setup(app):
    setup_with_address(app)
    app.connect("config-inited", configure, priority=100)
    app.connect("html-page-context", colab, priority=510)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""At the foot of every page: the source, versions and data that it was built from."""

import subprocess
from importlib.metadata import version
from pathlib import Path


def commit(root: Path) -> str:
    """The commit of the source, "" where there is no repository."""
    ask = ["git", "-C", str(root), "describe", "--always", "--abbrev=8"]
    ask.append("--dirty=, changed since")
    try:
        return subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        return ""


def line(root: Path) -> str:
    """One sentence, plain text."""
    found = commit(root)
    source = f"charlm {version('charlm')}" + (f" (commit {found})" if found else "")
    return (
        f"Built from {source} with PyTorch {version('torch').partition('+')[0]}; "
        "outputs were computed while the page was built."
    )


def sign(app, config) -> None:
    config.html_context["provenance"] = line(Path(app.srcdir))


def setup(app):
    app.connect("config-inited", sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

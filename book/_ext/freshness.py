"""No stale page: outputs follow the code, and no warning is forgotten.

The notebook cache knows a page by its cells alone; it does not see the package that
the cells import. So the cache gets a folder named after a hash of all that can change
an output. Editing the package makes every page run again, undoing the edit finds the
old outputs. The folder is an "env" setting of Sphinx, which then also reads every page
anew: quoted code, the ledger and the API page follow.
"""

import hashlib
import os
import shutil
from importlib.metadata import version
from pathlib import Path

PINNED = ("torch", "numpy", "matplotlib", "ipykernel")
WATCHED = ("charlm/**/*.py", "charlm/data/lists/*.txt", "book/_results/*.json")
MADE = {"404", "genindex", "search"}  # pages that Sphinx makes
KEPT = 5  # caches of earlier states of the code


def digest(root: Path, patterns: tuple[str, ...]) -> "hashlib._Hash":
    """Hash names and contents of all files that match."""
    found = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(path.relative_to(root).as_posix().encode())
                found.update(path.read_bytes())
    return found


def code_key(root: Path) -> str:
    """Hash of everything outside a page that can change its outputs."""
    found = digest(root, WATCHED)
    own = os.environ.get("CHARLM_NAMES")
    if own and os.path.isfile(own):
        found.update(Path(own).name.encode() + Path(own).read_bytes())
    for name in PINNED:
        found.update(f"{name}=={version(name)}".encode())
    return found.hexdigest()[:12]


def set_cache(app, config) -> None:
    cache = Path(app.srcdir, "_build", ".jupyter_cache", code_key(Path(app.srcdir)))
    config.nb_execution_cache_path = str(cache)


def drop_old_caches(app, exception) -> None:
    current = Path(app.config.nb_execution_cache_path)
    if exception is None and current.parent.is_dir():
        folders = sorted(current.parent.iterdir(), key=lambda p: p.stat().st_mtime)
        for path in folders[:-KEPT]:
            if path != current:
                shutil.rmtree(path)


def drop_removed_pages(app, exception) -> None:
    """Sphinx leaves the files of a page that is no longer in the book."""
    if exception is None and app.builder.name == "html":
        out = Path(app.outdir)
        for path in out.rglob("*.html"):
            name = path.relative_to(out).with_suffix("").as_posix()
            if not name.startswith("_") and name not in app.env.found_docs | MADE:
                path.unlink()


def forget_after_warnings(app, exception) -> None:
    """A page that warned must warn again: Sphinx reads only pages that changed."""
    if app._warncount or app.failed:
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def setup(app):
    # A warning is a failure with plain `jupyter-book build .` too
    app.keep_going = True
    # Sphinx does not see changes of extensions, templates and styles
    root = Path(__file__).parents[2]
    site = ("book/_ext/**/*", "book/_static/**/*", "book/_templates/**/*")
    app.add_config_value("site_source", digest(root, site).hexdigest(), "html")
    app.connect("config-inited", set_cache)
    app.connect("build-finished", drop_old_caches)
    app.connect("build-finished", drop_removed_pages, priority=300)
    app.connect("build-finished", forget_after_warnings, priority=990)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

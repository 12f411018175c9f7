"""A build of what changed gives the site of a build from nothing, byte for byte.

Sphinx writes the pages whose source changed, and those whose numbers did. A page also
shows what others are called: their titles stand in its sidebar, headings and terms in
its references. So everything that one page can show of another is put into one hash;
when it changes, the site is emptied and every page written anew, which takes seconds,
since no cell runs. When it does not, the pages that changed are enough, if what Sphinx
learns while it writes (the index of the search, previews of links) is not forgotten.
"""

import hashlib
import pickle
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from docutils import nodes

SHARED = (
    "titles",
    "tocs",
    "toc_secnumbers",
    "toc_fignumbers",
    "toctree_includes",
    "sphinx_exercise_registry",
    "domaindata",
)
APART = {"index"}  # domains that only pages show which are always written
PLACE = {"line", "lineno"}  # moves with every line of prose, and is shown nowhere
HASH = "shared-state.txt"
# What Sphinx learns while it writes: after it has saved its state
LEARNT = ("_search_index_index_entries", "tippy_data")
FILE = "learnt.pickle"
KEPT = {".buildinfo"}


def told(value: object) -> object:
    """Any part of the environment as plain lists and texts, in a fixed order."""
    if isinstance(value, nodes.Node):
        return value.pformat()
    if isinstance(value, Mapping):
        return sorted((repr(told(k)), repr(told(v))) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return sorted(repr(told(v)) for v in value)
    if hasattr(value, "_asdict"):
        return told(value._asdict())
    if isinstance(value, list | tuple):
        return [told(v) for v in value]
    if hasattr(value, "__dict__"):
        kept = {k: v for k, v in vars(value).items() if k not in PLACE}
        return [type(value).__name__, told(kept)]
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def shared_state(env) -> str:
    """Hash of all that pages can show of each other."""
    found = hashlib.sha256()
    for name in SHARED:
        value = getattr(env, name, None)
        if name == "domaindata":
            value = {k: v for k, v in value.items() if k not in APART}
        found.update(f"{name}: {told(value)!r}\n".encode())
    return found.hexdigest()


def empty(folder: Path) -> None:
    """Remove what an earlier build left in the site."""
    for path in folder.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def note_read(app, env, docnames: list[str]) -> None:
    app.read_anew = set(docnames)


def widen(app, env) -> Iterable[str]:
    """All pages, if one shows something else of another than before."""
    if app.builder.name != "html":
        return []
    # Sphinx would put the checksum of the old previews into the pages
    shutil.rmtree(Path(app.outdir, "_static", "tippy"), ignore_errors=True)
    old = Path(app.doctreedir, HASH)
    app.shared_state = shared_state(env)
    same = old.is_file() and old.read_text() == app.shared_state
    if same and not env.found_docs <= app.read_anew:
        return []
    old.unlink(missing_ok=True)
    empty(Path(app.outdir))
    return sorted(env.found_docs)


def recall(app, env, docnames: list[str]) -> None:
    """Take up what the last build learnt while it wrote."""
    file = Path(app.doctreedir, FILE)
    if file.is_file():
        for name, value in pickle.loads(file.read_bytes()).items():
            setattr(env, name, value)
        for gone in env.tippy_data["pages"].keys() - env.found_docs:
            del env.tippy_data["pages"][gone]


def in_order(app) -> Iterable[tuple]:
    """The index of the search in the order of a build from nothing."""
    env, index = app.env, app.builder.indexer
    env.all_docs = dict(sorted(env.all_docs.items()))
    entries = sorted(
        (k, v) for k, v in index._index_entries.items() if k in env.all_docs
    )
    index._index_entries = env._search_index_index_entries = dict(entries)
    for words in (index._mapping, index._title_mapping):
        for word in [word for word, where in words.items() if not where]:
            del words[word]
    return []


def drop_old_pictures(app, exception) -> None:
    """Outputs of cells that are no longer there."""
    if exception is None and app.builder.name == "html":
        known = {name for _, name in app.env.images.values()}
        for path in Path(app.outdir, "_images").glob("*"):
            if path.name not in known:
                path.unlink()


def remember(app, exception) -> None:
    """Keep what was learnt, if the next build may rely on it."""
    if exception or app.builder.name != "html" or app.failed or app._warncount:
        return
    learnt = {name: getattr(app.env, name) for name in LEARNT}
    Path(app.doctreedir, FILE).write_bytes(pickle.dumps(learnt))
    Path(app.doctreedir, HASH).write_text(app.shared_state)


def setup(app):
    app.read_anew = set()
    app.connect("env-before-read-docs", note_read)
    app.connect("env-before-read-docs", recall)
    app.connect("env-updated", widen, priority=900)
    app.connect("html-collect-pages", in_order)
    app.connect("build-finished", drop_old_pictures)
    app.connect("build-finished", remember, priority=995)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Pages are written side by side on Linux: what they look like takes half a build.

Sphinx can do so, if its option asks for it, which Jupyter Book does not pass on, and if
all extensions say that they bear it. One does not: what sphinx-tippy learns of a page
for the previews of others stays in the process that wrote the page. Here it is handed
over in a file. Elsewhere pages are written one after another, with the same result.
"""

import os
import pickle
import shutil
import sys
from functools import cache
from pathlib import Path

import pybtex.plugin
from ahead import workers

FOLDER = "handed-over"  # beside the doctrees


def beside() -> bool:
    """Whether something is written in other processes, split off this one."""
    return sys.platform == "linux" and workers() > 1


def side_by_side(app, builder) -> None:
    """As many processes as processors, and some waiting for what is resolved next."""
    if builder.name == "html" and beside():
        app.parallel, builder.parallel_ok = 2 * workers() + 1, True
        folder = Path(app.doctreedir, FOLDER)
        shutil.rmtree(folder, ignore_errors=True)  # of a build that was broken off
        folder.mkdir()


def hand_over(app, pagename, templatename, context, doctree) -> None:
    """What was learnt in a process that writes, where this one finds it."""
    if doctree and os.getpid() != app.main_process:
        file = Path(app.doctreedir, FOLDER, pagename.replace("/", "."))
        learnt = {pagename: app.env.tippy_data["pages"][pagename]}
        file.write_bytes(pickle.dumps(learnt))


def take_over(app) -> list:
    """All pages are written now."""
    for file in sorted(Path(app.doctreedir, FOLDER).glob("*")):
        app.env.tippy_data["pages"] |= pickle.loads(file.read_bytes())
        file.unlink()
    return []


def setup(app):
    app.main_process = os.getpid()
    # for every reference to the bibliography all installed packages are looked through
    pybtex.plugin._load_entry_point = cache(pybtex.plugin._load_entry_point)
    app.connect("write-started", side_by_side)
    app.connect("html-page-context", hand_over, priority=900)
    app.connect("html-collect-pages", take_over)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

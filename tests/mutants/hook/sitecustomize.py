"""What other processes do that a test starts: note their lines, or have the mutant.

Python imports a file of this name when it begins, if it stands on ``PYTHONPATH``.
``CHARLM_LINES`` names a folder for the lines that are run, ``CHARLM_MUTANT`` a file
with, as JSON, the path of a source file and its new text.
"""

import atexit
import json
import os
import sys
import threading
from pathlib import Path


def follow(package):
    """Note the lines of a package that are run: returns file -> numbers."""
    found, locals_ = {}, {}
    inside = str(package) + os.sep

    def begin(frame, event, _):
        name = frame.f_code.co_filename
        if name not in locals_:
            locals_[name] = _local(found, name) if name.startswith(inside) else None
        note = locals_[name]
        if note is not None:
            note(frame, "line", None)
        return note

    threading.settrace(begin)
    sys.settrace(begin)
    return found


def _local(found, name):
    lines = found.setdefault(name, set())

    def note(frame, event, _):
        if event == "line":
            lines.add(frame.f_lineno)
        return note

    return note


def stop():
    sys.settrace(None)
    threading.settrace(None)


def plain(found):
    return {name: sorted(lines) for name, lines in found.items() if lines}


class Instead:
    """Finds one file as others do, and gives it another text."""

    def __init__(self, path, code):
        self.path, self.code = path, code

    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin != self.path:
            return None
        spec.loader.get_code = lambda name: self.code
        return spec


def put_instead(path, code):
    sys.meta_path.insert(0, Instead(str(path), code))


if os.environ.get("CHARLM_LINES"):
    _folder, _package = os.environ["CHARLM_LINES"].split(os.pathsep)
    _found = follow(_package)

    def _write():
        stop()
        Path(_folder, f"{os.getpid()}.json").write_text(json.dumps(plain(_found)))

    atexit.register(_write)
if os.environ.get("CHARLM_MUTANT"):
    _path, _text = json.loads(Path(os.environ["CHARLM_MUTANT"]).read_text())
    put_instead(_path, compile(_text, _path, "exec"))

"""What other processes do that a test starts: note their lines, or have the mutant.

Python imports a file of this name when it begins, if it stands on ``PYTHONPATH``.
``CHARLM_LINES`` names a folder for the lines that are run, ``CHARLM_MUTANT`` a file
with, as JSON, the path of a source file and its new text.
"""

import ast
import atexit
import builtins
import json
import os
import sys
from pathlib import Path


class Instead:
    """Finds files as others do, and gives some of them another code.

    Args:
        make: takes the path of a file, returns its code, or None for its own.
    """

    def __init__(self, make):
        self.make = make

    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        code = self.make(spec.origin) if spec and spec.origin else None
        if code is None:
            return None
        spec.loader.get_code = lambda name: code
        return spec


def put_instead(path, code):
    path = str(path)
    sys.meta_path.insert(0, Instead(lambda p: code if p == path else None))


def follow(package):
    """Note the statements of a package that are run, from its import on.

    Returns:
        the set of (path, number of the first line) of those that were, which grows.
    """
    ran, inside = set(), str(package) + os.sep
    builtins._ran = ran

    def make(path):
        if not (path.startswith(inside) and path.endswith(".py")):
            return None
        tree = _Noting(path).visit(ast.parse(Path(path).read_text(encoding="utf8")))
        return compile(ast.fix_missing_locations(tree), path, "exec")

    sys.meta_path.insert(0, Instead(make))
    return ran


class _Noting(ast.NodeTransformer):
    """Puts ``_ran.add((path, line))`` before every statement, and into lambdas."""

    def __init__(self, path):
        self.path = path

    def note(self, node):
        add = ast.Attribute(ast.Name("_ran", ast.Load()), "add", ast.Load())
        where = ast.Constant((self.path, node.lineno))
        return ast.copy_location(ast.Call(add, [where], []), node)

    def visit_Lambda(self, node):  # noqa: N802
        self.generic_visit(node)
        both = ast.Tuple([self.note(node), node.body], ast.Load())
        node.body = ast.Subscript(both, ast.Constant(1), ast.Load())
        return node

    def generic_visit(self, node):
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, [n for s in statements for n in self.noted(s)])
        return node

    def noted(self, s):
        """A statement after its note; what has to come first in a file has none."""
        first = isinstance(s, ast.ImportFrom) and s.module == "__future__"
        if first or isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
            return [s]
        told = [s, *getattr(s, "handlers", [])]
        return [*(ast.copy_location(ast.Expr(self.note(n)), s) for n in told), s]


def plain(ran):
    """The same by file: path -> numbers."""
    found = {}
    for path, number in sorted(ran):
        found.setdefault(path, []).append(number)
    return found


if os.environ.get("CHARLM_LINES"):
    _folder, _package = os.environ["CHARLM_LINES"].split(os.pathsep)
    _found = follow(_package)

    def _write():
        Path(_folder, f"{os.getpid()}.json").write_text(json.dumps(plain(_found)))

    atexit.register(_write)
if os.environ.get("CHARLM_MUTANT"):
    _path, _text = json.loads(Path(os.environ["CHARLM_MUTANT"]).read_text())
    put_instead(_path, compile(_text, _path, "exec"))

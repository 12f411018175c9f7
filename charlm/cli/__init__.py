"""The command line: ``charlm`` or ``python -m charlm``.

* ``arguments``: what can be typed; ``main``: from there to a command;
* ``train``, ``sample``, ``eval``, ``check``, ``bench``, ``data``: one command each, a
  function ``run(args)`` that returns the exit code;
* ``output``: for people, or for machines with ``--json``.
"""

from .arguments import parser
from .main import main

__all__ = ["main", "parser"]

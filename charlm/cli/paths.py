"""Files that a command reads are not those that it writes."""

import os
from argparse import Namespace

from ..data import SOURCES
from ..train.place import same_file, writable

READ = {"data": "--data", "start": "--from", "file": "FILE"}
WRITTEN = {"out": "--out", "plot": "--plot", "log": "--log"}
PICTURES = (".png", ".svg", ".pdf")


def check(args: Namespace) -> None:
    """Hold that no file is written that is read, or written twice, and endings fit.

    Raises:
        ValueError: names both options.
    """
    given = {name: value for name, value in vars(args).items() if value is not None}
    for name, option in (READ | WRITTEN).items():
        if given.get(name) == "":
            raise ValueError(f"{option}: the path is empty; name a file")
    used = [(option, given[n]) for n, option in READ.items() if n in given]
    used = [(option, path) for option, path in used if path not in SOURCES]
    for name, option in WRITTEN.items():
        if name not in given:
            continue
        path = given[name]
        for other, found in used:
            if same_file(path, found):
                raise ValueError(
                    f"{option} and {other} are the same file, {path}, which would be "
                    f"overwritten; choose another place with {option}"
                )
        used.append((option, path))
    for name, endings in (("plot", PICTURES), ("log", (".csv",))):
        path = given.get(name)
        if not path:
            continue
        option = WRITTEN[name]
        if os.path.splitext(path)[1].lower() not in endings:
            raise ValueError(
                f"{path}: give {option} a path that ends in {' or '.join(endings)}"
            )
        writable(path, option)

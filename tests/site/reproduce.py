"""Build the commit again from nothing: every file of the site must be the same.

``python tests/site/reproduce.py`` builds two clones in folders of different names, with
different seeds of Python's hashes, and compares their sites file by file. With the
folder of a site that was built from nothing (``_build/html`` in CI), one clone is built
and compared with that. Ends with 1 if a file differs, and says where.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = 20  # files, and characters around the first difference


def build(folder: Path, seed: int, outputs: Path | None = None) -> Path:
    """A clean clone of the commit and its site; ends the program if it fails."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    if outputs:
        shutil.copytree(outputs, folder / "_build" / outputs.name)
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(folder)}
    program = shutil.which("jupyter-book", path=Path(sys.executable).parent)
    command = [program or "jupyter-book", "build", ".", "-W", "--keep-going", "-n"]
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode:
        print((folder / "log.txt").read_text()[-3000:], file=sys.stderr)
        sys.exit(f"reproduce: the build in {folder} failed")
    return folder / "_build" / "html"


def files(root: Path) -> dict[str, Path]:
    return {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}


def place(one: Path, other: Path) -> str:
    """The first line where two files differ, cut to the difference."""
    lines = zip_longest(*(p.read_bytes().splitlines() for p in (one, other)))
    for number, pair in enumerate(lines, 1):
        if pair[0] != pair[1]:
            a, b = (x or b"" for x in pair)
            start = len(os.path.commonprefix([a, b]))
            cut = slice(max(0, start - SHOWN), start + 3 * SHOWN)
            return f"line {number}: {a[cut]!r} and {b[cut]!r}"
    return "ends of lines"


def differences(one: Path, other: Path) -> list[str]:
    """What is not the same in two folders, one line per file."""
    a, b = files(one), files(other)
    found = [f"only in one: {name}" for name in sorted(a.keys() ^ b.keys())]
    for name in sorted(a.keys() & b.keys()):
        if not filecmp.cmp(a[name], b[name], shallow=False):
            found.append(f"{name}: {place(a[name], b[name])}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", help="compare with this site")
    parser.add_argument("--outputs", action="store_true", help="run no cell again")
    options = parser.parse_args()
    status = ["git", "-C", str(ROOT), "status", "--porcelain"]
    if subprocess.run(status, capture_output=True, text=True, check=True).stdout:
        print("reproduce: commit your changes first; it builds HEAD", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        one = options.site or build(Path(folder, "one"), 1)
        cache = one.parent / ".jupyter_cache" if options.outputs else None
        other = build(Path(folder, "a", "second"), 2, cache)
        found = differences(one, other)
        print("\n".join(found[:SHOWN]))
        print(f"{len(files(one))} files, {len(found)} differ")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

"""Run every downloaded notebook where a reader would: in a fresh environment.

``python tests/site/run_notebooks.py _build/html`` makes an environment with the package
and a runner of notebooks, nothing of the book's tools, and runs each notebook from top
to bottom in an empty folder, two at a time with one thread each. Ends with 1 if one
fails. Names of notebooks after the folder run those alone.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 600  # limit of one cell


def environment(folder: Path) -> Path:
    """A fresh environment with the package; returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # a copy, because building a package writes into its folder
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("charlm", "LICENSES"):
        shutil.copytree(ROOT / name, source / name)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = ["-c", ROOT / "requirements.lock"]
    subprocess.run([*command, *lock, source, "nbclient", "ipykernel"], check=True)
    return python


def run(python: Path, notebook: Path) -> tuple[str, float, str]:
    """Name, seconds, and the end of the error, "" if every cell ran."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    one = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(notebook, folder)
        command = [python, "-m", "jupyter", "execute", f"--timeout={SECONDS}"]
        done = subprocess.run(
            [*command, notebook.name],
            cwd=folder,
            env=inherited | one,
            capture_output=True,
            text=True,
        )
    error = done.stderr.strip()[-800:] if done.returncode else ""
    return notebook.stem, time.monotonic() - start, error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("names", nargs="*", help="only these, such as batchnorm")
    options = parser.parse_args()
    found = sorted(options.site.resolve().glob("_sources/**/*.ipynb"))
    found = [p for p in found if not options.names or p.stem in options.names]
    if not found:
        print(f"run-notebooks: no notebook in {options.site}", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        python = environment(Path(folder))
        for name, seconds, error in pool.map(lambda p: run(python, p), found):
            failed += bool(error)
            print(f"{'FAIL' if error else 'ok  '} {name:24} {seconds:5.0f} s", error)
            sys.stdout.flush()
    print(f"{len(found) - failed} notebooks ran, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

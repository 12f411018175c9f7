"""Run every downloaded notebook where a reader would: in a fresh environment.

``python tests/site/run_notebooks.py _build/html`` makes an environment with the package
and a runner of notebooks, nothing of the book's tools, and runs each notebook from top
to bottom in an empty folder, two at a time with one thread each and another seed of
Python's hashes. Nothing is there that the notebook does not import itself: where it
imports PyTorch and matplotlib, its kernel is split off a process that has done so.
What its cells show must be what the page shows, letter by letter and
figure by figure: every cell has then run twice, and come out the same. Of a chapter
with exercises the notebook with solutions is run; that nothing in the other needs a
solution is a test (``tests/test_exercises.py``). Ends with 1 if one fails or differs.
Names of chapters after the folder run those alone.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from deployment import copy_package  # noqa: E402
from freshness import code_key  # noqa: E402
from kernels import kernels  # noqa: E402
from layout import whole_texts  # noqa: E402
from notebooks import SOLVED, executed  # noqa: E402

KINDS = ("text/plain", "text/html", "image/svg+xml", "image/png")
SECONDS = 600  # limit of one cell
SLOW = {"torch", "matplotlib.pyplot"}  # to import
KERNEL = "fresh"


def environment(folder: Path) -> Path:
    """A fresh environment with the package; returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # a copy, because building a package writes into its folder
    source = folder / "source"
    source.mkdir()
    copy_package(ROOT, source)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = ["-c", ROOT / "requirements.lock"]
    subprocess.run([*command, *lock, source, "nbclient", "ipykernel"], check=True)
    return python


def shown(cell) -> list[tuple[str, str]]:
    """What a cell shows: (kind, text) of every output."""
    found = []
    for output in whole_texts(cell.outputs):
        if output["output_type"] == "stream":
            found.append((output["name"], output["text"]))
        else:
            data = output.get("data", {})
            found += [(kind, data[kind]) for kind in KINDS if kind in data]
    return found


def difference(notebook, page) -> str:
    """The first output that the page does not show, in words, or ""."""
    of_page = {cell.source.strip(): cell for cell in page.cells if "outputs" in cell}
    compared = 0
    for cell in notebook.cells:
        twin = of_page.get(cell.source.strip())
        if cell.cell_type != "code" or twin is None:
            continue
        compared += 1
        here, there = shown(cell), shown(twin)
        if here != there:
            new = next((text for kind, text in here if (kind, text) not in there), "")
            first = cell.source.strip().splitlines()[0]
            return f"does not show what the page shows, below {first!r}: {new[:300]}"
    return "" if compared else "no cell of it stands on its page"


def surroundings(folder: Path, python: Path) -> dict[str, str]:
    """What a kernel finds in its environment; there are kernels of this Python then."""
    place = folder / "kernels" / KERNEL
    place.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {"argv": command, "display_name": KERNEL, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(told))
    os.environ["JUPYTER_PATH"] = str(folder)
    ours = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ours


def imported(notebook) -> set[str]:
    """Modules that its cells import by name."""
    found = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    found |= {name.name for name in node.names}
    return found


def run(
    splitting: type, env: dict[str, str], site: Path, path: Path
) -> tuple[str, float, str]:
    """Name, seconds, and the end of the error, "" if every cell ran as on the page."""
    start, error = time.monotonic(), ""
    notebook = nbformat.read(path, 4)
    manager = splitting if imported(notebook) >= SLOW else AsyncKernelManager
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name=KERNEL,
            kernel_manager_class=manager,
            extra_arguments=["--log-level=40"],  # of its ports nobody wants to know
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=env)
        except Exception as failed:  # of a cell, or of what runs them
            error = str(failed).strip()[-800:]
    if not error:
        cache = site.parent / ".jupyter_cache" / code_key(ROOT)
        config = SimpleNamespace(nb_execution_cache_path=str(cache))
        name = path.relative_to(site / "_sources").with_suffix("").as_posix()
        name = name.removesuffix(SOLVED)
        page = executed(SimpleNamespace(outdir=site, config=config), name)
        error = difference(notebook, page)
    return path.stem, time.monotonic() - start, error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("names", nargs="*", help="only these, such as batchnorm")
    options = parser.parse_args()
    site = options.site.resolve()
    found = sorted(site.glob("_sources/**/*.ipynb"), key=lambda p: -p.stat().st_size)
    found = [p for p in found if not p.with_stem(p.stem + SOLVED).is_file()]
    asked = options.names or [p.stem.removesuffix(SOLVED) for p in found]
    found = [p for p in found if p.stem.removesuffix(SOLVED) in asked]
    if not found:
        print(f"run-notebooks: no notebook in {options.site}", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder))
        env = surroundings(Path(folder), python)
        split = kernels(str(python), sorted(SLOW), env)
        with split as splitting, ThreadPoolExecutor(2) as pool:
            for name, seconds, error in pool.map(
                partial(run, splitting, env, site), found
            ):
                failed += bool(error)
                mark = "FAIL" if error else "ok  "
                print(f"{mark} {name:24} {seconds:5.0f} s", error, flush=True)
    print(f"{len(found) - failed} notebooks ran, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

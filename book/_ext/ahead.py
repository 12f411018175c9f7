"""All pages run at once, before Sphinx reads them one after another.

Sphinx runs the cells of a page when it comes to it, and stops at the first that fails.
Here every page whose outputs are not in the notebook cache runs first, as many at a
time as there are processors (``BOOK_JOBS`` says otherwise), the longest first, with one
thread each. What a cell says when it fails is kept: the others run on, the page is
built with a note at its top, and the end of the build lists what did not hold. Such
outputs leave the cache again, so the next build tries anew.
"""

import json
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from kernels import kernels
from myst_nb.core.read import create_nb_reader
from sphinx.util import logging

log = logging.getLogger(__name__)
FAILED = "failed"  # key of a record in the cache that must not stay
SHOWN = 5  # failing cells of a page; more of them mostly follow from the first
ANSI = re.compile(r"\x1b\[[0-9;]*m")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
ADVICE = """
A gradient or an identity that does not hold is a fault: please report it, with your
processor and the versions on the page "How to reproduce". A claim that "fell short" is
about training, which came out differently here than the text says; everything else on
these pages was computed and checked. They are built, with a note at their top."""


@dataclass
class Job:
    """A page to run."""

    docname: str
    path: Path
    reader: object
    notebook: object
    weight: float  # an estimate of how long it takes, relative to the others
    seconds: float = 0.0
    problems: list[tuple[int, str]] = field(default_factory=list)  # (line, what)


def line_of(source: list[str], start: int, code: str, inside: int) -> int:
    """Line in the page's file of line ``inside`` of a cell that begins at ``start``."""
    first = code.splitlines()[0] if code else ""
    below = range(start, len(source))
    begins = next((i for i in below if source[i] == first), start)
    return begins + inside


def problems(job: Job, error: object) -> list[tuple[int, str]]:
    """(line, what happened) of every cell that failed."""
    text = job.path.read_text(encoding="utf8").splitlines()
    starts = job.notebook.metadata.get("source_map") or [0] * len(job.notebook.cells)
    found = []
    for cell, start in zip(job.notebook.cells, starts, strict=True):
        for output in cell.get("outputs", ()):
            if output["output_type"] != "error":
                continue
            trace = ANSI.sub("", "\n".join(output["traceback"]))
            # what fails may be called here and written in a cell before
            here = rf"Cell In\[{cell.execution_count}\], line (\d+)"
            places = re.findall(here, trace)
            inside = int(places[-1]) if places else 1
            marked = re.findall(r"^-+> ?\d+ (.*)", trace, re.MULTILINE)
            told = output["evalue"] or (marked[-1].strip() if marked else "no reason")
            where = line_of(text, start, cell.source, inside)
            found.append((where, f"{output['ename']}: {told}"))
    if error is not None:  # a limit of time, or a process that died
        told = (str(error).strip() or "no reason given").splitlines()[0]
        found.append((1, f"{type(error).__name__}: {told}"))
    return found


def run(job: Job, manager: type, timeout: int) -> None:
    """Run all cells of a page; what fails is noted, and the rest goes on."""
    begun, error = time.monotonic(), None
    if not any(cell.cell_type == "code" for cell in job.notebook.cells):
        return
    try:
        result = single_nb_execution(
            job.notebook,
            cwd=str(job.path.parent),
            timeout=timeout,
            allow_errors=True,
            extra_arguments=["--log-level=40"],  # of its ports nobody wants to know
            shutdown_kernel="immediate",  # it has nothing left to do
            kernel_manager_class=manager,
        )
        error = result.err
    except Exception as died:  # whatever ends a kernel must not end the others
        error = died
    job.seconds = time.monotonic() - begun
    job.problems = problems(job, error)


def known_seconds(root: Path) -> dict[str, float]:
    """How long pages took when the margins were recorded."""
    path = root / "book" / "_results" / "portable.json"
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf8")).get("seconds", {})


def wanted(app, env, docnames, cache) -> list[Job]:
    """Pages with cells whose outputs are not in the cache, the longest first."""
    seconds, found = known_seconds(Path(app.srcdir)), []
    for name in docnames:
        path = Path(env.doc2path(name))
        text = path.read_text(encoding="utf8")
        reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
        notebook = reader and reader.read(text)
        if not notebook:  # plain Markdown
            continue
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            weight = seconds.get(path.stem, len(text) / 2_000)
            found.append(Job(name, path, reader, notebook, weight))
    return sorted(found, key=lambda job: job.weight, reverse=True)


class Progress:
    """Pages done, running and left: one line on a terminal, a line a page elsewhere."""

    def __init__(self, count: int) -> None:
        self.count, self.done, self.begun = count, 0, time.monotonic()
        self.running: list[str] = []

    def show(self, end: str = "") -> None:
        spent = time.monotonic() - self.begun
        left = self.count - self.done - len(self.running)
        text = f"pages run: {self.done}, running: {', '.join(self.running) or 'none'}"
        text += f", left: {left}, {spent:.0f} s"
        live = sys.stdout.isatty()
        print(f"\r{text:<100}" if live else text, end=end if live else "\n", flush=True)

    def __call__(self, job: Job, manager: type, timeout: int) -> None:
        self.running.append(job.path.stem)
        self.show()
        run(job, manager, timeout)
        self.running.remove(job.path.stem)
        self.done += 1
        if self.done == self.count:
            self.show(end="\n")


def workers() -> int:
    """How many work at a time: as ``BOOK_JOBS`` says, or one for each processor."""
    return int(os.environ.get("BOOK_JOBS", os.cpu_count() or 1))


def run_ahead(app, env, docnames) -> None:
    """Put the outputs of every page that is not in the cache there."""
    app.failed = {}
    if env.mystnb_config.execution_mode != "cache":
        return
    cache = get_cache(env.mystnb_config.execution_cache_path)
    forget_failed(cache)
    jobs = wanted(app, env, docnames, cache)
    if not jobs:
        return
    for name in THREADS:
        os.environ.setdefault(name, "1")
    progress, timeout = Progress(len(jobs)), env.mystnb_config.execution_timeout
    with kernels() as manager, ThreadPoolExecutor(workers()) as pool:
        list(pool.map(lambda job: progress(job, manager, timeout), jobs))
    for job in jobs:
        record = cache.add_nb_to_project(str(job.path), read_data=job.reader.read_fmt)
        data = {"execution_seconds": job.seconds}
        if job.problems:
            app.failed[job.docname] = job.problems
            data[FAILED] = True
        bundle = CacheBundleIn(job.notebook, record.uri, data=data)
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def forget_failed(cache) -> None:
    """Take outputs of pages that failed out of the cache."""
    for record in cache.list_cache_records():
        if record.data.get(FAILED):
            cache.remove_cache(record.pk)


def mark(app, doctree) -> None:
    """A note at the top of a page that did not hold."""
    found = app.failed.get(app.env.docname)
    if not found:
        return
    note = nodes.admonition(classes=["danger"])
    note += nodes.title("", "This page did not hold where it was built")
    items = nodes.bullet_list()
    for line, what in found[:SHOWN]:
        entry = nodes.list_item()
        entry += nodes.paragraph("", f"Line {line} of its source: {what}")
        items += entry
    note += items
    section = next(iter(doctree.findall(nodes.section)), doctree)
    section.insert(1, note)


def verdict(app, exception) -> None:
    """At the very end: what did not hold, and what that means."""
    if not app.failed:
        return
    forget_failed(get_cache(app.config.nb_execution_cache_path))
    app.statuscode = 1
    root = Path(app.srcdir)
    lines = []
    for name, found in sorted(app.failed.items()):
        path = Path(app.env.doc2path(name)).relative_to(root).as_posix()
        lines += [f"  {path}:{line}  {what}" for line, what in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"  {path}: and {len(found) - SHOWN} more after these")
    count = sum(map(len, app.failed.values()))
    log.info("\n%d cells on %d pages did not hold:\n", count, len(app.failed))
    print("\n".join([*lines, ADVICE, ""]), file=sys.stderr)


def setup(app):
    app.failed = {}
    app.connect("env-before-read-docs", run_ahead)
    app.connect("doctree-read", mark)
    app.connect("build-finished", verdict, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

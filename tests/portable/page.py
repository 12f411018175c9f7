"""Run the cells of one page in this process, as its kernel would.

``python tests/portable/page.py book/mlp.md`` runs a page from top to bottom and ends
with 1 at the first cell that fails, told by its line. ``--jitter N`` multiplies every
number drawn from a normal law by 1 + a few 1e-7, differently for each N: what a page
says must not hang on the last bits of the first weights. ``--threads 2`` computes on
two threads, also where the page asks for one. ``--times`` prints the slowest
cells. Outcomes go to the file that ``CHARLM_OUTCOMES`` names, if it is set.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = 3e-7  # of the jitter, relative: a few last bits of float32
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.M | re.S)
HEAD = re.compile(r"\A(?:---\n.*?^---\n|(?::[\w-]+:[^\n]*\n)+)", re.M | re.S)


def cells(text: str) -> list[tuple[int, str]]:
    """(line of the file, code) of every cell."""
    found = []
    for match in CELL.finditer(text):
        head = HEAD.match(match[1])
        start = match.start(1) + (head.end() if head else 0)
        code = match[1][head.end() :] if head else match[1]
        found.append((text[:start].count("\n") + 1, code))
    return found


def jitter(number: int) -> None:
    """Draw normal numbers that are off by a few last bits.

    By how much follows from the number itself: two draws by one seed stay equal.
    """
    import torch

    draw = torch.randn

    def randn(*args, **kwargs):
        drawn = draw(*args, **kwargs)
        unit = (drawn.double() * (1e6 + number)).sin()
        return drawn * (1 + SIZE * unit).to(drawn.dtype)

    torch.randn = randn


def hold_threads(number: int) -> None:
    """Compute on this many threads, whatever the page asks for."""
    import torch

    torch.set_num_threads(number)
    torch.set_num_threads = lambda asked: None


def run(page: Path, times: bool) -> int:
    """Run the page; returns the number of the exit."""
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(page.parent)
    shell = InteractiveShell.instance(colors="NoColor")
    took, said = [], io.StringIO()
    for line, code in cells(page.read_text(encoding="utf8")):
        begun = time.process_time()
        # what cells show is of no interest here, unless they fail
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            result = shell.run_cell(code, silent=False)
        took.append((time.process_time() - begun, line))
        if not result.success:
            error = result.error_before_exec or result.error_in_exec
            frame, inside = error.__traceback__, 0
            while frame:
                if "ipython-input" in frame.tb_frame.f_code.co_filename:
                    inside = frame.tb_lineno
                frame = frame.tb_next
            told = str(error) or code.splitlines()[inside - 1].strip()
            place = f"{page.name}:{line + max(inside - 1, 0)}"
            print(f"{place}: {type(error).__name__}: {told}")
            return 1
    if times:
        print(f"{page.name}: {sum(s for s, _ in took):.1f} s of processor time")
        for seconds, line in sorted(took, reverse=True)[:8]:
            print(f"  line {line}: {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--jitter", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--times", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.path.insert(0, str(ROOT))
    if options.jitter:
        jitter(options.jitter)
    if options.threads:
        hold_threads(options.threads)
    sys.exit(run(options.page.resolve(), options.times))

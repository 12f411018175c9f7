"""Run every page as other machines would, and show how much room its claims have.

``make portable`` runs the cells of each page under the conditions below, one process a
page with as many processes as there are processors, and prints a table of page by
condition: the smallest margin of any outcome that the page claims, in spreads over
seeds, against what was asked. A claim that has less than half as much room again as it
needs is listed as thin. Ends with 1 if a cell fails or a claim falls short.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "book" / "_results" / "portable.json"
sys.path.append(str(RESULT.parent))

import record  # noqa: E402

JITTERS = 9  # five of them are recorded
RECORDED = 5
LEAST = "only the N pages whose recorded claims have the least room"
THIN = 1.5  # times what was asked; less is thin
# What PyTorch and its libraries can be told to do without. The variables act on x86-64
# processors of several makers to a different degree; where one does not act, a run is
# the native one again.
PROCESSORS = {
    "native": {},
    "default": {"ATEN_CPU_CAPABILITY": "default"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "mkl": {"MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
OPTIONS = {"2 threads": ["--threads", "2"]} | {
    f"jitter {n}": ["--jitter", str(n)] for n in range(1, JITTERS + 1)
}
CONDITIONS = [*PROCESSORS, *OPTIONS]
USUAL = CONDITIONS[: len(PROCESSORS) + 1 + RECORDED]


@dataclass
class Run:
    """What came of one page under one condition."""

    page: str
    condition: str
    seconds: float = 0.0
    problem: str = ""
    outcomes: list[dict] = field(default_factory=list)

    @property
    def smallest(self) -> dict | None:
        """The outcome with the least room for what it was asked."""
        return min(self.outcomes, key=lambda o: o["margin"] / o["asked"], default=None)

    @property
    def short(self) -> str:
        """What the table shows."""
        if self.problem:
            return "FAILS"
        least = self.smallest
        return "-" if least is None else f"{min(least['margin'], 999):.1f}"


def thinnest(count: int) -> list[str]:
    """So many pages, by the record those whose claims have the least room."""
    rows = json.loads(RESULT.read_text(encoding="utf8"))["rows"] if count else []
    room: dict[str, float] = {}
    for row in rows:
        if row["margin"] is not None:
            least = room.get(row["page"], float("inf"))
            room[row["page"]] = min(least, row["margin"] / row["asked"])
    return sorted(room, key=room.__getitem__)[:count]


def pages(names: list[str]) -> list[Path]:
    """Pages with cells, the longest first; all of them, or those of these names."""
    every = [*ROOT.glob("book/*.md"), ROOT / "index.md"]
    kept = [p for p in every if "```{code-cell}" in p.read_text(encoding="utf8")]
    if missing := set(names) - {p.stem for p in kept}:
        sys.exit(f"portable: no page with cells is called {', '.join(sorted(missing))}")
    kept = [p for p in kept if not names or p.stem in names]
    return sorted(kept, key=lambda p: p.stat().st_size, reverse=True)


def run(page: Path, condition: str) -> Run:
    """One page under one condition, in a process of its own."""
    settings = PROCESSORS.get(condition, {})
    command = [sys.executable, "tests/portable/page.py", str(page)]
    command += OPTIONS.get(condition, [])
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    threads["OMP_WAIT_POLICY"] = "PASSIVE"  # two pages with two threads each are many
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "outcomes")
        environment = os.environ | threads | settings
        environment |= {"CHARLM_OUTCOMES": str(record), "MPLBACKEND": "agg"}
        environment.pop("CHARLM_NAMES", None)  # margins are those of the bundled list
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True
        )
        made = Run(page.stem, condition, time.monotonic() - begun)
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()
            made.problem = lines[-1] if lines else f"ended with {done.returncode}"
        if record.exists():
            text = record.read_text(encoding="utf8")
            made.outcomes = [json.loads(line) for line in text.splitlines()]
    return made


def table(runs: list[Run], conditions: list[str]) -> str:
    """Page by condition: the smallest margin."""
    cells = {(r.page, r.condition): r.short for r in runs}
    names = sorted({r.page for r in runs})
    wide = max(map(len, names))
    heads = [c.replace("jitter ", "jit ") for c in conditions]
    lines = [" " * wide + "".join(f"{h:>9}" for h in heads)]
    for name in names:
        shown = (cells.get((name, c), "") for c in conditions)
        lines.append(f"{name:{wide}}" + "".join(f"{s:>9}" for s in shown))
    return "\n".join(lines)


def verdict(runs: list[Run]) -> tuple[list[str], list[str]]:
    """(what failed, what is thin), a line each."""
    failed, thin = [], []
    for made in runs:
        where = f"{made.page}, {made.condition}"
        if made.problem:
            failed.append(f"{where}: {made.problem}")
        for o in made.outcomes:
            told = f"{where}: {o['claim']}: {o['said']}, margin {o['margin']:.2f}"
            if not o["ok"]:
                failed.append(f"{told}, asked {o['asked']:g}")
            elif o["margin"] < THIN * o["asked"]:
                thin.append(told)
    return failed, thin


def recorded(runs: list[Run], before: dict) -> dict:
    """What the page on reproducing shows: these runs, and others recorded before."""
    new = [
        {
            "page": r.page,
            "condition": r.condition,
            "outcomes": len(r.outcomes),
            "margin": r.smallest and round(min(r.smallest["margin"], 999), 2),
            "asked": r.smallest and r.smallest["asked"],
            "claim": r.smallest and r.smallest["claim"],
        }
        for r in runs
    ]
    done = {(row["page"], row["condition"]) for row in new}
    known = {path.stem for path in pages([])}
    kept = [
        row
        for row in before.get("rows", [])
        if row["page"] in known and (row["page"], row["condition"]) not in done
    ]
    place = {name: i for i, name in enumerate(CONDITIONS)}
    rows = sorted([*kept, *new], key=lambda r: (r["page"], place[r["condition"]]))
    made = record.made()
    here = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    there = before["machine"].split(" and ") if kept else []
    made["machine"] = " and ".join(sorted({*there, here}))
    head = {"label": "how much room the claims have", "command": "make portable"}
    seconds = {r.page: round(r.seconds) for r in runs if r.condition == "native"}
    seconds = before.get("seconds", {}) | seconds
    return head | made | {"seconds": seconds, "rows": rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="names such as mlp; all by default")
    parser.add_argument("--conditions", nargs="*", choices=CONDITIONS, default=None)
    parser.add_argument("--thinnest", type=int, default=0, metavar="N", help=LEAST)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument(
        "--record", action="store_true", help=f"{RESULT.name} takes what held"
    )
    options = parser.parse_args()
    conditions = options.conditions or USUAL
    names = options.pages or thinnest(options.thinnest)
    jobs = [(page, c) for c in conditions for page in pages(names)]
    begun, runs = time.monotonic(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        for made in pool.map(lambda job: run(*job), jobs):
            runs.append(made)
            told = f"{made.page}, {made.condition}: {made.short}, {made.seconds:.0f} s"
            spent = time.monotonic() - begun
            print(f"[{len(runs)}/{len(jobs)}, {spent:.0f} s] {told}", flush=True)
    failed, thin = verdict(runs)
    print("\n" + table(runs, conditions))
    for title, lines in (("thin", thin), ("failed", failed)):
        if lines:
            print(f"\n{title}:", *sorted(lines), sep="\n  ")
    count = sum(len(r.outcomes) for r in runs)
    print(
        f"\n{len(runs)} runs, {count} outcomes: {len(failed)} failed, {len(thin)} thin"
    )
    if options.record:
        text = RESULT.read_text(encoding="utf8") if RESULT.is_file() else "{}"
        held = [r for r in runs if not r.problem and all(o["ok"] for o in r.outcomes)]
        record.write(RESULT.stem, recorded(held, json.loads(text)))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

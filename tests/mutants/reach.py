"""Which test runs which lines, and the trials of mutants by those tests."""

import gc
import hashlib
import os
import pickle
import platform
import re
import sys
import time
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import trial
from trial import Mutant

# tests of the book, the site and of this: none runs the package by itself
ELSEWHERE = re.compile(
    r"test_(book|incremental|mutants|own_names|portable|print|site\w*|source_pages)\b"
)
IMPORTED = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)  # by a file of tests
CHUNK = 8  # tests that are recorded in one child
BATCH = 24  # mutants that are tried in one child
FIRST = 1.0  # seconds of processor time of tests that a mutant may live through there
FILES = 4  # files of tests for what is tried by importing everything again


@dataclass
class Test:
    """What is known of a test: the lines it runs, itself and by other processes."""

    name: str
    seconds: float
    lines: dict[str, list[int]]
    others: dict[str, list[int]]

    @property
    def cost(self) -> float:
        """Less for a test that is quick, and for one that runs little else."""
        return self.seconds * sum(map(len, self.lines.values()))

    @property
    def function(self) -> str:
        return self.name.split("[")[0]

    @property
    def file(self) -> str:
        return self.name.split("::")[0]


class Record:
    """The tests of a project, and what they run of its package.

    Args:
        root: of the project, with ``tests``; its ``_build`` keeps what is recorded.
        package: folder of the package.
        at_once: children at one time.
        tests: names of their files; all if there are none.
        seconds: of processor time of tests that a mutant may live through, in the end.
    """

    def __init__(
        self,
        root: Path,
        package: Path,
        at_once: int,
        tests: list[str],
        seconds: float,
    ) -> None:
        self.root, self.package, self.at_once = root, package, at_once
        self.most = seconds
        self.folder = root / "_build" / "mutants"
        self.files = [
            path
            for path in sorted((root / "tests").glob("test_*.py"))
            if (path.stem in tests if tests else not ELSEWHERE.match(path.stem))
        ]
        self.tests: dict[str, Test] = {}
        self.runs: dict[tuple[str, int], list[Test]] = {}
        self.killers: dict[str, Counter] = defaultdict(Counter)
        self.rank: dict[str, int] = {}
        self._early: set[tuple[str, int]] = set()

    def try_all(self, mutants: list[Mutant]) -> dict[str, str]:
        """Name of each mutant -> the test that killed it, or ""."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [str(self.root), str(trial.HERE / "hook"), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        sys.path.insert(0, str(self.root))
        found = self._apart(self._judged, mutants)
        left = [m for m in mutants if m.name not in found]
        if not left:
            return found
        kept = {path: self._kept(path) for path in self.files}
        missing = {path: at for path, at in kept.items() if not at.exists()}
        if missing:
            self._apart(self._record, missing)
        self._index(path for path in kept.values() if path.exists())
        found |= self._apart(self._loaded, left)
        # what lives in place may still be noticed when all is imported with it
        late = [m for m in left if self.at_import(m) and not found[m.name]]
        return found | self._again(late)

    def _apart(self, work: Callable, argument: Any) -> Any:
        """Do it in a process of its own: this one is not to import the package."""
        answer = self.folder / f"answer-{os.getpid()}"
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                answer.write_bytes(pickle.dumps(work(argument)))
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(2)
        found = pickle.loads(answer.read_bytes())
        answer.unlink()
        return found

    def _judged(self, mutants: list[Mutant]) -> dict[str, str]:
        """Backwards and JVPs of the package, by the cases of the pairs."""
        gradients = ("backward", "_jvp")
        if not any(m.place.owner.endswith(gradients) for m in mutants):
            return {}
        try:
            import pairs
        except ModuleNotFoundError:  # a project without any
            return {}
        by_place = defaultdict(list)
        for m in mutants:
            by_place[str(m.path), m.place.owner].append(m)
        judges = [j for j in pairs.judges() if j.where in by_place]
        jobs = deque((j, by_place[j.where]) for j in judges)

        def work(job, folder):
            yield pairs.survivors(*job)

        found = {}
        for (_, mine), (alive,) in trial.children(jobs, work, self.at_once):
            found |= {m.name: "" if m.name in alive else "the cases" for m in mine}
        print(f"{len(found)} mutants of gradients", flush=True)
        return found

    def _loaded(self, mutants: list[Mutant]) -> dict[str, str]:
        """In a process of its own: try all that can be put in place."""
        found = {m.name: "" for m in mutants}
        mutants = [m for m in mutants if self._reaching(m, anew=False)]
        files = {t.file for m in mutants for t in self._reaching(m, anew=False)}

        def then(items: dict) -> None:
            for inside in {m.inside for m in mutants}:  # some only a command imports
                parts = [self.package.name, *Path(inside).with_suffix("").parts]
                import_module(".".join(p for p in parts if p != "__init__"))
            known = trial.functions(self.package)
            gc.freeze()  # no child is to copy what it does not touch
            print(f"{len(mutants)} mutants of what is loaded", flush=True)

            def work(job, folder):
                return self._tried(*job, items, known, folder)

            same = [[*group] for _, group in groupby(mutants, lambda m: m.inside)]
            batches = [g[i : i + BATCH] for g in same for i in range(0, len(g), BATCH)]
            jobs = deque((FIRST, batch) for batch in batches)
            found.update(self._results(jobs, work, len(mutants)))

        if mutants:
            trial.with_tests(sorted(self.root / f for f in files), self.root, then)
        return found

    def _tried(
        self, most: float, mutants: list[Mutant], items: dict, known: dict, folder: str
    ) -> Iterator[str]:
        """In a child: one mutant after the other, yields what kills it, or "".

        A test that kills has to pass again without the mutant. If it does not, the
        mutant has left something behind (or one before it has, then nothing is yielded
        for it): the child ends, and what is left gets another.
        """
        for i, mutant in enumerate(mutants):
            tests = self.order(mutant, most)
            spawns = any(t.others for t in tests)
            old = trial.put_in_place(mutant, known, folder, spawns)
            # without any, it only runs while the package is imported
            killer = trial.first_failure(tests, items) if old else ""
            trial.put_back(old)
            again = killer and trial.passes(items[killer], self.tests[killer].seconds)
            if not killer or again or i == 0:
                yield killer
            if killer and not again:
                return
            self.killers[mutant.group][killer] += bool(killer)

    def _results(self, jobs: deque, work, total: int) -> dict[str, str]:
        """Do jobs of (seconds, mutants): name of each -> what killed it."""
        found, said = {}, time.perf_counter()
        for (most, batch), killers in trial.children(jobs, work, self.at_once):
            # one that ended its child at once ran out of time or space, or crashed
            killers = killers or ["no answer"]
            for mutant, killer in zip(batch, killers, strict=False):
                if killer:
                    found[mutant.name] = killer
                    self.killers[mutant.group][killer] += 1
                elif most < self.most:
                    jobs.append((self.most, [mutant]))
                else:
                    found[mutant.name] = ""
                    print(f"alive: {mutant.name}", flush=True)
            if batch[len(killers) :]:
                jobs.appendleft((most, batch[len(killers) :]))
            if time.perf_counter() - said > 30:
                said = time.perf_counter()
                alive = sum(not k for k in found.values())
                print(f"{len(found)} of {total}, {alive} alive", flush=True)
        return found

    def _again(self, mutants: list[Mutant]) -> dict[str, str]:
        """Try mutants of what runs at import: the child imports everything anew."""
        if not mutants:
            return {}
        for name in ("torch", "matplotlib.pyplot", "safetensors.torch"):
            with suppress(ImportError):  # a project without it
                __import__(name)
        print(f"{len(mutants)} mutants of what runs at import", flush=True)

        def work(job, folder):
            most, (mutant,) = job
            trial.put_instead(mutant, folder)
            tests = self.order(mutant, most, anew=True)
            ranked = list(dict.fromkeys(t.file for t in tests))
            killed = ""
            for files in (ranked[:FILES], ranked[FILES:]):

                def then(items):
                    nonlocal killed
                    chosen = [t for t in tests if t.name in items]
                    killed = trial.first_failure(chosen, items)

                if files and not killed:
                    trial.with_tests([self.root / f for f in files], self.root, then)
            yield killed

        jobs = deque((self.most, [m]) for m in mutants)
        return self._results(jobs, work, len(mutants))

    def at_import(self, mutant: Mutant) -> bool:
        """True if the edited line runs while the package is imported."""
        p = mutant.place
        lines = {(str(mutant.path), n) for n in p.lines}
        return not p.default and not self._early.isdisjoint(lines)

    def reach(self, mutant: Mutant) -> int:
        return len(self._reaching(mutant))

    def _reaching(self, mutant: Mutant, anew: bool = True) -> list[Test]:
        path, p = str(mutant.path), mutant.place
        runs = [self.runs.get((path, n), ()) for n in p.lines]
        found = {t.name: t for tests in runs for t in tests}
        if not anew or not self.at_import(mutant):
            return list(found.values())
        if p.names:  # whoever runs a line with one of the names
            word = re.compile(rf"\b({'|'.join(p.names)})\b")
            for file in self.package.rglob("*.py"):
                for n, line in enumerate(file.read_text("utf8").splitlines(), 1):
                    if word.search(line):
                        tests = self.runs.get((str(file), n), ())
                        found |= {t.name: t for t in tests}
        if not p.names or not found:  # what it made then lives in its file
            found |= {t.name: t for t in self.tests.values() if path in t.lines}
        if not found:  # a list of names: whoever runs anything of the room
            room = str(mutant.path.parent) + os.sep
            for t in self.tests.values():
                if any(file.startswith(room) for file in t.lines):
                    found[t.name] = t
        return list(found.values())

    def order(self, mutant: Mutant, most: float, anew: bool = False) -> list[Test]:
        """Tests to try a mutant on, of so many seconds: those first that may be quick.

        First what killed its neighbours; then the cheapest test of each function of
        tests, then the second of each.
        """
        reaching = sorted(self._reaching(mutant, anew), key=lambda t: self.rank[t.name])
        turn: Counter = Counter()
        turns = []
        for t in reaching:
            turn[t.function] += 1
            turns.append((turn[t.function], t))
        tests = {t.name: t for _, t in sorted(turns, key=lambda pair: pair[0])}
        last = [n for n, _ in self.killers[mutant.group].most_common(4)]
        ordered = [tests.pop(n) for n in last if n in tests] + list(tests.values())
        if anew:
            count = Counter(t.file for t in ordered)
            ordered.sort(key=lambda t: -count[t.file])
        chosen, seconds = [], 0.0
        for t in ordered:
            if not chosen or seconds + t.seconds <= most:
                seconds += t.seconds
                chosen.append(t)
        return chosen

    def _index(self, kept: Iterable[Path]) -> None:
        """Read what was recorded."""
        found: list[Test] = []
        for file in kept:
            tests, early = pickle.loads(file.read_bytes())
            found += tests
            self._early |= {(p, n) for p, lines in early.items() for n in lines}
        runs: dict[tuple[str, int], list[Test]] = defaultdict(list)
        found.sort(key=lambda t: t.cost)
        self.tests = {t.name: t for t in found}
        self.rank = {t.name: i for i, t in enumerate(found)}
        for t in found:
            for lines in (t.lines, t.others):
                for path, numbers in lines.items():
                    for n in numbers:
                        runs[path, n].append(t)
        self.runs = runs

    def _kept(self, path: Path) -> Path:
        """Where it is kept what the tests of a file run, as all is now."""
        used, new = set(), {path, path.parent / "conftest.py"}
        while new := {p for p in new if p.exists()} - used:
            used |= new
            words = {w for p in new for w in IMPORTED.findall(p.read_text("utf8"))}
            new = {path.parent / f"{word}.py" for word in words}
        key = hashlib.sha256(platform.python_version().encode())
        for file in [*sorted(self.package.rglob("*.py")), *sorted(used)]:
            key.update(file.read_bytes())
        return self.folder / f"{path.stem}-{key.hexdigest()[:16]}"

    def _record(self, missing: dict[Path, Path]) -> None:
        """In a process of its own: run the tests of some files, once."""
        ran = trial.hook.follow(self.package)

        def then(items: dict) -> None:
            early = trial.hook.plain(ran)
            chunks = []
            for path in missing:
                mine = [item for item in items.values() if item.path == path]
                chunks += [mine[i : i + CHUNK] for i in range(0, len(mine), CHUNK)]
            print(f"{len(items)} tests to record", flush=True)
            for path in missing:
                for old in self.folder.glob(f"{path.stem}-*"):
                    old.unlink()
            failed, found = [], {path: [] for path in missing}
            left = Counter(chunk[0].path for chunk in chunks)

            def work(chunk, folder):
                for item in chunk:
                    yield trial.recorded(item, folder, self.package, ran)

            for chunk, answers in trial.children(deque(chunks), work, self.at_once):
                answers += [None] * (len(chunk) - len(answers))
                for item, answer in zip(chunk, answers, strict=True):
                    if answer is None or not answer[0]:
                        failed.append(item.nodeid)
                    else:
                        found[item.path].append(Test(item.nodeid, *answer[1:]))
                left[path := chunk[0].path] -= 1
                if not left[path]:
                    missing[path].write_bytes(pickle.dumps((found[path], early)))
            for name in sorted(failed):  # a matter of `make test`; not used here
                print(f"left out, as it fails in a child of its own: {name}")

        trial.with_tests(sorted(missing), self.root, then)

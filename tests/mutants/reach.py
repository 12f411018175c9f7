"""Which test runs which lines, and the trials of mutants by those tests."""

import hashlib
import os
import pickle
import platform
import re
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trial
from trial import Mutant

# tests of the book, the site and of this: none runs the package by itself
ELSEWHERE = re.compile(
    r"test_(book|incremental|mutants|own_names|portable|print|site\w*|source_pages)\b"
)
CHUNK = 8  # tests that are recorded in one child
MOST = 10.0  # seconds of processor time of tests that a mutant may live through
FILES = 4  # files of tests for what is tried by importing everything again


@dataclass
class Test:
    """What is known of a test: the lines it runs, itself and by other processes."""

    name: str
    seconds: float
    lines: dict[str, list[int]]
    others: dict[str, list[int]]

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
    """

    def __init__(
        self, root: Path, package: Path, at_once: int, tests: list[str]
    ) -> None:
        self.root, self.package, self.at_once = root, package, at_once
        self.folder = root / "_build" / "mutants"
        self.files = [
            path
            for path in sorted((root / "tests").glob("test_*.py"))
            if (path.stem in tests if tests else not ELSEWHERE.match(path.stem))
        ]
        self.tests: dict[str, Test] = {}
        self.early: dict[str, list[int]] = {}
        self._early: dict[str, set[int]] = defaultdict(set)
        self.runs: dict[tuple[str, int], list[Test]] = {}
        self.killers: dict[str, Counter] = defaultdict(Counter)

    def try_all(self, mutants: list[Mutant]) -> dict[str, str]:
        """Name of each mutant -> the test that killed it, or ""."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [str(self.root), str(trial.HERE / "hook"), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        sys.path.insert(0, str(self.root))
        judged = self._apart(self._judged, mutants)
        left = [m for m in mutants if m.name not in judged]
        if not left:
            return judged
        self.tests, self.early, found = self._apart(self._loaded, left)
        self._index()
        # what lives in place may still be noticed when all is imported with it
        late = [m for m in left if self.at_import(m) and not found.get(m.name)]
        return judged | found | self._again(late)

    def _apart(self, work: Callable, mutants: list[Mutant]) -> Any:
        """Do it in a process of its own: this one is not to import the package."""
        answer = self.folder / f"answer-{os.getpid()}"
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                answer.write_bytes(pickle.dumps(work(mutants)))
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
        jobs = [(j, by_place[j.where]) for j in pairs.judges() if j.where in by_place]

        def work(job, folder):
            return pairs.survivors(*job)

        found = {}
        for (_, mine), alive in trial.children(jobs, work, self.at_once):
            found |= {m.name: "" if m.name in alive else "the cases" for m in mine}
        print(f"{len(found)} mutants of gradients", flush=True)
        return found

    def _loaded(self, mutants: list[Mutant]) -> tuple:
        """In a process of its own: record, try all that can be put in place."""
        found = {}
        lines = trial.hook.follow(self.package)

        def then(items: dict) -> None:
            trial.hook.stop()
            self.early = trial.hook.plain(lines)
            self._record(items)
            self._index()
            known = trial.functions(self.package)
            print(f"{len(mutants)} mutants of what is loaded", flush=True)

            def work(job, folder):
                mutant, tests = job
                spawns = any(t.others for t in tests)
                if not trial.put_in_place(mutant, known, folder, spawns):
                    tests = []  # it only runs while the package is imported
                return trial.first_failure([(items[t.name], t) for t in tests])

            jobs = ((m, self.order(m)) for m in mutants)
            found.update(self._results(jobs, work, len(mutants)))

        trial.with_tests(self.files, self.root, then)
        return self.tests, self.early, found

    def _results(self, jobs: Iterator, work, total: int) -> dict[str, str]:
        found, said = {}, time.perf_counter()
        for (mutant, _), killer in trial.children(jobs, work, self.at_once):
            # a child that never answered ran out of time or space, or crashed
            found[mutant.name] = "no answer" if killer is None else killer
            if killer == "":
                print(f"alive: {mutant.name}", flush=True)
            if killer:
                self.killers[mutant.group][killer] += 1
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
            mutant, tests = job
            trial.put_instead(mutant, folder)
            ranked = list(dict.fromkeys(t.file for t in tests))
            wanted = {t.name: t for t in tests}
            for files in (ranked[:FILES], ranked[FILES:]):
                killed = []

                def then(items, killed=killed):
                    chosen = [(items[n], t) for n, t in wanted.items() if n in items]
                    killed.append(trial.first_failure(chosen))

                if files:
                    trial.with_tests([self.root / f for f in files], self.root, then)
                if any(killed):
                    return killed[0]
            return ""

        jobs = ((m, self.order(m, anew=True)) for m in mutants)
        return self._results(jobs, work, len(mutants))

    def at_import(self, mutant: Mutant) -> bool:
        """True if the edited line runs while the package is imported."""
        early = self._early[str(mutant.path)]
        p = mutant.place
        return not p.default and not early.isdisjoint(p.lines)

    def reach(self, mutant: Mutant) -> int:
        return len(self._reaching(mutant))

    def _reaching(self, mutant: Mutant, anew: bool = True) -> list[Test]:
        path, p = str(mutant.path), mutant.place
        runs = [self.runs.get((path, n), ()) for n in p.lines]
        found = {t.name: t for tests in runs for t in tests}
        if found or not anew or not self.at_import(mutant):
            return list(found.values())
        if p.names:  # whoever runs a line with one of the names
            word = re.compile(rf"\b({'|'.join(p.names)})\b")
            for file in self.package.rglob("*.py"):
                for n, line in enumerate(file.read_text("utf8").splitlines(), 1):
                    if word.search(line):
                        tests = self.runs.get((str(file), n), ())
                        found |= {t.name: t for t in tests}
        if not found:
            found = {t.name: t for t in self.tests.values() if path in t.lines}
        return list(found.values())

    def order(self, mutant: Mutant, anew: bool = False) -> list[Test]:
        """The tests to try a mutant on, those first that are likely to be quick."""
        reaching = sorted(self._reaching(mutant, anew), key=self._cost)
        tests = {t.name: t for t in reaching}
        last = [n for n, _ in self.killers[mutant.group].most_common(4)]
        ordered = [tests.pop(n) for n in last if n in tests] + list(tests.values())
        if anew:
            count = Counter(t.file for t in ordered)
            ordered.sort(key=lambda t: -count[t.file])
        chosen, seconds = [], 0.0
        for t in ordered:
            if not chosen or seconds + t.seconds <= MOST:
                seconds += t.seconds
                chosen.append(t)
        return chosen

    def _cost(self, test: Test) -> float:
        return test.seconds * sum(map(len, test.lines.values()))

    def _index(self) -> None:
        runs: dict[tuple[str, int], list[Test]] = defaultdict(list)
        for t in self.tests.values():
            for lines in (t.lines, t.others):
                for path, numbers in lines.items():
                    for n in numbers:
                        runs[path, n].append(t)
        self.runs = runs
        self._early = defaultdict(set, {k: set(v) for k, v in self.early.items()})

    def _record(self, items: dict) -> None:
        """Run every test once that has changed, or whose package has."""
        helpers = [p for p in (self.root / "tests").glob("*.py") if p not in self.files]
        common = hashlib.sha256(platform.python_version().encode())
        for path in [*sorted(self.package.rglob("*.py")), *sorted(helpers)]:
            common.update(path.read_bytes())
        kept, chunks, left = {}, [], Counter()
        for path in self.files:
            key = common.copy()
            key.update(path.read_bytes())
            kept[path] = self.folder / f"{path.stem}-{key.hexdigest()[:16]}"
        for item in items.values():
            if not kept[item.path].exists():
                last = chunks[-1] if chunks else []
                if not last or last[0].path != item.path or len(last) == CHUNK:
                    chunks.append(last := [])
                    left[item.path] += 1
                last.append(item)
        if chunks:
            print(f"{sum(map(len, chunks))} tests to record", flush=True)
        failed, found = [], defaultdict(list)

        def work(chunk, folder):
            return [trial.recorded(item, folder, self.package) for item in chunk]

        for chunk, answers in trial.children(chunks, work, self.at_once):
            path = chunk[0].path
            for item, answer in zip(chunk, answers or [None] * len(chunk), strict=True):
                if answer is None or not answer[0]:
                    failed.append(item.nodeid)
                else:
                    found[path].append(Test(item.nodeid, *answer[1:]))
            left[path] -= 1
            if not left[path]:
                for old in self.folder.glob(f"{path.stem}-*"):
                    old.unlink()
                kept[path].write_bytes(pickle.dumps(found[path]))
        for name in sorted(failed):  # a matter of `make test`; not used here
            print(f"left out, as it fails in a child of its own: {name}")
        for file in kept.values():
            if file.exists():
                self.tests |= {t.name: t for t in pickle.loads(file.read_bytes())}

"""Mutation testing of the package: ``make mutants``.

Every file of ``charlm/`` is edited in small ways (``mutate``), one edit at a time, and
the tests that run the edited line are run until one fails. A mutant that none of them
notices is a hole in the tests, or changes nothing that matters: those are listed, with
the reason, in ``equivalent.toml``.

Which test runs which lines is recorded first and kept in ``_build/mutants``, for each
file of tests until it or the package changes. The tests are then loaded once; children
of that process put the edited code into the functions that are there (``trial``), one
mutant after the other: the tests that killed its neighbours are run first, then the
cheapest of each function of tests. A test that kills has to pass without the mutant.
What a second of tests does not notice is tried again in a child of its own, by
``--seconds`` of them. What runs while the package is being imported needs a child that
has not imported it yet.

To close a room while others use the machine, take the files that hold it:
``--all ops --tests test_contracts test_norm --seconds 3``.

By default all gradients are taken, and of the rest a sample, the same each time.
``--all`` takes every mutant, ``--gradients`` those of backwards and JVPs alone, which
need no test run, and names of rooms or files (``train``, ``data/rows``) only those.
"""

import argparse
import os
import re
import sys
import time
import tomllib
import warnings
import zlib
from collections import Counter
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
sys.path.insert(0, str(Path(__file__).parent))

from mutate import Place, places  # noqa: E402
from reach import Record  # noqa: E402
from trial import Mutant  # noqa: E402

HERE = Path(__file__).parent
SHARE = 4  # one mutant in so many, without --all
# made to try things on, right or wrong: no program; nor is what draws inputs for tasks
NO_PROGRAM = ("gradcheck/bugs/", "gradcheck/cases/")
DRAWS = re.compile(r"^def (\w+)\(.*\) -> Draws:$", re.MULTILINE)


def mutants_of(package: Path, chosen: list[str]) -> list[Mutant]:
    """All mutants of a package, or of what is chosen of it."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package).as_posix()
        wanted = not chosen or inside.startswith(tuple(chosen))
        if wanted and not inside.startswith(NO_PROGRAM):
            source = path.read_text(encoding="utf8")
            draws = DRAWS.findall(source)
            program = [p for p in places(source) if p.owner not in draws]
            found += [Mutant(path, inside, place) for place in program]
    return found


def planted_in(package: Path, chosen: list[str], listed: Path) -> list[Mutant]:
    """The mistakes of a list, as mutants.

    Raises:
        ValueError: what is right does not stand where it should, once.
    """
    found = []
    for what, mistake in tomllib.loads(listed.read_text(encoding="utf8")).items():
        inside, right = mistake["file"], mistake["right"]
        path = package / inside
        source = path.read_text(encoding="utf8")
        if source.count(right) != 1 or "\n" in right + mistake["wrong"]:
            raise ValueError(f"{listed.name}: {what}: {right!r} stands no one time")
        if chosen and not inside.startswith(tuple(chosen)):
            continue
        number = source[: source.index(right)].count("\n") + 1
        lines = range(number, number + 1)
        place = Place("", what, right, number, lines, False, (), 0, 0)
        text = source.replace(right, mistake["wrong"])
        found.append(Mutant(path, inside, place, text))
    return found


def is_gradient(mutant: Mutant) -> bool:
    """Of a pair, a layer or a model: judged without a test run."""
    name = mutant.place.owner.split(".")[-1]
    room, _, file = mutant.inside.partition("/")
    return (
        room in ("ops", "layers", "models")
        and file != "base.py"  # where no backward is
        and not name.startswith("_")
        and name.endswith(("backward", "_jvp"))
    )


def is_drawn(mutant: Mutant) -> bool:
    """Whether the sample has it, by its name and so always the same."""
    return zlib.crc32(mutant.name.encode()) % SHARE == 0


def table(rooms: dict[str, Counter]) -> list[str]:
    """Room by room, and all together."""
    heads = ("mutants", "killed", "equivalent", "surviving")
    total = sum(rooms.values(), Counter())
    lines = [f"{'':10s}" + "".join(f"{head:>12s}" for head in heads)]
    for room, counts in [*sorted(rooms.items()), ("all", total)]:
        lines.append(f"{room:10s}" + "".join(f"{counts[h]:12,}" for h in heads))
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and return 0 if every mutant is killed or listed as equivalent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="rooms or files of the package")
    parser.add_argument("--all", action="store_true", help="no sample: every mutant")
    parser.add_argument("--gradients", action="store_true", help="those alone")
    parser.add_argument("--root", type=Path, default=HERE.parent.parent)
    parser.add_argument("--package", default="charlm")
    parser.add_argument("--listed", type=Path, default=HERE / "equivalent.toml")
    parser.add_argument("--planted", type=Path, default=HERE / "planted.toml")
    parser.add_argument("--seconds", type=float, default=10.0, help="of tests, at most")
    parser.add_argument("--at-once", type=int, default=os.cpu_count())
    parser.add_argument("--tests", nargs="*", default=[], help="their files: test_data")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    root = options.root.resolve()
    equivalent = tomllib.loads(options.listed.read_text(encoding="utf8"))
    every = mutants_of(root / options.package, options.only)
    names = {m.name for m in every}
    if options.gradients:
        chosen = [m for m in every if is_gradient(m)]
    else:
        chosen = [m for m in every if options.all or is_gradient(m) or is_drawn(m)]
    whole = {m.name for m in chosen if options.all or is_gradient(m)}  # no sample
    if options.planted.exists() and not options.gradients:
        chosen += planted_in(root / options.package, options.only, options.planted)
    record = Record(
        root, root / options.package, options.at_once, options.tests, options.seconds
    )
    tried = [m for m in chosen if m.name in whole or m.name not in equivalent]
    results = record.try_all(tried)

    rooms: dict[str, Counter] = {}
    bad, alive = [], set()
    for m in chosen:
        counts = rooms.setdefault(m.inside.split("/")[0].removesuffix(".py"), Counter())
        counts["mutants"] += 1
        killer = results.get(m.name, "")
        if killer:
            counts["killed"] += 1
            continue
        alive.add(m.name)
        known = m.name in equivalent
        counts["equivalent" if known else "surviving"] += 1
        bad += [] if known else [m]
    gone = set(equivalent) - names if not options.only else set()
    stale = gone | ({*equivalent} & whole - alive)
    for m in bad:
        many = record.reach(m)
        said = f"{many} tests run it" if many else "no test runs it"
        print(f"survived: {m.where}: {m.name} ({said})")
    for name in sorted(stale):
        print(f"stale in {options.listed.name}: {name!r} is killed or does not exist")
    print("\n".join(table(rooms)))
    print(f"{time.perf_counter() - begin:.0f} s")
    return 1 if stale or bad else 0


if __name__ == "__main__":
    sys.exit(main())

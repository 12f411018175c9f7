"""The versions that `pyproject.toml` promises, tried: the lowest and the newest.

``python tests/versions.py`` makes two environments, one with the oldest Python and the
lowest version of every dependency that the package names, one with the newest of both,
installs the package there and runs its tests. ``--install`` stops before the tests, so
that downloads can go on beside other work. An interpreter that is not on this machine
is told and counts as a failure.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "_build" / "versions"
# Tests of the site need what builds it
SITE = """book derive explore incremental kernels own_names portable print
    site_build site_extensions source_pages""".split()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]


def bounds() -> tuple[str, str]:
    """Oldest and newest Python that the project names."""
    found = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"])
    return f"3.{found[1]}", f"3.{int(found[2]) - 1}"


def interpreter(version: str) -> str | None:
    """A Python of this version, on the path or among those that pyenv keeps."""
    name = f"python{version}"
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin"))
    for folder in (None, *kept):
        program = shutil.which(name, path=folder and str(folder))
        asked = [program, "-c", "import venv, ensurepip"]
        if program and not subprocess.run(asked, capture_output=True).returncode:
            return program
    return None


def requirements(lowest: bool) -> list[str]:
    """What to install beside the package."""
    named = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    return [name.replace(">=", "==") for name in named] if lowest else named


def install(version: str, lowest: bool) -> Path:
    """An environment with the package; done once for each state of `pyproject.toml`."""
    folder = FOLDER / ("lowest" if lowest else "newest")
    stamp = folder / "installed.txt"
    wanted = "\n".join([version, *requirements(lowest)])
    python = folder / "bin" / "python"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([interpreter(version), "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        upgrade = [] if lowest else ["--upgrade"]
        subprocess.run([*pip, *upgrade, *requirements(lowest)], check=True)
        subprocess.run([*pip, "--no-deps", "-e", ROOT], check=True)
        stamp.write_text(wanted)
    return python


def tested(python: Path, lowest: bool) -> int:
    """Run the tests of the package; warnings of old versions are not ours."""
    skipped = [f"--ignore=tests/test_{name}.py" for name in SITE]
    lenient = ["-o", "filterwarnings=default", "--disable-warnings"]
    command = [python, "-m", "pytest", "-n", "auto", "-p", "no:cacheprovider"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    done = subprocess.run([*command, *lenient, *skipped], cwd=ROOT, env=environment)
    ask = "import torch, sys; print(torch.__version__, sys.version.split()[0])"
    said = subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout
    torch, _, own = said.strip().partition(" ")
    kind = "lowest" if lowest else "newest"
    verdict = "FAILED" if done.returncode else "passed"
    spent = time.monotonic() - begun
    print(
        f"{kind}: torch {torch}, Python {own}: {verdict} in {spent:.0f} s", flush=True
    )
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="only install")
    options = parser.parse_args()
    failed = 0
    for version, lowest in zip(bounds(), (True, False), strict=True):
        if interpreter(version) is None:
            print(f"versions: no Python {version} here", file=sys.stderr)
            failed += 1
            continue
        python = install(version, lowest)
        if not options.install:
            failed += bool(tested(python, lowest))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

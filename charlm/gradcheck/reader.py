"""Judging a backward that stands in a reader's own file.

The file is run, in a process of its own: it may hang, end the process or print what it
likes. That keeps mistakes apart; it is no protection against a file that means harm.
"""

import faulthandler
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from .. import ops
from . import cases
from .grade import zoo_forms
from .judge import Finding, Refused, call, where
from .several import Judgement, verdicts

USAGE = (
    "name it as FILE.py:NAME_backward; beside it the file may define NAME, its "
    "forward, and NAME_inputs(), which returns the arguments to try it on"
)
EXIT_CODES = {"right": 0, "wrong": 1, "unproved": 2}
START = 60.0
"""Seconds that the other process may take to begin, before its own time counts."""


def grade_file(target: str, seconds: float = 120.0) -> dict[str, Any]:
    """Judge ``FILE.py:NAME_backward`` by running the file in another process.

    The forward is NAME of the same file, or the pair of that name in
    :mod:`charlm.ops`; so are the inputs.

    Args:
        target: file and function.
        seconds: how long loading and judging may take together.

    Returns:
        ``status`` ("right", "wrong" or "unproved"), ``cases`` (a verdict for each set
        of inputs, with its label) and ``findings`` (what is wrong with each gradient in
        all cases). What the file printed goes to the standard error stream.

    Raises:
        ValueError: the file cannot be loaded, a function is missing, or the forward or
            the inputs cannot be judged at.
    """
    file, _, name = target.rpartition(":")
    if not name.endswith("_backward"):
        raise ValueError(f"{target}: {name!r} is no backward; {USAGE}")
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds}; give more than 0")
    if not Path(file).is_file() or Path(file).suffix != ".py":
        raise ValueError(f"{file}: is no Python file; {USAGE}")
    with tempfile.TemporaryDirectory() as folder:
        answer, printed = Path(folder, "answer"), Path(folder, "printed")
        hung = Path(folder, "hung")
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        command = [sys.executable, "-P", "-m", "charlm.gradcheck.reader", file, name]
        with printed.open("wb") as out:
            try:
                code = subprocess.run(
                    [*command, str(seconds), str(answer), str(hung)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=os.environ
                    | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                    timeout=START + seconds,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
        if answer.is_file():
            found: dict[str, Any] = json.loads(answer.read_text(encoding="utf8"))
        else:
            found = _unfinished(code, seconds, file, hung)
        said = printed.read_bytes().decode("utf8", "replace")
    if "refused" in found:
        raise ValueError(f"{file}: {found['refused']}")
    print(said[-4000:], end="", file=sys.stderr)
    return found


def _unfinished(code: int, seconds: float, file: str, hung: Path) -> dict[str, Any]:
    """The verdict on a file that gave none."""
    trace = hung.read_text(encoding="utf8") if hung.is_file() else ""
    if trace or code == -1:
        kind = "time"
        line = re.search(rf'File ".*{re.escape(Path(file).name)}", line (\d+)', trace)
        if not line:
            words = f"judging took longer than {seconds:g} s; give more with --seconds"
            return {"refused": words}
        number = int(line[1])
        text = Path(file).read_text(encoding="utf8").splitlines()[number - 1].strip()
        words = (
            f"there was no end after {seconds:g} s, in line {number} (`{text}`): a "
            "loop that never ends? Else give more time with --seconds"
        )
    else:
        kind = "ended"
        words = (
            f"the process ended with exit code {code} before there was a verdict; does "
            "the file call os._exit, or crash?"
        )
    finding = vars(Finding("", kind, words))
    return {"status": "wrong", "cases": [], "findings": [finding]}


def run(file: str, name: str) -> dict[str, Any]:
    """The other process: load the file and judge the function at all inputs."""
    path, stem = Path(file), name.removesuffix("_backward")
    module = _load(path)
    backward = getattr(module, name, None)
    if not callable(backward):
        raise Refused(f"defines no {name}; {USAGE}")
    forward, known = getattr(module, stem, None), stem in ops.pairs()
    if forward is None and not known:
        raise Refused(f"defines no forward {stem}, and charlm has none; {USAGE}")
    names_of = forward or ops.pairs()[stem].forward
    return verdicts(_trials(module, stem, backward), names_of)


def _trials(
    module: ModuleType, stem: str, backward: Callable[..., Any]
) -> Iterator[Judgement]:
    """Everything to judge a function of the file at."""
    forward = getattr(module, stem, None)
    own_inputs = getattr(module, f"{stem}_inputs", None)
    known = stem in ops.pairs()
    if own_inputs is not None:
        try:
            given = call(own_inputs)
        except Exception as error:
            raise Refused(f"{stem}_inputs() raises {where(error)}") from error
        inputs = tuple(given) if isinstance(given, tuple | list) else (given,)
        pair = ops.pairs()[stem].forward if known else None
        forms = zoo_forms(pair, stem) if pair else ()
        tried = forward or ops.pairs()[stem].forward
        yield Judgement("", tried, backward, inputs, 3, {"forms": forms})
        return
    if not known:
        raise Refused(
            f"defines no {stem}_inputs(), and charlm has no pair {stem} to take inputs "
            f"from; {USAGE}"
        )
    for case in cases.cases(stem):

        def call_it(*inputs: Any, case: cases.Case = case) -> Any:
            return (forward or getattr(ops, stem))(*inputs, **case.options)

        forms = zoo_forms(case.forward, stem)
        more = {"forms": forms, "kink": case.kink}
        yield Judgement(case.label, call_it, backward, case.inputs, 1, more)


def _load(path: Path) -> ModuleType:
    """The reader's file as a module."""
    spec = importlib.util.spec_from_file_location("readers_file", path)
    if spec is None or spec.loader is None:
        raise Refused(f"is no Python file; {USAGE}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # what stands beside it can be used
    try:
        call(spec.loader.exec_module, module)
    except Exception as error:
        raise Refused(f"cannot be loaded: {where(error)}") from error
    return module


def main(file: str, name: str, seconds: str, answer: str, hung: str) -> None:
    """Write the verdict, or why there is none, into the file ``answer``."""
    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    with Path(hung).open("w") as trace:
        # a thread of C: it ends also what catches every exception
        faulthandler.dump_traceback_later(float(seconds), exit=True, file=trace)
        try:
            found = run(file, name)
        except Refused as error:
            found = {"refused": str(error)}
        faulthandler.cancel_dump_traceback_later()
    Path(answer).write_text(json.dumps(found, allow_nan=False), encoding="utf8")


if __name__ == "__main__":
    main(*sys.argv[1:])

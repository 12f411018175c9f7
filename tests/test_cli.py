"""The command line as users meet it: what it does, what it says when it cannot."""

import contextlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
from typed import NAMES

from charlm.cli import main, parser
from charlm.cli.train import SHAPE
from charlm.models import KINDS
from charlm.train import TrainConfig
from charlm.train.checkpoint import read

SHORT = ["--steps", "12", "--batch", "4", "--evals", "2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a list of names; signal handlers are put back."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(NAMES))
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def trained(folder, capsys):
    """A folder with a trained model of the usual name."""
    assert main(["train", "--data", "names.txt", *SHORT]) == 0
    capsys.readouterr()
    return folder


def out(capsys):
    return capsys.readouterr().out


def test_train_then_sample_without_naming_a_file(folder, capsys):
    assert main(["train", "--data", "names.txt", *SHORT]) == 0
    said = out(capsys)
    assert re.search(r"^mlp, [\d,]+ parameters, 12 steps in", said)
    assert "charlm sample" in said
    assert main(["sample", "--count", "5", "--data", "names.txt"]) == 0
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 5
    assert "of 5 are not in the data" in found.err


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("bigram", []),
        ("mlp", ["--n-hidden", "8", "--block", "2"]),
        ("tree", ["--n-hidden", "8", "--levels", "2"]),
        ("wavenet", ["--levels", "2"]),
        ("rnn", ["--n-hidden", "8", "--clip", "1", "--truncate", "4"]),
        ("gru", ["--n-hidden", "8", "--reset", "before"]),
        ("lstm", ["--n-hidden", "8", "--forget", "1"]),
        (
            "gpt",
            ["--n-embd", "8", "--n-head", "2", "--n-layer", "1", "--dropout", "0.1"],
        ),
    ],
)
def test_every_model_trains_samples_and_is_measured(model, options, folder, capsys):
    args = ["train", "--data", "names.txt", "--model", model, *options, *SHORT]
    assert main([*args, "--json"]) == 0
    result = json.loads(out(capsys))
    assert result["model"] == model
    assert 0 < result["dev"] < 5
    assert main(["sample", "--json", "--count", "3"]) == 0
    assert len(json.loads(out(capsys))["samples"]) == 3
    assert main(["eval", "--json", "--data", "names.txt"]) == 0
    measured = json.loads(out(capsys))["nats"]
    assert set(measured) == {"train", "dev", "test"}
    assert measured["dev"] == pytest.approx(result["dev"], abs=1e-5)


def test_running_text(folder, capsys):
    Path("text.txt").write_text("the cat sat on the mat. " * 60)
    args = ["--data", "text.txt", "--text", "--model", "tree", "--levels", "2"]
    assert main(["train", *args, "--steps", "150", "--batch", "8", "--lr", "0.02"]) == 0
    out(capsys)
    assert main(["sample", "--count", "1", "--longest", "60", "--prefix", "the c"]) == 0
    text = out(capsys).rstrip("\n")
    assert text.startswith("the c")
    assert len(text) == 60
    assert main(["eval", "--data", "text.txt"]) == 0
    assert "perplexity" in out(capsys)


def test_samples_repeat_and_vary_with_the_seed(trained, capsys):
    drawn = []
    for seed in ("1", "1", "2"):
        assert main(["sample", "--seed", seed, "--json"]) == 0
        drawn.append(json.loads(out(capsys))["samples"])
    assert drawn[0] == drawn[1] != drawn[2]


def test_greedy_prefix_and_beam(trained, capsys):
    assert main(["sample", "--temperature", "0", "--count", "3", "--json"]) == 0
    assert len(set(json.loads(out(capsys))["samples"])) == 1
    assert main(["sample", "--prefix", "an", "--json"]) == 0
    assert all(t.startswith("an") for t in json.loads(out(capsys))["samples"])
    assert main(["sample", "--beam", "4", "--json"]) == 0
    nats = [e["nats"] for e in json.loads(out(capsys))["likeliest"]]
    assert nats == sorted(nats)


def test_the_probability_of_a_name(trained, capsys):
    assert main(["eval", "--name", "ada", "--name", "otto", "--json"]) == 0
    entries = json.loads(out(capsys))["names"]
    assert [e["name"] for e in entries] == ["ada", "otto"]
    assert all(0 < e["probability"] < 1 for e in entries)


def test_check_of_one_pair(capsys):
    assert main(["check", "tanh"]) == 0
    assert "ok   tanh" in out(capsys)
    assert main(["check", "tanh", "--json"]) == 0
    assert json.loads(out(capsys))["errors"]["tanh"]["autograd"] < 1e-9


RIGHT = """
def linear_backward(dy, cache):
    x, W = cache
    rows = dy.reshape(-1, dy.shape[-1])
    return dy @ W.T, x.reshape(-1, x.shape[-1]).T @ rows, rows.sum(0)
"""
OWN = """
import torch
def cube(x):
    return x**3, (x,)
def cube_backward(dy, cache):
    (x,) = cache
    return 3 * x**2 * dy
def cube_inputs():
    return torch.randn(4, 3)
"""


def test_check_of_the_readers_own_backward(folder, capsys):
    Path("mine.py").write_text(RIGHT)
    assert main(["check", "mine.py:linear_backward"]) == 0
    assert "FAIL" not in out(capsys)
    Path("mine.py").write_text(RIGHT.replace("rows.sum(0)", "rows.mean(0)"))
    assert main(["check", "mine.py:linear_backward"]) == 1
    assert "FAIL matrix" in out(capsys)
    Path("own.py").write_text(OWN)
    assert main(["check", "own.py:cube_backward"]) == 0
    Path("own.py").write_text(OWN.replace("3 * x**2", "2 * x**2"))
    assert main(["check", "own.py:cube_backward"]) == 1


def test_data_commands(folder, capsys):
    assert main(["data", "list"]) == 0
    assert "makemore" in out(capsys)
    assert main(["data", "describe", "names.txt"]) == 0
    assert "15" in out(capsys)
    assert main(["data", "describe", "book"]) == 0
    assert re.search(r"characters +207,347", out(capsys))
    assert main(["data", "fetch", "names", "--json"]) == 0
    assert json.loads(out(capsys))["path"].endswith("names.txt")


@pytest.mark.parametrize(("model", "fast"), [("gpt", True), ("wavenet", False)])
def test_bench_says_what_a_step_costs(model, fast, folder, capsys):
    args = ["bench", "--data", "names.txt", "--model", model, "--batch", "2"]
    assert main([*args, "--rounds", "2", "--json"]) == 0
    found = json.loads(out(capsys))["seconds"]
    assert ("fast" in found) == fast
    assert all(seconds > 0 for seconds in found.values())


def test_a_plot_is_saved(folder, capsys):
    assert main(["train", "--data", "names.txt", *SHORT, "--plot", "loss.svg"]) == 0
    assert "<svg" in Path("loss.svg").read_text()


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write(name, content):
    Path(name).write_bytes(content)


def trained_file(name="m.st", model="bigram"):
    args = ["--data", "names.txt", "--model", model, "--steps", "2", "--batch", "4"]
    assert main(["train", *args, "--out", name]) == 0


TRAIN = ["train", "--steps", "2", "--batch", "4", "--data"]
BAD = {
    "no such file": (
        None,
        [*TRAIN, "gone.txt"],
        "'gone.txt' is neither a file nor a known data set",
    ),
    "a folder": (lambda: os.mkdir("d"), [*TRAIN, "d"], "is a folder"),
    "empty": (lambda: write("e.txt", b""), [*TRAIN, "e.txt"], "the file is empty"),
    "blank": (lambda: write("b.txt", b"\n \n"), [*TRAIN, "b.txt"], "file is empty"),
    "binary": (lambda: write("x.bin", b"\0\1\2"), [*TRAIN, "x.bin"], "no text file"),
    "not UTF-8": (lambda: write("l.txt", b"\xff\n"), [*TRAIN, "l.txt"], "not UTF-8"),
    "huge line": (
        lambda: write("h.txt", b"a" * 10_000_000),
        [*TRAIN, "h.txt"],
        "10,000,000 characters",
    ),
    "boundary in an item": (
        lambda: write("p.txt", b"a.b\nc\nd\ne\nf\ng\nh\ni\nj\nk\n"),
        [*TRAIN, "p.txt", "--boundary", "."],
        r"contains '.', which marks the ends of items.*\(--boundary\)",
    ),
    "too few to split": (
        lambda: write("f.txt", b"a\nb\n"),
        [*TRAIN, "f.txt"],
        "at least one",
    ),
    "batch larger than data": (
        None,
        ["train", "--data", "names.txt", "--batch", "9999"],
        "a batch of 9999 rows",
    ),
    "context 0": (None, [*TRAIN, "names.txt", "--block", "0"], "block is 0"),
    "unknown model": (None, [*TRAIN, "names.txt", "--model", "elman"], "choose one of"),
    "an option the model lacks": (
        None,
        [*TRAIN, "names.txt", "--model", "bigram", "--n-head", "2"],
        "bigram: has no --n-head",
    ),
    "heads that do not divide": (
        None,
        [*TRAIN, "names.txt", "--model", "gpt", "--n-head", "7"],
        "cannot be cut into 7 heads",
    ),
    "unknown positions": (
        None,
        [*TRAIN, "names.txt", "--model", "gpt", "--positions", "x"],
        "choose 'learned'",
    ),
    "block too short": (
        None,
        [*TRAIN, "names.txt", "--model", "gpt", "--block", "2"],
        "reads at most 2",
    ),
    "unknown optimiser": (
        None,
        [*TRAIN, "names.txt", "--optimiser", "sdg"],
        "optimiser is 'sdg'",
    ),
    "unknown schedule": (
        None,
        [*TRAIN, "names.txt", "--schedule", "sine"],
        "schedule is 'sine'",
    ),
    "lr below 0": (None, [*TRAIN, "names.txt", "--lr", "-1"], "lr is -1"),
    "steps 0": (None, ["train", "--data", "names.txt", "--steps", "0"], "steps is 0"),
    "dropout 1": (
        None,
        [*TRAIN, "names.txt", "--model", "gpt", "--dropout", "1"],
        "p is 1",
    ),
    "loss out of range": (
        None,
        "train --data names.txt --batch 4 --steps 60 --lr 1e38 --warmup 0 "
        "--optimiser sgd".split(),
        "parameters have grown out of range",
    ),
    "text too short": (
        lambda: write("t.txt", b"short"),
        [*TRAIN, "t.txt", "--text"],
        "give a longer text",
    ),
    "no place to write": (
        None,
        [*TRAIN, "names.txt", "--out", "no/such/place.st"],
        "cannot be written",
    ),
    "exists already": (
        trained_file,
        [*TRAIN, "names.txt", "--out", "m.st"],
        "exists already; go on with --resume",
    ),
    "resume nothing": (
        None,
        ["train", "--resume", "--out", "gone.st"],
        "gone.st: there is no such file",
    ),
    "resume a finished run": (
        trained_file,
        ["train", "--data", "names.txt", "--resume", "--out", "m.st"],
        "this run is finished",
    ),
    "no cuda": (
        None,
        [*TRAIN, "names.txt", "--device", "cuda"],
        "finds no such graphics processor",
    ),
    "unknown picture": (
        None,
        [*TRAIN, "names.txt", "--plot", "loss.doc"],
        "give --plot a path that ends in .png or .svg or .pdf",
    ),
    "sample nothing": (None, ["sample"], "train a model first"),
    "sample a text file": (None, ["sample", "names.txt"], "damaged or no checkpoint"),
    "unknown character": (
        trained_file,
        ["sample", "m.st", "--prefix", "Z"],
        "'Z', is not in the vocabulary",
    ),
    "temperature below 0": (
        trained_file,
        ["sample", "m.st", "--temperature", "-1"],
        "temperature is -1",
    ),
    "top-k 0": (trained_file, ["sample", "m.st", "--top-k", "0"], "--top-k is 0"),
    "top-p 2": (trained_file, ["sample", "m.st", "--top-p", "2"], "--top-p is 2"),
    "count 0": (trained_file, ["sample", "m.st", "--count", "0"], "count is 0"),
    "beam 0": (trained_file, ["sample", "m.st", "--beam", "0"], "beam is 0"),
    "unknown name": (
        trained_file,
        ["eval", "m.st", "--name", "ÿ"],
        "is not in the vocabulary",
    ),
    "unknown pair": (None, ["check", "lstm"], "'lstm' is no pair"),
    "no backward": (None, ["check", "a.py:linear"], "'linear' is no backward"),
    "no such Python file": (
        None,
        ["check", "a.py:linear_backward"],
        "a.py: is no Python file",
    ),
    "a Python file that fails": (
        lambda: write("s.py", b"1 +"),
        ["check", "s.py:linear_backward"],
        "cannot be loaded: SyntaxError",
    ),
    "nothing to check": (
        lambda: write("n.py", b"x = 1"),
        ["check", "n.py:linear_backward"],
        "defines no linear_backward",
    ),
    "bench nothing": (None, ["bench", "--rounds", "0"], "rounds is 0"),
    "describe nothing": (None, ["data", "describe"], "Name a data set"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_one_line_and_exit_code_2(what, folder, capsys):
    prepare, args, words = BAD[what]
    if prepare:
        prepare()
    before = contents(folder)
    capsys.readouterr()
    assert main(args) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("charlm: ")
    assert re.search(words, said), said
    assert "Traceback" not in said
    assert contents(folder) == before, "a refused run leaves nothing behind"


def test_data_that_changed_since_are_other_data(trained, capsys):
    assert main(["eval", "--data", "names.txt", "--json"]) == 0
    assert set(json.loads(out(capsys))["nats"]) == {"train", "dev", "test"}
    Path("names.txt").write_text("\n".join([*NAMES, "adan"]))
    assert main(["eval", "--data", "names.txt", "--json"]) == 0
    assert set(json.loads(out(capsys))["nats"]) == {"all"}
    assert main(["train", "--resume", "--data", "names.txt", "--steps", "99"]) == 2
    assert "was trained on other data" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_places_without_permission(folder, capsys):
    Path("names.txt").chmod(0)
    assert main([*TRAIN, "names.txt"]) == 2
    assert "permission" in capsys.readouterr().err.lower()


def test_help_tells_every_default():
    """As the code has it: of settings, and of models that have the option."""
    (commands,) = (
        a.choices for a in parser()._actions if hasattr(a, "choices") and a.choices
    )
    told = {a.dest: a.help for a in commands["train"]._actions}
    for field in fields(TrainConfig):
        if field.name in told and field.name not in ("epochs", "steps"):
            value = field.default
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            shown = "off" if value is False else shown
            assert re.search(rf"\b{re.escape(shown)}\b", told[field.name]), field.name
    for make in KINDS.values():
        for name, parameter in signature(make).parameters.items():
            if name in told and name in SHAPE:
                value = "never" if parameter.default is None else parameter.default
                shown = value if isinstance(value, str) else f"{value:g}"
                assert re.search(rf"\b{shown}\b", told[name]), name
    assert {a.dest for a in commands["train"]._actions} >= {"start", "log", "boundary"}
    options = [o for a in commands["train"]._actions for o in a.option_strings]
    assert {"--optimiser", "--optimizer"} <= set(options)
    for command in commands.values():
        assert all(a.help for a in command._actions if a.option_strings)


def run(*args, **options):
    command = [sys.executable, "-m", "charlm", *args]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_ctrl_c_that_an_import_swallows_is_heard(folder, capsys, monkeypatch):
    """Python drops exceptions of callbacks, and imports have some."""

    def swallow(name):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return importlib.import_module(name)

    monkeypatch.setattr(sys.modules["charlm.cli.main"], "import_module", swallow)
    assert main(["train", "--data", "names.txt", *SHORT]) == 1
    assert capsys.readouterr().err == "charlm: stopped\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_saves_the_run_and_it_goes_on(folder):
    args = ["train", "--data", "names.txt", "--batch", "4", "--steps", "200000"]
    args += ["--save-every", "0.5"]
    process = run(*args, "--evals", "0")
    file = folder / "charlm-model.safetensors"
    for _ in range(1200):  # a busy machine may take long to begin
        if file.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "stopped after step" in errors
    assert "go on with --resume" in errors
    assert "Traceback" not in errors
    steps = read(file).head["run"]["steps"]
    assert 0 < steps < 200_000
    again = ["train", "--resume", "--data", "names.txt", "--save-every", "0.5"]
    process = run(*again)
    further = steps
    for _ in range(1200):
        if further > steps or process.poll() is not None:
            break
        time.sleep(0.1)
        further = read(file).head["run"]["steps"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert further > steps


def test_two_processes_are_one(folder):
    """Half the batch each, in two parts: the step of one with the whole batch."""
    shape = "--model gpt --n-embd 8 --n-head 2 --n-layer 1".split()
    args = ["train", "--data", "names.txt", *shape, *SHORT, "--json"]
    args += ["--optimiser", "momentum", "--lr", "0.1"]
    one = run(*args, "--out", "one.st")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", str(20_000 + os.getpid() % 20_000)]
    two = subprocess.run(
        [*command, "-m", "charlm", *args, "--accumulate", "2", "--out", "two.st"],
        capture_output=True,
        text=True,
    )
    one.communicate(timeout=60)
    assert two.returncode == 0, two.stderr
    assert len(two.stdout.splitlines()) == 1, "only the first process speaks"
    a, b = (read(f"{name}.st").parameters for name in ("one", "two"))
    for name in a:
        assert (a[name] - b[name]).abs().max() <= 1e-6
        assert b[name].any() or name.endswith(("b", "beta"))

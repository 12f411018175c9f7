"""A run on one's own text: nothing is lost, nothing found late, the data are asked."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typed import NAMES

from charlm import data
from charlm.cli import main
from charlm.cli.output import printable
from charlm.data import corpus
from charlm.train import Compiled, Place, Progress, Stopped, claim, header, new
from charlm.train.checkpoint import read
from charlm.train.keeper import Keeper

QUICK = ["--steps", "8", "--batch", "4", "--evals", "2"]
TRAIN = ["train", "--data", "names.txt", "--model", "bigram", *QUICK]
MODEL = Path("charlm-model.safetensors")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a list of names."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(NAMES))
    return tmp_path


def said(capsys, args, code=0):
    """What a command says, after it has ended with the code."""
    capsys.readouterr()
    assert main(args) == code
    found = capsys.readouterr()
    if code:
        assert found.err.splitlines()[-1].startswith("charlm: ")
    return found.err if code else found.out


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


# Data loss ----------------------------------------------------------------------------

FAILING = {
    "other data": ["--data", "long.txt", "--model", "gpt", "--block", "4"],
    "a loss that blows up": ["--lr", "1e38", "--optimiser", "sgd", "--warmup", "0"],
    "a setting": ["--lr", "-5"],
    "a model": ["--model", "gpt"],
}


@pytest.mark.parametrize("how", FAILING)
def test_a_run_that_fails_leaves_the_older_model(how, folder, capsys):
    Path("long.txt").write_text("\n".join([*NAMES, "wilhelmina"]))
    assert main(TRAIN) == 0
    before = files(folder)
    args = ["train", "--data", "names.txt", "--steps", "60", "--batch", "4"]
    args += ["--overwrite", *FAILING[how]]
    if how == "a model":
        args += ["--n-head", "7"]
    said(capsys, args, code=2)
    assert files(folder) == before


def job(names, steps=40, **settings):
    settings = {"steps": steps, "batch": 4, "evals": 4} | settings
    return new(corpus(names), "bigram", {}, settings)


def test_the_older_model_is_kept_until_the_new_run_has_finished(folder, capsys):
    """Replaced after the first measurement, kept beside it, gone at the end."""
    from charlm.train.launch import launch

    assert main(TRAIN) == 0
    old, seen = MODEL.read_bytes(), []
    kept = folder / "charlm-model.before.safetensors"

    def look(trainer, progress):
        now = MODEL.read_bytes()
        seen.append((now == old, kept.exists(), bool(trainer.result.dev)))
        if kept.exists():
            assert kept.read_bytes() == old
            assert read(MODEL).head["run"]["dev"], "it has a measured state"

    fresh = job("names.txt")
    launch(fresh, claim(MODEL, True), every=0.0, quiet=True, callbacks=[look])
    assert [s for s in seen if s == (True, False, False)]
    assert seen[-1] == (False, True, True)
    assert all(new or measured for new, _, measured in seen)
    assert not kept.exists()
    assert read(MODEL).head["finished"]


def test_a_run_that_fails_after_it_has_replaced_puts_back_what_was(folder):
    from charlm.train.launch import launch

    assert main(TRAIN) == 0
    old = files(folder)

    def fail(trainer, progress):
        if progress.step == 30:
            raise ValueError("the disk is full of water")

    with pytest.raises(ValueError, match=r"water; .*safetensors is as it was"):
        launch(job("names.txt"), claim(MODEL, True), 0.0, True, [fail])
    assert files(folder) == old


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_what_is_no_regular_file_is_never_written(path, folder):
    with pytest.raises(
        ValueError, match=r"cannot be written \(it is no regular file\)"
    ):
        Place(path, going_on=True)


def test_two_runs_do_not_write_one_file(folder):
    one, two = Place("m.st"), Place("m.st")
    one.write(b"one")
    with pytest.raises(ValueError, match="another run wrote it meanwhile"):
        two.write(b"two")
    one.write(b"more")
    assert files(folder)["m.st"] == b"more"
    assert set(files(folder)) == {"m.st", "names.txt"}


def test_what_a_killed_run_left_is_swept(folder):
    done = subprocess.Popen(["true"])
    done.wait()
    for left in (f".m.st.{done.pid}.part", f".other.{done.pid}.part"):
        Path(left).write_bytes(b"half")
    Path(f".m.st.{os.getppid()}.part").write_bytes(b"alive")
    Path(".m.st.one.part").write_bytes(b"of somebody else")
    asked, ask = [], os.kill

    def kill(number, signal):
        asked.append(signal)
        ask(number, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charlm.train.place.os.kill", kill)
        Place("m.st")
    assert asked == [0, 0], "it is only asked whether they are alive"
    names = {p.name for p in folder.iterdir()}
    assert ".m.st.one.part" in names
    assert f".m.st.{done.pid}.part" not in names
    assert {f".other.{done.pid}.part", f".m.st.{os.getppid()}.part"} <= names


def test_a_link_is_followed(folder):
    os.mkdir("elsewhere")
    os.symlink("elsewhere/real.st", "link.st")
    for more in ([], ["--overwrite"]):
        assert main([*TRAIN, "--out", "link.st", *more]) == 0
        assert Path("link.st").is_symlink()
        assert read("elsewhere/real.st").head["finished"]
    assert [p.name for p in Path("elsewhere").iterdir()] == ["real.st"]


@pytest.mark.parametrize(
    "args",
    [
        ["--out", "names.txt", "--overwrite"],
        ["--out", "./names.txt"],
        ["--out", "link.txt", "--overwrite"],
        ["--plot", "names.svg", "--data", "names.svg"],
        ["--log", "names.csv", "--data", "names.csv", "--overwrite"],
        ["--plot", "a.svg", "--out", "a.svg"],
        ["--from", "m.st", "--out", "m.st", "--overwrite"],
        ["--out", "poem.doc", "--overwrite"],
        ["--out", "/dev/null", "--overwrite"],
        ["--out", "a" * 300],
        ["--out", "folder"],
    ],
)
def test_what_is_read_is_never_written(args, folder, capsys):
    assert main([*TRAIN, "--out", "m.st"]) == 0
    os.symlink("names.txt", "link.txt")
    os.mkdir("folder")
    for other in ("names.svg", "names.csv", "poem.doc"):
        Path(other).write_text("\n".join(NAMES))
    before = files(folder)
    train = ["train", "--data", "names.txt", "--steps", "4", "--batch", "4"]
    said(capsys, [*train, *args], code=2)
    assert files(folder) == before
    assert os.path.exists("/dev/null")


def test_kills_at_random_moments_leave_a_whole_file(folder):
    """The older model, or the new one with something measured; never neither."""
    assert main(TRAIN) == 0
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from charlm.train import claim, new\n"
        "from charlm.train.launch import launch\n"
        "from charlm.data import corpus\n"
        "s = {'steps': 400, 'batch': 4, 'evals': 40}\n"
        "job = new(corpus('names.txt'), 'bigram', {}, s)\n"
        "print('ready', flush=True)\n"
        "launch(job, claim('charlm-model.safetensors', True), 0.0, True)\n"
    )
    root = str(Path(data.__file__).parents[2])
    for wait in (0.0, 0.01, 0.03, 0.1, 0.3):
        command = [sys.executable, "-c", code, root]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = read(MODEL)
        assert found.head["finished"] or found.head["run"]["dev"]
        if not found.head["finished"]:
            assert read("charlm-model.before.safetensors").head["finished"]
    assert main([*TRAIN, "--overwrite"]) == 0
    assert set(files(folder)) == {"names.txt", MODEL.name}


def keeper(names="names.txt", place=None, every=1000.0, **settings):
    """Of a new run in a place of its own, with what it writes."""
    return Keeper(place or Place("kept.st"), job(names, **settings), every)


def test_signals_mean_again_what_they_meant(folder):
    """And what is ignored, as nohup asks, stays ignored within."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.getsignal(name) for name in names}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with keeper() as found:
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == found._wanted
            assert signal.getsignal(signal.SIGINT) == found._wanted
            assert set(found.before) == {signal.SIGINT, signal.SIGTERM}
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        for name in names[:2]:
            assert signal.getsignal(name) == before[name]
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def test_in_another_thread_nobody_can_ask_to_stop(folder):
    found = []

    def enter():
        with keeper() as one:
            found.append((one, dict(one.before)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    ((one, before),) = found
    assert isinstance(one, Keeper)
    assert before == {}


def test_a_run_is_saved_when_it_is_due_and_when_it_is_asked_to_stop(folder):
    """Once it is due it waits as long again; a new run has nothing to measure first."""
    now, written = [100.0], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charlm.train.keeper.time.monotonic", lambda: now[0])
        patch.setattr(Place, "write", lambda self, content: written.append(now[0]))
        found = keeper(every=30.0)
        trainer, progress = found.job.trainer, Progress(1, 40)
        for now[0] in (101.0, 129.9, 130.0, 131.0, 159.0, 160.5):
            found(trainer, progress)
        assert written == [130.0, 160.5]
        found._wanted(signal.SIGTERM, None)
        with pytest.raises(Stopped, match="stopped after step 1 of 40; "):
            found(trainer, progress)
        assert written == [130.0, 160.5, 160.5]
        with pytest.raises(KeyboardInterrupt):
            found._wanted(signal.SIGTERM, None)


def test_a_run_that_is_stopped_before_it_has_measured_leaves_what_was(folder):
    assert main(TRAIN) == 0
    old = MODEL.read_bytes()
    found = keeper(place=claim(MODEL, True))
    found._wanted(signal.SIGTERM, None)
    words = f"after step 1 of 40; nothing was measured yet, so {MODEL} is as it was$"
    with pytest.raises(Stopped, match=words):
        found(found.job.trainer, Progress(1, 40))
    assert MODEL.read_bytes() == old


def test_a_run_that_replaces_is_saved_when_it_has_measured(folder):
    """Or is finished, or measures nothing; a process that is not the first never."""
    assert main(TRAIN) == 0
    old = MODEL.read_bytes()
    for settings, finished, writes in (
        ({"evals": 4}, False, False),
        ({"evals": 4}, True, True),
        ({"evals": 0}, False, True),
    ):
        MODEL.write_bytes(old)
        found = keeper(place=claim(MODEL, True), **settings)
        found.save(found.job.trainer, finished)
        assert (MODEL.read_bytes() != old) == writes
    MODEL.write_bytes(old)
    found = keeper(place=claim(MODEL, True))
    found.job.trainer.result.dev = [(1, 2.0)]
    found.job.trainer.world.first = False
    found.save(found.job.trainer)
    assert MODEL.read_bytes() == old
    found.job.trainer.world.first = True
    found.save(found.job.trainer)
    assert MODEL.read_bytes() != old


@pytest.mark.parametrize(
    ("finished", "older", "number"),
    [
        (False, 3, 3),
        (False, 10_000, 10_000),
        (False, 10_001, 2),
        (False, "3", 2),
        (False, None, 2),
        (True, 3, 2),
        (None, 3, 2),
    ],
)
def test_which_model_a_killed_run_has_kept(finished, older, number, folder):
    """What its file says, if it was not finished; never a file of somebody else."""
    head = {"kind": header.KIND, "finished": finished, "older": older}
    text = {"charlm": json.dumps(head)}
    save_file({"W": torch.ones(1)}, "m.st", text)
    for mark in ("", "-3", "-10000", "-10001"):
        Path(f"m.before{mark}.st").write_bytes(b"other")
    old = Path("m.st").read_bytes()
    place = claim("m.st", True)
    assert (place.number, place.kept) == (number, number != 2)
    assert place.older.name == f"m.before-{number}.st"
    place.write(b"new")
    assert place.older.read_bytes() == (old if number == 2 else b"other")


def test_what_a_run_has_not_kept_it_does_not_remove(folder):
    assert main([*TRAIN, "--out", "m.st"]) == 0
    for place in (claim("m.st", True), Place("new.st")):
        place.older.write_bytes(b"other")
        assert not place.undo()
        place.finish()
        assert place.older.read_bytes() == b"other"


def test_a_process_that_is_not_the_first_says_and_touches_nothing(folder, capsys):
    from charlm.train.launch import launch

    def never(*_):
        raise AssertionError("it is for the first process alone")

    found = job("names.txt", steps=4)
    found.trainer.world.first = False
    before, nowhere = files(folder), object()
    launch(found, nowhere, every=0.0, callbacks=[never])
    assert found.trainer.result.steps == 4
    found.trainer.run = lambda: (_ for _ in ()).throw(ValueError("it has grown"))
    with pytest.raises(ValueError, match="^it has grown$"):
        launch(found, nowhere, every=0.0)
    assert files(folder) == before
    assert capsys.readouterr() == ("", "")


def test_a_quiet_run_says_nothing(folder, capsys, monkeypatch):
    """Not even that its steps are compiled, which others hear of."""
    from charlm.train.launch import launch

    monkeypatch.setattr(Compiled, "_run", lambda self, f, *xs: f(self._parts, *xs))
    for quiet in (True, False):
        launch(job("names.txt", steps=4, compile=True), Place("m.st", True), 9.0, quiet)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("" if quiet else "compiling the step, which takes a")
        assert bool(said.err) != quiet


# Before the first step ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--model", "gpt", "--block", "4"], r"reads at most 4"),
        (
            ["--model", "mlp", "--batch", "1"],
            "needs at least 2; give a larger batch",
        ),
        (
            ["--model", "gpt", "--positions", "rope", "--n-embd", "9", "--n-head", "3"],
            "cannot be rotated.*--n-embd and --n-head",
        ),
        (["--n-embd", "9999999", "--n-hidden", "9999999"], "GB of memory"),
        (["--model", "mlp", "--n-hidden", "1" + "0" * 20], "at most 10,000,000"),
        (["--model", "tree", "--levels", "30"], "levels is 30; give at most 16"),
        (["--model", "mlp", "--block", "9999999"], "GB of memory"),
        (["--lr", "1e300"], "lr is 1e.300"),
        (["--lr", "nan"], "lr is nan"),
        (["--epochs", "inf"], "epochs is inf; give a finite number"),
        (["--epochs", "1e9"], r"epochs is 1.*; give more than 0, at most 1e\+06"),
        (["--steps", "9" * 20], "steps is 9+; give"),
        (["--seed", "99999999999999"], "seed is 9+; give 0 to 2147483647"),
        (["--seed", "-1"], "seed is -1"),
        (["--save-every", "nan"], "--save-every is nan"),
        (["--data", "/dev/zero"], "no regular file"),
        (["--data", "sparse.txt", "--text"], "GB of memory"),
        (["--data", "long.txt", "--model", "wavenet"], "long.txt: 'xx.* at most 1,000"),
        (["--steps", "5", "--epochs", "5"], "both say how long"),
        (["--plot", "no/such/folder.svg"], "cannot be written"),
        (["--log", "no/such/folder.csv"], "cannot be written"),
    ],
)
def test_what_can_be_known_is_said_at_once(args, words, folder, capsys):
    Path("long.txt").write_text("\n".join([*NAMES, "x" * 5000]))
    with open("sparse.txt", "wb") as file:
        file.truncate(2**42)
    before = set(os.listdir())
    began = time.monotonic()
    heard = said(capsys, ["train", "--data", "names.txt", *args], code=2)
    assert re.search(words, heard), heard
    assert time.monotonic() - began < 20
    assert set(os.listdir()) == before
    assert not re.search(r"load_text\b(?! \()|Vocab\.|__init__|normalise=", heard)


def test_one_long_line_is_found_before_it_is_packed(folder, capsys):
    lines = [*(f"n{'abcdefgh'[i % 8]}" for i in range(3000)), "y" * 9_999]
    Path("lines.txt").write_text("\n".join(lines))
    heard = said(capsys, ["train", "--data", "lines.txt", "--model", "tree"], code=2)
    assert "9,999 characters" in heard


def start(*args, **options):
    command = [sys.executable, "-m", "charlm", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes | options)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_streams_that_are_full_or_closed(folder):
    assert main(TRAIN) == 0
    with open("/dev/full", "w") as full:
        process = start("sample", stdout=full)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2
        assert errors.splitlines()[0].startswith("charlm: standard output: cannot")
        assert "Traceback" not in errors
        process = start("sample", "--count", "0", stderr=full)
        process.communicate(timeout=120)
        assert process.returncode == 2
    for closed in ("2>&-", ">&-", "<&-"):
        command = f"{sys.executable} -m charlm sample --count 2 {closed}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == (0 if closed == ">&-" else 2)
        assert "Traceback" not in done.stderr


def test_control_c_at_any_moment_is_one_line(folder):
    for wait in (0.3, 0.8, 1.6):
        begun = False
        while not begun:  # a busy machine may not have come to our code by then
            args = ["--data", "names.txt", "--steps", "900000", "--json"]
            process = start("train", *args)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
            ours = f"charlm{os.sep}__main__.py" in errors or "charlm:" in errors
            begun = ours and not errors.startswith("Fatal Python error")
            wait += 0.3
            assert wait < 30
        assert process.returncode == 1
        assert "Traceback" not in errors
        assert len(errors.splitlines()) == 1
        MODEL.unlink(missing_ok=True)


def test_nothing_is_opened_because_a_file_says_so(folder, capsys, monkeypatch):
    """Neither a path that a header names, nor the network."""
    assert main(TRAIN) == 0

    def refuse(*args, **options):
        raise AssertionError("opened")

    monkeypatch.setattr("charlm.data.sources._download", refuse)
    for source in ("names.txt", "/dev/zero", "makemore", "\x1b[2J"):
        found = read(MODEL)
        found.head["data"]["source"] = source
        text = json.dumps(found.head)
        tensors = found.parameters | {f"run.{k}": t for k, t in found.state.items()}
        meta = {"charlm": text, "sha256": header.checksum(text, tensors)}
        save_file(tensors, "other.st", meta)
        capsys.readouterr()
        assert main(["sample", "other.st"]) == 0
        assert "not in the data" not in capsys.readouterr().err
        heard = said(capsys, ["eval", "other.st"], code=2)
        assert "ask for the data yourself: --data FILE" in heard
        assert "\x1b" not in heard


def test_what_a_terminal_obeys_is_spelt_out():
    assert printable("a\x1b[31mb\tc\nd") == "a\\x1b[31mb\tc\nd"
    assert printable("\u202eabc\x9b") == "\\u202eabc\\x9b"
    assert printable("Zürich \u200d نام") == "Zürich \u200d نام"

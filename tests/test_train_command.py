"""What ``charlm train`` does with what was typed: files, logs, words, what goes on."""

import json
import math
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typed import NAMES, table, told

from charlm.cli import main
from charlm.cli import train as training
from charlm.train import Progress, watch
from charlm.train.checkpoint import read
from charlm.train.watch import Silence

launching = sys.modules["charlm.train.launch"]  # the module, not its function

QUICK = "--model bigram --steps 8 --batch 4 --evals 2".split()
TRAIN = ["train", "--data", "names.txt", *QUICK]
TUNE = ["train", "--from", "m.st", *QUICK[2:], "--out", "tuned.st"]
FILE = "charlm-model.safetensors"
SIZE = (1 + len(set("".join(NAMES)))) ** 2  # numbers of a bigram model


def steps_in(log):
    return [row["step"] for row in table(log)]


def test_a_log_goes_on_with_its_run_and_begins_anew_with_another(folder, capsys):
    log = ["--log", "l.csv"]
    assert main([*TRAIN, *log]) == 0
    assert steps_in("l.csv") == ["4", "8"]
    before = Path("l.csv").read_bytes()
    heard = told(capsys, *TRAIN, *log, "--out", "b.st")
    assert heard.startswith("l.csv: exists already; replace it with --overwrite, or")
    assert Path("l.csv").read_bytes() == before
    go_on = ["train", "--resume", "--data", "names.txt", "--steps", "12"]
    assert main([*go_on, *log]) == 0
    assert Path("l.csv").read_bytes().startswith(before)
    assert steps_in("l.csv") == ["4", "8", "12"]
    assert main([*TRAIN, *log, "--overwrite"]) == 0
    assert steps_in("l.csv") == ["4", "8"]
    assert main([*TRAIN, "--overwrite", "--log", "new.csv"]) == 0
    assert steps_in("new.csv") == ["4", "8"]


def test_of_several_processes_only_the_first_speaks_and_writes(
    folder, capsys, monkeypatch
):
    Path("l.csv").write_text("kept")
    monkeypatch.setenv("RANK", "1")
    args = ["--log", "l.csv", "--overwrite", "--plot", "p.svg"]
    assert main([*TRAIN, *args]) == 0
    both = capsys.readouterr()
    assert both.out + both.err == ""
    assert Path("l.csv").read_text() == "kept"
    assert {p.name for p in folder.iterdir()} == {"l.csv", "names.txt", "text.txt"}


@pytest.mark.parametrize(
    ("options", "every", "quiet", "logs"),
    [
        ([], 30, False, 0),
        (["--save-every", "0", "--json"], 0, True, 0),
        (["--save-every", "2.5", "--log", "l.csv"], 2.5, False, 1),
    ],
)
def test_how_a_run_is_launched(options, every, quiet, logs, folder, monkeypatch):
    launched = []
    monkeypatch.setattr(training, "launch", lambda *given: launched.append(given))
    assert main([*TRAIN, *options]) == 0
    ((job, place, *how),) = launched
    assert (job.kind, place.path) == ("bigram", Path(FILE))
    assert [how[0], how[1], len(how[2])] == [every, quiet, logs]


def test_seconds_below_0_are_refused(folder, capsys):
    heard = told(capsys, *TRAIN, "--save-every", "-0.5")
    assert heard == "--save-every is -0.5; give seconds, 0 or more"


def test_a_setting_is_refused_before_the_data_are_read(folder, capsys):
    """They may have to be downloaded."""
    heard = told(capsys, "train", "--data", "gone.txt", "--lr", "-1")
    assert heard.startswith("lr is -1")


def test_beside_from_the_model_says_what_it_is(folder, capsys):
    assert main([*TRAIN, "--out", "m.st"]) == 0
    given = "--model gpt --n-embd 8 --momentum 0.1 --text --boundary |".split()
    heard = told(capsys, *TUNE, "--data", "names.txt", *given)
    assert heard == (
        "--model, --n-embd, --momentum, --text, --boundary: m.st says what its model "
        "is; leave them out beside --from"
    )
    heard = told(capsys, *TUNE, "--data", "names.txt", "--boundary", "|")
    assert heard.startswith("--boundary: m.st says")


@pytest.mark.parametrize("before", [[], ["--nfc"]])
@pytest.mark.parametrize("after", [[], ["--nfc"]])
def test_a_tuned_model_reads_as_before_and_joins_accents_if_either_did(
    before, after, folder, capsys
):
    Path("apart.txt").write_text("e\u0301 la\n" * 40, encoding="utf8")
    start = ["train", "--data", "apart.txt", "--text", *QUICK, "--out", "m.st"]
    assert main([*start, *before]) == 0
    first = read("m.st").head
    assert first["data"]["running"]
    assert first["data"]["compose"] == bool(before)
    args = [*TUNE, "--data", "apart.txt", *after]
    if after and not before:  # é is none of its symbols
        assert "LATIN SMALL LETTER E WITH ACUTE" in told(capsys, *args)
        return
    assert main(args) == 0
    tuned = read("tuned.st").head
    assert tuned["symbols"] == first["symbols"]
    assert tuned["data"]["running"]
    assert tuned["data"]["compose"] == bool(before or after)


def test_beside_resume_only_the_length_changes(folder, capsys):
    assert main(TRAIN) == 0
    go_on = ["train", "--resume", "--data", "names.txt"]
    given = "--model gpt --n-embd 8 --lr 1 --token-dropout 0.1 --from m.st --text"
    heard = told(capsys, *go_on, *given.split(), "--nfc", "--overwrite")
    assert heard == (
        "--model, --n-embd, --lr, --token-dropout, --from, --text, --nfc, --overwrite: "
        "a run that goes on keeps its own; beside --resume only --epochs or --steps "
        "change it"
    )
    assert told(capsys, *go_on, "--overwrite").startswith("--overwrite: a run that")


def test_a_run_that_was_stopped_keeps_what_it_replaces_until_it_has_finished(
    folder, capsys, monkeypatch
):
    assert main([*TRAIN, "--out", "m.st"]) == 0
    old, kept = Path("m.st").read_bytes(), Path("m.before.st")

    class Stopping(Silence):
        def __call__(self, trainer, progress):
            if progress.step == 6:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(launching, "watcher", lambda quiet: Stopping())
        assert main([*TRAIN, "--out", "m.st", "--overwrite"]) == 1
    heard = capsys.readouterr().err.splitlines()[-1]
    assert heard.startswith("charlm: stopped after step 6 of 8; the run is in m.st: go")
    where = folder / kept
    assert heard.endswith(f"; what it replaces is in {where} until it has finished")
    assert kept.read_bytes() == old
    assert main(["train", "--resume", "--data", "names.txt", "--out", "m.st"]) == 0
    assert not kept.exists()
    assert read("m.st").head["run"]["steps"] == 8


def test_what_a_run_says_at_its_end(folder, capsys):
    learnt = "--data text.txt --text --steps 200 --batch 16 --evals 2 --lr 0.1".split()
    assert main(["train", "--model", "bigram", *learnt]) == 0
    first, second = capsys.readouterr().out.splitlines()
    found = read(FILE)
    kept, size = found.head["run"], len(found.vocab) ** 2
    assert re.fullmatch(
        rf"bigram, {size} parameters, 200 steps in \d+\.\d s: dev loss "
        rf"{kept['best']:.4f} nats per character",
        first,
    )
    assert second == f"The model is in {FILE}. Draw from it: charlm sample"
    # a rate too small to change anything: no gain, so the run ends early
    still = ["--steps", "1000", "--evals", "500", "--lr", "1e-30", "--patience", "1"]
    assert main([*TRAIN[:5], "--batch", "4", *still, "--out", "m.st"]) == 0
    first, second, note = capsys.readouterr().out.splitlines()
    assert first.startswith(f"bigram, {SIZE} parameters, 4 of 1,000 steps in ")
    assert second == "The model is in m.st. Draw from it: charlm sample m.st"
    assert note.startswith("note: guessing symbols by their frequency gives ")
    assert main([*TRAIN, "--overwrite", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    kept = read(FILE).head["run"]
    assert said == {
        "file": FILE,
        "model": "bigram",
        "parameters": SIZE,
        "steps": 8,
        "dev": kept["best"],
        "seconds": round(kept["seconds"], 2),
    }


def test_a_picture_of_the_loss_is_drawn_if_it_is_wanted(folder, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr("charlm.plots.loss_curve", lambda *given: drawn.append(given))
    assert main(TRAIN) == 0
    assert drawn == []
    assert main([*TRAIN, "--overwrite", "--plot", "p.svg"]) == 0
    found = read(FILE)
    dev = [tuple(entry) for entry in found.head["run"]["dev"]]
    assert drawn == [(found.state["losses"].tolist(), dev, "p.svg")]


def at(step, seconds=0.0, measured=False, dev=3.0):
    """Where a run of 100 steps stands."""
    return Progress(step, 100, 2.5, 0.1, dev=dev, measured=measured, seconds=seconds)


def test_without_a_terminal_a_measurement_is_a_line_at_most_one_a_second(capsys):
    lines = watch.Lines()
    for progress in (
        Progress(1, 100, seconds=5.0),
        at(2, 5.0, True),
        at(3, 5.9, True),
        at(4, 6.0, True),
        at(5, 6.9, True),
        at(99, 9.0),
        at(100, 6.95, True, 2.75),
    ):
        lines(None, progress)
    lines.close()
    both = capsys.readouterr()
    assert both.out == ""
    assert both.err.splitlines() == [
        "step 2 of 100: loss 2.500, dev 3.0000, 5 s",
        "step 4 of 100: loss 2.500, dev 3.0000, 6 s",
        "step 100 of 100: loss 2.500, dev 2.7500, 7 s",
    ]


def test_a_bar_begins_where_the_run_goes_on_and_shows_the_loss(monkeypatch):
    """Every tenth step, and what is measured."""
    made, shown, closed = [], [], []

    class Drawn:
        def __init__(self, **how):
            made.append(how)
            self.steps = how["initial"]

        def update(self):
            self.steps += 1

        def set_postfix_str(self, text, refresh):
            shown.append((self.steps, text, refresh))

        def close(self):
            closed.append(self.steps)

    monkeypatch.setattr(watch, "tqdm", Drawn)
    bar = watch.Bar()
    bar.close()
    for step in range(18, 31):
        bar(None, at(step, measured=step == 25, dev=3.0 if step >= 25 else math.nan))
    bar.close()
    assert made == [{"total": 100, "initial": 17, "unit": "step"}]
    assert shown == [
        (20, "loss 2.500", False),
        (25, "loss 2.500, dev 3.0000", False),
        (30, "loss 2.500, dev 3.0000", False),
    ]
    assert closed == [30]


@pytest.mark.parametrize(
    ("quiet", "terminal", "kind"),
    [
        (True, True, watch.Silence),
        (False, True, watch.Bar),
        (False, False, watch.Lines),
    ],
)
def test_who_watches(quiet, terminal, kind, monkeypatch):
    monkeypatch.setattr(watch.sys, "stderr", SimpleNamespace(isatty=lambda: terminal))
    assert type(watch.watcher(quiet)) is kind


def test_a_log_ends_where_it_cannot_be_written_and_says_so_once(tmp_path, capsys):
    path = tmp_path / "l.csv"
    log = watch.Log(path, None, False)
    head = ",".join(watch.COLUMNS)
    assert path.read_bytes().decode() == head + "\r\n"
    watch.Log(path, None, False)
    assert path.read_text().splitlines() == [head], "it goes on"
    log(None, at(3))
    assert path.read_text().splitlines() == [head], "nothing was measured"
    log.path = tmp_path / "gone" / "l.csv"
    for _ in range(2):
        log._write((1, 2))
    words = f"note: {log.path}: the log ends here (No such file or directory)\n"
    assert capsys.readouterr().err == words
    log.path = path
    log._write((1, 2))
    assert path.read_text().splitlines() == [head]


@pytest.mark.parametrize(("running", "longest"), [(True, 200), (False, 40)])
def test_a_row_of_a_log(running, longest, tmp_path, monkeypatch):
    """The mean loss since the last one, and a sample that the step alone decides."""
    asked = []

    def drawn(model, vocab, count, g, most, ends):
        asked.append((model, vocab, count, g.initial_seed(), most, ends))
        return ["a,b"]

    monkeypatch.setattr(watch, "sample", drawn)
    log = watch.Log(tmp_path / "l.csv", "vocab", running)
    run = SimpleNamespace(
        model="model", device="cpu", result=SimpleNamespace(losses=[9.0, 3.0])
    )
    log(run, at(2, 1.256, True, 2.00004))
    run.result.losses += [1.0, 2.0, 1.5]
    log(run, at(5, 2.0, True))
    assert [list(row.values()) for row in table(tmp_path / "l.csv")] == [
        ["2", "1.26", "6.0000", "2.0000", "0.1", "a,b"],
        ["5", "2.00", "1.5000", "3.0000", "0.1", "a,b"],
    ]
    how = longest, not running
    assert asked == [("model", "vocab", 1, step, *how) for step in (2, 5)]

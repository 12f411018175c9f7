"""What commands answer, to the letter: limits, numbers, words, exit codes."""

import io
import json
import math
import os
import signal
import sys
import threading
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typed import NAMES, TEXT, answer, told

from charlm.cli import check as checking
from charlm.cli import eval as evaluation
from charlm.cli import main, output, paths
from charlm.cli import sample as sampling
from charlm.data import SOURCES, describe, load, locate
from charlm.gradcheck import ledger
from charlm.gradcheck.reader import EXIT_CODES
from charlm.sample import log_likelihood
from charlm.train import Stopped
from charlm.train.checkpoint import read

command = sys.modules["charlm.cli.main"]
TRAIN = "train --data names.txt --model bigram --steps 2 --batch 4".split()
FILE = "charlm-model.safetensors"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model of names and one of running text, trained once."""
    folder = tmp_path_factory.mktemp("models")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("names.txt").write_text("\n".join(NAMES))
        Path("text.txt").write_text(TEXT)
        assert main([*TRAIN, "--json"]) == 0
        text = ["--data", "text.txt", "--text", "--out", "text.st", "--json"]
        assert main([*TRAIN, *text]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def folder(models, monkeypatch):
    monkeypatch.chdir(models)
    return models


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--count", "0"], "count is 0; draw at least 1, at most 1,000,000"),
        (["--count", "1000001"], "count is 1000001; draw at least 1, at most"),
        (["--longest", "0"], "longest is 0; draw at least 1, at most 1,000,000"),
        (["--beam", "0"], "beam is 0; keep at least 1, at most 1,000,000"),
        (["--seed", "-1"], "seed is -1; give 0 to 9223372036854775807"),
        (["--seed", str(2**63)], f"seed is {2**63}; give 0 to"),
        (["--longest", "2", "--prefix", "an"], "the beginning has 2 symbols and"),
        (["--count", "1001", "--longest", "1000"], "1,001 x 1,000 symbols; draw at"),
        (["--beam", "25001"], "25,001 x 40 symbols; draw at most 1,000,000"),
        (["--count", "24391", "--prefix", "a"], "24,391 x 41 symbols; draw at most"),
        (["text.st", "--data", "names.txt"], "--data: a text is always new; leave"),
        (["text.st", "--count", "2001"], "2,001 x 500 symbols; draw at most"),
    ],
)
def test_what_sample_refuses(options, words, folder, capsys):
    assert told(capsys, "sample", *options).startswith(words)


def test_what_sample_still_takes(folder, capsys):
    for options in (
        ["--count", "1", "--longest", "1"],
        ["--seed", str(2**63 - 1), "--count", "1"],
        ["--longest", "3", "--prefix", "an", "--count", "1"],
        ["--beam", "1"],
    ):
        assert main(["sample", *options]) == 0
    (one,) = answer(capsys, "sample", "--count", "1", "--longest", "1")["samples"]
    assert len(one) <= 1


def test_the_likeliest_are_told_with_their_nats(folder, capsys):
    found = answer(capsys, "sample", "--beam", "6", "--count", "3")["likeliest"]
    assert len(found) == 3
    kept = read(FILE)
    model, vocab = kept.model(), kept.vocab
    for entry in found:
        nats = -log_likelihood(model, vocab, entry["text"], True)
        assert entry["nats"] == pytest.approx(nats, abs=6e-5)
        assert entry["nats"] == round(entry["nats"], 4)
    assert main(["sample", "--beam", "6", "--count", "1"]) == 0
    line = capsys.readouterr().out
    text, nats = found[0]["text"], found[0]["nats"]
    assert line == f"{text:20s} {nats:.2f} nats\n"


def test_how_many_samples_are_new(folder, capsys, monkeypatch):
    monkeypatch.setattr(sampling, "draw", lambda *_, **__: ["ada", "zz", "x"])
    found = answer(capsys, "sample", "--count", "3", "--data", "names.txt")
    assert found == {"samples": ["ada", "zz", "x"], "new": 2}
    assert main(["sample", "--data", "names.txt"]) == 0
    both = capsys.readouterr()
    assert both.out == "ada\nzz\nx\n"
    assert both.err == "2 of 3 are not in the data\n"
    assert main(["sample", "--data", "names.txt", "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert answer(capsys, "sample")["new"] is None, "of a file nobody named"
    assert told(capsys, "sample", "--data", "gone.txt").startswith("'gone.txt' is nei")
    assert answer(capsys, "sample", "text.st")["new"] is None
    book = ["train", "--data", "book", *TRAIN[3:], "--out", "book.st", "--overwrite"]
    assert main(book) == 0
    assert answer(capsys, "sample", "book.st")["new"] is None, "a text is always new"
    assert main(["sample"]) == 0
    assert capsys.readouterr().err == ""


class Paper(io.StringIO):
    """Notes when what was written so far is shown."""

    def flush(self):
        self.write("|")


def test_a_text_is_shown_piece_by_piece(monkeypatch):
    """And its last line ends, however it came to an end; without one, nothing does."""

    def pieces(*texts):
        yield from texts
        raise KeyboardInterrupt

    for texts, shown in ((("a\x1b", "b"), "a\\x1b|b|\n"), ((), "")):
        with redirect_stdout(Paper()) as paper, pytest.raises(KeyboardInterrupt):
            sampling._print(pieces(*texts))
        assert paper.getvalue() == shown


@pytest.fixture
def asked(monkeypatch):
    """What sample asks of the model: how many or how wide, how long, after what."""
    found = []

    def draw(model, vocab, count, g, longest, prefix, *how, ends):
        found.append(("draw", count, longest, prefix, *how, ends))
        return [prefix] * count

    def beam(model, vocab, width, longest, prefix, ends):
        found.append(("beam", width, longest, prefix, ends))
        return [(prefix, -float(i)) for i in range(width)]

    def stream(model, vocab, g, longest, prefix, *how, ends):
        found.append(("stream", 1, longest, prefix, *how, ends))
        yield prefix

    for one in (draw, beam, stream):
        monkeypatch.setattr(sampling, one.__name__, one)
    return found


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], ("draw", 10, 40, "", 1.0, None, None, True)),
        (["text.st"], ("draw", 10, 500, "", 1.0, None, None, False)),
        (["--prefix", "ad"], ("draw", 10, 42, "ad", 1.0, None, None, True)),
        (["--longest", "3"], ("draw", 10, 3, "", 1.0, None, None, True)),
        (["--count", "25000"], ("draw", 25_000, 40, "", 1.0, None, None, True)),
        (
            ["--longest", "1000000", "--count", "1"],
            ("draw", 1, 1_000_000, "", 1.0, None, None, True),
        ),
        (
            "--temperature 0.5 --top-k 3 --top-p 0.75".split(),
            ("draw", 10, 40, "", 0.5, 3, 0.75, True),
        ),
        (["--beam", "2"], ("beam", 2, 40, "", True)),
        (["text.st", "--beam", "2"], ("beam", 2, 500, "", False)),
        (["--beam", "25000"], ("beam", 25_000, 40, "", True)),
    ],
)
def test_what_is_asked_of_the_model(options, wanted, folder, asked, capsys):
    """Up to a million symbols together."""
    assert main(["sample", *options, "--json"]) == 0
    assert asked == [wanted]


def test_one_text_for_people_is_shown_while_it_is_drawn(
    folder, asked, capsys, monkeypatch
):
    """Not two, none of a list, and not for machines."""
    for kind, options in (
        ("stream", ["text.st", "--count", "1", "--prefix", "the"]),
        ("draw", ["text.st", "--count", "2"]),
        ("draw", [FILE, "--count", "1"]),
        ("draw", ["text.st", "--count", "1", "--prefix", "-"]),
        ("draw", ["text.st", "--count", "1", "--json"]),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO("the\ncat\n"))
        assert main(["sample", *options]) == 0
        assert {a[0] for a in asked} == {kind}
        said = capsys.readouterr().out
        if kind == "stream":
            assert asked == [("stream", 1, 503, "the", 1.0, None, None, False)]
            assert said == "the\n"
        asked.clear()


def test_every_beginning_gets_as_many(folder, asked, capsys, monkeypatch):
    """And all of them room for the longest."""
    args = ["sample", "--prefix", "-", "--count", "2"]
    monkeypatch.setattr("sys.stdin", io.StringIO("an\nb\n"))
    assert answer(capsys, *args)["samples"] == ["an", "an", "b", "b"]
    assert [a[:4] for a in asked] == [("draw", 2, 42, "an"), ("draw", 2, 42, "b")]
    asked.clear()
    monkeypatch.setattr("sys.stdin", io.StringIO("an\nb\n"))
    found = answer(capsys, *args, "--beam", "3")["likeliest"]
    assert [(f["text"], f["nats"]) for f in found] == [
        ("an", 0),
        ("an", 1),
        ("b", 0),
        ("b", 1),
    ]
    assert [a[:4] for a in asked] == [("beam", 3, 42, "an"), ("beam", 3, 42, "b")]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\r\nb", ["a", "b"]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("\n", [""]),
        (" a \n", [" a "]),
    ],
)
def test_beginnings_one_a_line(typed, found, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert sampling._prefixes() == found


def test_beginnings_that_cannot_be_read(monkeypatch):
    for stdin, words in (
        (None, "standard input is closed; write the beginning"),
        (io.StringIO(""), "standard input is empty; give a line for each"),
        (io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf8"), "is not UTF-8"),
    ):
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(ValueError, match=f"--prefix -: .*{words}"):
            sampling._prefixes()


def test_eval_says_nats_bits_and_perplexity(folder, capsys):
    nats = answer(capsys, "eval", "--data", "names.txt")["nats"]
    assert main(["eval", "--data", "names.txt"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["per character:"] + [
        f"{part:6s} {loss:.4f} nats  {loss / math.log(2):.4f} bits  "
        f"perplexity {math.exp(loss):.3f}"
        for part, loss in nats.items()
    ]
    assert evaluation._exp(699.0) == math.exp(699)
    assert evaluation._exp(700.0) == math.inf


def test_a_corpus_is_measured_as_the_run_has_split_it_or_whole(folder, capsys):
    few = folder / "few.txt"
    few.write_text("ada\notto")
    assert [*answer(capsys, "eval", "--data", "few.txt")["nats"]] == ["all"]
    parts = answer(capsys, "eval", "--data", "names.txt")["nats"]
    assert [*parts] == ["train", "dev", "test"]
    head = read(FILE).head["run"]
    assert parts["dev"] == pytest.approx(head["best"])
    heard = told(capsys, "eval")
    assert heard.startswith(f"{FILE}: says that it was trained on 'names.txt'; to meas")


def test_the_package_s_own_list_is_measured_unasked_if_it_is_the_same(
    folder, capsys, monkeypatch
):
    monkeypatch.setenv("CHARLM_NAMES", "names.txt")
    assert main(["train", *TRAIN[3:], "--out", "own.st", "--overwrite"]) == 0
    assert [*answer(capsys, "eval", "own.st")["nats"]] == ["train", "dev", "test"]
    (folder / "fewer.txt").write_text("\n".join(NAMES[:12]))
    monkeypatch.setenv("CHARLM_NAMES", "fewer.txt")
    heard = told(capsys, "eval", "own.st")
    assert heard.startswith("own.st: was trained on other data than names holds now; ")


def test_info_says_all_that_a_file_holds(folder, capsys):
    kept, found = read(FILE), answer(capsys, "info")
    head = kept.head
    assert found == {
        "file": FILE,
        "model": "bigram",
        "numbers": len(kept.vocab) ** 2,
        "options": {},
        "symbols": kept.vocab.symbols,
        "data": head["data"],
        "steps": 2,
        "finished": True,
        "dev": head["run"]["best"],
        "seconds": round(head["run"]["seconds"], 2),
        "settings": head["config"],
        "versions": head["versions"],
        "parameters": {"W": [len(kept.vocab)] * 2},
    }
    assert main(["info"]) == 0
    said = capsys.readouterr().out.splitlines()
    wide = len(kept.vocab)
    for line in (
        "model        bigram",
        f"symbols      {wide}: {kept.vocab.symbols!r}",
        "options      as the model has them",
        "data         names.txt, a list",
        f"dev          {head['run']['best']:.4f} nats",
    ):
        assert line in said
    assert said[-2:] == ["parameters", f"  {'W':28s} {wide} x {wide}"]
    (settings,) = [line for line in said if line.startswith("settings")]
    assert "batch 4" in settings
    assert ", steps 2," in settings
    assert main(["info", "text.st"]) == 0
    assert "data         text.txt, running text" in capsys.readouterr().out
    unmeasured = ["--out", "no.st", "--evals", "0", "--overwrite"]
    assert answer(capsys, *TRAIN, *unmeasured)["dev"] is None
    assert main(["info", "no.st"]) == 0
    assert "dev          not measured" in capsys.readouterr().out


def test_what_is_said_of_data(folder, capsys):
    assert answer(capsys, "data", "list") == {n: s.about for n, s in SOURCES.items()}
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{'names':16s} {SOURCES['names'].about}"
    assert main(["data", "fetch", "names"]) == 0
    assert capsys.readouterr().out == f"{locate('names')}\n"
    rows = describe(load("names.txt")).rows()
    assert answer(capsys, "data", "describe", "names.txt") == dict(rows) | {"notes": []}
    assert main(["data", "describe", "names.txt"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{name:28s} {value}" for name, value in rows]
    Path("odd.txt").write_text("e\u0301\u200f\n" * 3, encoding="utf8")
    assert main(["data", "describe", "odd.txt", "--text"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [f"{'characters':28s} 12", f"{'symbols':28s} 4"]
    assert [line[:6] for line in said[2:]] == ["note: ", "note: "]
    joined = answer(capsys, "data", "describe", "odd.txt", "--text", "--nfc")
    assert joined["characters"] == "9"
    for action in ("fetch", "describe"):
        assert told(capsys, "data", action).startswith(f"data {action}: of what? Name")


def test_what_the_ledger_says(capsys, monkeypatch):
    (column, *_) = ledger.COLUMNS
    right = ledger.Row("tanh", 6, {column: 1.23e-9, "other": None}, {}, "")
    wrong = ledger.Row("relu", 12, {column: 0.5, "other": 2.0}, {}, "relu is wrong")
    monkeypatch.setattr(ledger, "rows", lambda: [right, wrong])
    monkeypatch.setattr(ledger, "check", {"tanh": right, "relu": wrong}.get)
    assert main(["check", "tanh"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"ok   {'tanh':20s}    6 runs    1e-09        -",
        f"columns: relative error against {column}, other",
    ]
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"FAIL {'relu':20s}   12 runs    5e-01    2e+00",
        "relu is wrong",
    ]
    assert main(["check", "relu", "--json"]) == 1
    wanted = {"errors": {"relu": wrong.errors}, "problems": ["relu is wrong"]}
    assert json.loads(capsys.readouterr().out) == wanted


def test_a_machine_is_told_why_a_file_is_not_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    target = "gone.py:linear_backward"
    assert main(["check", target, "--json"]) == 2
    both = capsys.readouterr()
    found = json.loads(both.out)
    assert (found["target"], found["status"]) == (target, "refused")
    assert both.err == f"charlm: {found['problem']}\n"
    assert main(["check", target]) == 2
    assert capsys.readouterr().out == ""


def test_what_bench_says(folder, capsys, monkeypatch):
    asked = []

    def times(*what):
        asked.append(what)
        return {"plain": 2.0, "fast": 0.5}

    monkeypatch.setattr("charlm.cli.bench.step_times", times)
    torch.set_num_threads(2)
    args = ["bench", "--data", "names.txt", "--model", "gpt", "--rounds", "1"]
    assert main([*args, "--batch", "8"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gpt, a minibatch of 8, one thread:",
        f"{'plain':16s}    2000000 us    1.00 x",
        f"{'fast':16s}     500000 us    4.00 x",
    ]
    ((model, data, batch, rounds),) = asked
    assert (model, data.source, batch, rounds) == ("gpt", "names.txt", 8, 1)
    assert torch.get_num_threads() == 1
    assert told(capsys, *args[:-1], "0") == "rounds is 0; time at least 1"


@pytest.mark.parametrize(("status", "code"), EXIT_CODES.items())
def test_what_is_said_of_the_readers_own_backward(status, code, monkeypatch, capsys):
    asked = []
    found = {"status": status, "cases": [], "findings": []}
    monkeypatch.setattr(checking, "grade_file", lambda *a: asked.append(a) or found)
    monkeypatch.setattr(checking, "report", lambda found: [found["status"], "so it is"])
    assert main(["check", "m.py:f_backward", "--seconds", "1.5"]) == code
    assert capsys.readouterr().out == f"{status}\nso it is\n"
    assert main(["check", "m.py:f_backward", "--json"]) == code
    wanted = {"target": "m.py:f_backward", **found}
    assert json.loads(capsys.readouterr().out) == wanted
    assert asked == [("m.py:f_backward", 1.5), ("m.py:f_backward", 120.0)]


def test_how_long_a_text_may_be(monkeypatch, capsys):
    head = {"data": {"running": False}}
    found = SimpleNamespace(model=lambda: None, vocab=None, head=head)
    monkeypatch.setattr(evaluation, "log_likelihood", lambda *_, ended: -1.0)
    args = Namespace(name=["a" * 10_000], device="cpu", json=True)
    assert evaluation._probabilities(args, found) == 0
    args.name.append("a" * 10_001)
    with pytest.raises(ValueError, match="10,001 symbols; give 1 to 10,000"):
        evaluation._probabilities(args, found)
    args.name, head["data"]["running"] = ["a"], True
    assert evaluation._probabilities(args, found) == 0
    args.name = [""]
    with pytest.raises(ValueError, match="0 symbols; give 1 to 10,000"):
        evaluation._probabilities(args, found)


def test_eval_says_how_likely_a_name_is(folder, capsys):
    (found,) = answer(capsys, "eval", "--name", "ada")["names"]
    kept = read(FILE)
    nats = -log_likelihood(kept.model(), kept.vocab, "ada", True)
    assert found == {
        "name": "ada",
        "nats": pytest.approx(nats),
        "probability": pytest.approx(math.exp(-nats)),
    }
    assert main(["eval", "--name", "ada"]) == 0
    line = capsys.readouterr().out
    wanted = f"{'ada':20s} {nats:7.3f} nats  probability {math.exp(-nats):.3g}\n"
    assert line == wanted
    assert answer(capsys, "eval", "--name", "")["names"][0]["nats"] > 0
    heard = told(capsys, "eval", "--name", "a" * 10_001)
    assert heard == "--name: 10,001 symbols; give 1 to 10,000"
    assert told(capsys, "eval", "text.st", "--name", "").startswith("--name: 0 symbols")
    both = told(capsys, "eval", "--name", "ada", "--data", "names.txt")
    assert both == "--name and --data: give one of them"


def test_what_a_finished_run_says(folder, capsys, tmp_path):
    out = str(tmp_path / "m.st")
    options = ["--out", out, "--evals", "0"]
    found = answer(capsys, *TRAIN, *options)
    assert (found["file"], found["model"], found["steps"]) == (out, "bigram", 2)
    assert found["dev"] is None
    assert found["parameters"] == len(read(FILE).vocab) ** 2
    assert main([*TRAIN, *options, "--overwrite"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("bigram, 400 parameters, 2 steps in 0.")
    assert said[0].endswith(" s: unmeasured")
    assert said[1] == f"The model is in {out}. Draw from it: charlm sample {out}"


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt(), 1, "charlm: stopped\n"),
        (Stopped("it was stopped"), 1, "charlm: it was stopped\n"),
        (ValueError("n_embd is 0"), 2, "charlm: --n-embd is 0\n"),
        (MemoryError(), 2, "charlm: not enough memory; choose a smaller batch"),
        (RuntimeError("out of memory"), 2, "charlm: not enough memory; choose"),
        (BrokenPipeError(), 0, ""),
        (OSError(28, "No space", "f.st"), 2, "charlm: f.st: cannot be used (No space)"),
        (OSError("odd"), 2, "charlm: standard output: cannot be used (odd)\n"),
    ],
)
def test_how_a_command_ends(raised, code, words, monkeypatch, capsys):
    def fail(args):
        raise raised

    monkeypatch.setattr("charlm.cli.info.run", fail)
    monkeypatch.setattr(command, "hush", lambda stream: None)
    assert main(["info"]) == code
    heard = capsys.readouterr().err
    assert heard.startswith(words)
    assert bool(heard) == bool(words)


def test_what_is_nobodys_fault_is_not_hidden(monkeypatch):
    def fail(args):
        raise RuntimeError("a shape")

    monkeypatch.setattr("charlm.cli.info.run", fail)
    with pytest.raises(RuntimeError, match="a shape"):
        main(["info"])


def test_settings_are_spelt_as_options_and_lines_joined():
    said = command._options("n_embd and\ntop_k, save_every; my_n_embd, a.top_p top_p/x")
    assert said == "--n-embd and --top-k, --save-every; my_n_embd, a.top_p top_p/x"


def test_what_a_terminal_would_obey_is_spelt_out():
    assert output.printable("a\x1b[2J\tb\nc\x9b\u202ed") == (
        "a\\x1b[2J\tb\nc\\x9b\\u202ed"
    )
    assert output.printable("\x08\x0b\x1f\x7f\u2028\u2066") == (
        "\\x08\\x0b\\x1f\\x7f\\u2028\\u2066"
    )
    assert output.printable("é\u2027\u202f") == "é\u2027\u202f"


def test_json_has_no_numbers_that_are_none(capsys):
    found = {"a": [1.5, math.nan, (math.inf, 2)], "b": {"c": -math.inf}, "d": "nan"}
    output.say(Namespace(json=True), found, "not said")
    wanted = {"a": [1.5, None, [None, 2]], "b": {"c": None}, "d": "nan"}
    assert json.loads(capsys.readouterr().out) == wanted
    output.say(Namespace(json=False), found, "one\x1b", "two")
    assert capsys.readouterr().out == "one\\x1b\ntwo\n"


def test_a_closed_stream_takes_what_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    output.ready()
    nowhere = sys.stderr
    print("heard by nobody", file=nowhere)
    monkeypatch.undo()
    nowhere.close()
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    output.ready()
    print("é", file=narrow)
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\xe9\n"


full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@full
def test_an_output_that_is_full_is_told_once(capsys):
    """And not a second time when the program ends and closes it."""
    with open("/dev/full", "w") as stream, redirect_stdout(stream):
        assert main(["data", "list"]) == 2
    heard = capsys.readouterr().err
    assert heard.startswith("charlm: standard output: cannot be used (No space left")


@full
def test_errors_that_nobody_can_hear_change_no_exit_code():
    with open("/dev/full", "w") as stream, redirect_stderr(stream):
        assert main(["data", "fetch"]) == 2


def test_an_output_that_nobody_reads_any_more_is_no_error(capsys):
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as stream, redirect_stdout(stream):
        assert main(["data", "list"]) == 0
    assert capsys.readouterr().err == ""


def test_streams_that_were_closed_before_are_no_error():
    with redirect_stdout(None), redirect_stderr(None):
        assert main(["data", "list"]) == 0
        assert main(["data", "fetch"]) == 2
        sys.stdout.close()
        sys.stderr.close()


def test_an_output_that_is_no_file_is_written_to():
    stream = io.StringIO()
    with redirect_stdout(stream):
        assert main(["data", "list"]) == 0
    assert "names" in stream.getvalue()


@pytest.fixture
def hearing(monkeypatch):
    """Who hears Ctrl-C while a command is imported; handlers are put back."""
    heard, before = [], signal.getsignal(signal.SIGINT)
    real = command.import_module

    def look(name):
        heard.append(signal.getsignal(signal.SIGINT))
        return real(name)

    monkeypatch.setattr(command, "import_module", look)
    yield heard
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_that_is_ignored_or_is_another_s_stays_so(hearing, capsys):
    for mine in (signal.SIG_IGN, lambda number, frame: None):
        signal.signal(signal.SIGINT, mine)
        assert main(["data", "list"]) == 0
        assert hearing.pop() is mine
        assert signal.getsignal(signal.SIGINT) is mine
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert main(["data", "list"]) == 0
    assert hearing.pop() is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_command_runs_in_any_thread(hearing, capsys):
    """Where no handler can be set."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["data", "list"])))
    thread.start()
    thread.join()
    assert codes == [0]
    assert hearing == [signal.default_int_handler]


@pytest.mark.parametrize(
    ("times", "imported"), [(1, ["charlm.cli.data"]), (2, []), (3, [])]
)
def test_ctrl_c_waits_for_an_import_unless_asked_twice(
    times, imported, monkeypatch, capsys
):
    done = []

    def slow(name):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(name)

    monkeypatch.setattr(command, "import_module", slow)
    assert main(["data", "list"]) == 1
    assert capsys.readouterr().err == "charlm: stopped\n"
    assert done == imported


def files(**given):
    usual = {"data": None, "start": None, "out": None, "plot": None, "log": None}
    return Namespace(**usual | given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": ""}, "--data: the path is empty; name a file"),
        ({"log": ""}, "--log: the path is empty; name a file"),
        ({"data": "a", "out": "a"}, "--out and --data are the same file, a, which"),
        ({"start": "a", "out": "./a"}, "--out and --from are the same file, ./a"),
        ({"out": "a.svg", "plot": "a.svg"}, "--plot and --out are the same file"),
        ({"plot": "a.csv"}, "a.csv: give --plot a path that ends in .png or .svg or"),
        ({"log": "a.svg"}, "a.svg: give --log a path that ends in .csv"),
        ({"log": "gone/a.csv"}, "gone/a.csv: cannot be written"),
    ],
)
def test_files_that_do_not_go_together(given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        paths.check(files(**given))
    assert str(caught.value).startswith(words)


def test_files_that_go_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.check(files(data="names", out="names"))  # a data set, not a file
    paths.check(files(data="a", out="b", plot="c.SVG", log="d.CSV", start="e"))
    assert list(tmp_path.iterdir()) == []


def test_parameters_are_exported_as_they_are(folder, tmp_path, capsys):
    import numpy as np

    out = tmp_path / "m.npz"
    assert main(["export", "--out", str(out)]) == 0
    found = np.load(out)
    kept = read(FILE).parameters
    assert set(found) == set(kept)
    assert all(torch.equal(torch.from_numpy(found[n]), t) for n, t in kept.items())
    assert main(["export", "--out", str(out)]) == 2
    assert main(["export", "--out", str(out), "--overwrite"]) == 0


def test_what_is_said_of_an_export(folder, capsys):
    for out, said in (("m.npz", "1 tensors by name"), ("m.py", "python m.py")):
        Path(out).unlink(missing_ok=True)
        assert main(["export", "--out", out]) == 0
        assert capsys.readouterr().out == f"{out}: {said}\n"
        before = Path(out).read_bytes()
        heard = told(capsys, "export", "text.st", "--out", out)
        assert heard.startswith(f"{out}: exists already; replace it with --overwrite")
        assert Path(out).read_bytes() == before
        found = answer(capsys, "export", "text.st", "--out", out, "--overwrite")
        assert found == {"file": out, "parameters": ["W"]}
        assert Path(out).read_bytes() != before
    heard = told(capsys, "export", "gone.st", "--out", "m.txt")
    assert heard == "m.txt: choose a name that ends in .safetensors or .npz or .py"
    heard = told(capsys, "export", FILE, "--out", f"./{FILE}", "--overwrite")
    assert heard.startswith(f"--out and FILE are the same file, ./{FILE}, which would")

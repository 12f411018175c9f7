"""Lists and texts of one's own: what is chosen by the data, asked for, written."""

import io
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typed import NAMES, answer, table

from charlm.cli import main
from charlm.data import Vocab, corpus, load, odd
from charlm.evidence import outcome
from charlm.models import KINDS, build
from charlm.sample import log_likelihood, nll, scores
from charlm.train import TrainConfig, Trainer, new
from charlm.train.checkpoint import read, store
from charlm.train.opening import by_frequency, opening
from charlm.train.standalone import FORWARDS

TRAIN = ["train", "--data", "names.txt", "--model", "bigram"]
TRAIN += ["--steps", "8", "--batch", "4", "--evals", "2"]
MODEL = Path("charlm-model.safetensors")


def refusal(capsys, *args):
    capsys.readouterr()
    assert main(list(args)) == 2
    return capsys.readouterr().err


def test_the_length_of_a_run_comes_from_the_data(folder):
    """Ten times everything, but no fewer than 2,000 steps or a hundred times."""
    few = new(corpus("names.txt"), "gpt", {"n_embd": 8, "n_head": 1, "n_layer": 1}, {})
    rows = few.trainer.config
    assert rows.batch == 8
    assert rows.steps == 100  # 12 rows, one minibatch of 8 in an epoch
    assert rows.patience == 5
    many = new(corpus("names"), "bigram", {}, {})
    assert many.trainer.config.steps == 20_000
    text = new(corpus("text.txt", True), "bigram", {}, {})
    assert text.trainer.config.steps == 100 * (len(text.trainer.train[0]) // 64)
    given = new(corpus("names.txt"), "bigram", {}, {"epochs": 3.0})
    assert given.trainer.config == TrainConfig(
        epochs=3.0, batch=given.trainer.config.batch
    )


def test_the_beginning_says_model_parameters_data_steps_and_time(folder, capsys):
    assert main([*TRAIN[:3], "--model", "gpt", *TRAIN[5:]]) == 0
    heard = capsys.readouterr().err.splitlines()
    assert re.match(r"model: gpt, [\d,]+ parameters", heard[0])
    assert re.match(r"data: names.txt, 15 items, 49 char.* 12 train, 1 dev", heard[1])
    assert re.match(r"run: 8 steps of 4 rows, about 1 s", heard[2])
    assert heard[-1].startswith("step 8 of 8: loss")
    assert main([*TRAIN, "--overwrite", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_the_block_comes_from_the_data(folder):
    small = {"n_embd": 8, "n_head": 1, "n_layer": 1}
    Path("long.txt").write_text("\n".join([*NAMES, "x" * 40]))
    assert new(corpus("long.txt"), "gpt", small, {}).options["block"] == 41
    assert "block" not in new(corpus("names.txt"), "gpt", small, {}).options
    text = corpus("text.txt", True)
    shortest = min(len(p[0]) for p in text.parts.values())
    assert new(text, "gpt", small, {}).options["block"] == min(64, shortest)
    assert new(text, "mlp", {}, {}).options["block"] == 3
    Path("more.txt").write_text("so did the dog, and then the cat again.\n" * 300)
    assert new(corpus("more.txt", True), "mlp", {}, {}).options == {"block": 8}
    Path("short.txt").write_text("to be or not to be, that is the question\n" * 2)
    short = new(corpus("short.txt", True), "wavenet", {}, {})
    assert short.options["levels"] == 2
    assert "levels 2, as the text is short" in short.reasons


def test_a_boundary_that_is_free_or_asked_for(folder, capsys):
    Path("cities.txt").write_text("\n".join([*NAMES, "St. Louis", "St. Gallen"]))
    assert corpus("cities.txt").vocab.symbols[0] == "\n"
    assert corpus("names.txt").vocab.symbols[0] == "."
    args = ["train", "--data", "cities.txt", "--boundary", "|", *TRAIN[3:]]
    assert main(args) == 0
    assert read(MODEL).vocab.symbols[0] == "|"
    drawn = answer(capsys, "sample", "--prefix", "St. ")["samples"]
    assert all(text.startswith("St. ") for text in drawn)


def test_odd_characters_are_named_and_accents_joined(folder, capsys):
    apart = [n.replace("a", "a\u0301") for n in NAMES] + ["x\ufeffy", "\u200fz"]
    Path("odd.txt").write_text("\n".join(apart))
    told = odd("\n".join(apart))
    assert "U+FEFF ZERO WIDTH NO-BREAK SPACE" in told[0]
    assert "U+200F RIGHT-TO-LEFT MARK" in told[0]
    assert re.match(r"\d+ accents stand apart .*--nfc", told[1])
    assert odd("Zürich\tÉvreux\n") == []
    assert answer(capsys, "data", "describe", "odd.txt")["notes"] == told
    assert len(answer(capsys, "data", "describe", "odd.txt", "--nfc")["notes"]) == 1
    assert main(["train", "--data", "odd.txt", "--nfc", *TRAIN[3:]]) == 0
    assert "RIGHT-TO-LEFT MARK" in capsys.readouterr().err
    assert "\u0301" not in read(MODEL).vocab.symbols
    assert "á" in read(MODEL).vocab.symbols
    # a trained model reads as it was trained
    assert set(answer(capsys, "eval", "--data", "odd.txt")["nats"]) == {
        "train",
        "dev",
        "test",
    }


def test_copies_stay_on_one_side(folder):
    items = [f"{a}{b}" for a in "abcdefgh" for b in "rstuvwxy"]
    Path("twice.txt").write_text("\n".join(items * 3))
    parts = corpus("twice.txt").parts.values()
    assert sum(map(len, parts)) == 3 * len(items)
    distinct = [set(part) for part in parts]
    assert sum(map(len, distinct)) == len(items)


def test_a_finished_run_goes_on_and_keeps_its_settings(folder, capsys):
    assert main(TRAIN) == 0
    steps = read(MODEL).head["run"]["steps"]
    for wrong in (["--lr", "1"], ["--model", "gpt"], ["--seed", "3"], ["--text"]):
        heard = refusal(capsys, "train", "--resume", "--data", "names.txt", *wrong)
        assert heard.startswith(f"charlm: {wrong[0]}: a run that goes on keeps its own")
    more = ["train", "--resume", "--data", "names.txt", "--steps", "20"]
    assert answer(capsys, *more)["steps"] == 20 > steps
    assert answer(capsys, *more[:-2], "--epochs", "3")["steps"] == 39
    assert "finished after 39" in refusal(capsys, *more)


def test_a_model_is_tuned_on_other_data(folder, capsys):
    assert main([*TRAIN, "--lr", "0.5"]) == 0
    Path("more.txt").write_text("\n".join(NAMES[:12]))
    Path("foreign.txt").write_text("\n".join([*NAMES, "zoë"]))
    tune = ["train", "--from", str(MODEL), "--out", "tuned.st", *TRAIN[5:]]
    heard = refusal(capsys, *tune, "--data", "foreign.txt")
    assert "U+00EB LATIN SMALL LETTER E WITH DIAERESIS" in heard
    assert "leave them out beside --from" in refusal(
        capsys, *tune, "--data", "more.txt", "--model", "gpt"
    )
    assert main([*tune, "--data", "more.txt", "--lr", "1e-30"]) == 0
    one, two = read(MODEL), read("tuned.st")
    assert one.vocab == two.vocab
    for name, t in one.parameters.items():
        torch.testing.assert_close(two.parameters[name], t)


def test_a_log_has_losses_and_samples(folder, capsys):
    assert main([*TRAIN, "--log", "run.csv"]) == 0
    rows = table("run.csv")
    assert [int(row["step"]) for row in rows] == [4, 8]
    run = read(MODEL)
    for row, (_, dev) in zip(rows, run.head["run"]["dev"], strict=True):
        assert float(row["dev"]) == pytest.approx(dev, abs=1e-4)
    losses = run.state["losses"]
    assert float(rows[1]["loss"]) == pytest.approx(float(losses[4:].mean()), abs=1e-4)
    assert set("".join(row["sample"] for row in rows)) <= set("".join(NAMES))
    assert "exists already" in refusal(
        capsys, *TRAIN, "--out", "b.st", "--log", "run.csv"
    )
    more = ["train", "--resume", "--data", "names.txt", "--steps", "16"]
    assert main([*more, "--log", "run.csv"]) == 0
    steps = [row["step"] for row in table("run.csv")]
    assert steps == ["4", "8", "16"]


def test_a_log_and_samples_change_nothing(folder):
    assert main(TRAIN) == 0
    assert main([*TRAIN, "--out", "b.st", "--log", "run.csv"]) == 0
    one, two = read(MODEL), read("b.st")
    for name, t in one.parameters.items():
        assert torch.equal(two.parameters[name], t)


def test_info_says_what_a_file_holds(folder, capsys):
    assert main(TRAIN) == 0
    found = answer(capsys, "info")
    assert found["model"] == "bigram"
    size = len(found["symbols"])
    assert found["parameters"] == {"W": [size, size]}
    assert found["steps"] == 8
    assert main(["info"]) == 0
    assert re.search(r"^  W +(\d+) x \1$", capsys.readouterr().out, re.M)


SMALL = {
    "bigram": {},
    "mlp": {"n_hidden": 8, "block": 4},
    "rnn": {"n_hidden": 6},
    "gru": {"n_hidden": 6},
    "lstm": {"n_hidden": 6},
    "tree": {"n_embd": 3, "n_hidden": 6, "levels": 2},
    "wavenet": {"n_residual": 4, "n_skip": 4, "levels": 2},
    "gpt": {"n_embd": 8, "n_head": 2, "n_layer": 2, "block": 8},
}
FORMS = [(kind, {}) for kind in SMALL]
FORMS += [("gpt", {"positions": p}) for p in ("sinusoid", "rope")]
FORMS += [("gpt", {"tied": False}), ("mlp", {"normalise": False})]
FORMS += [("gru", {"reset": "before"})]


@pytest.mark.parametrize(("kind", "more"), FORMS)
def test_an_exported_program_has_the_same_scores(kind, more, folder, capsys):
    """For texts shorter and longer than the block; the program runs by itself."""
    assert set(FORWARDS) == set(SMALL) == set(KINDS)
    names, options = corpus("names.txt"), SMALL[kind] | more
    g = torch.Generator().manual_seed(0)
    model = build(kind, len(names.vocab), g, **options)
    parts = [names.encode(model, part) for part in ("train", "dev")]
    trainer = Trainer(model, *parts, TrainConfig(steps=6, batch=4, lr=0.05))
    trainer.run()
    store("m.st", trainer, names, kind, options, finished=True)
    for out in ("m.npz", "m.safetensors", "m.py"):
        assert main(["export", "m.st", "--out", out]) == 0
    program = Path("m.py").read_text()
    for said in (
        f"BLOCK = {max(1, model.block)}  #",
        "LONGEST = 40\n",
        "ENDS = True  #",
    ):
        assert said in program
    p = dict(np.load("m.npz"))
    plain = load_file("m.safetensors")
    assert set(p) == set(plain) == set(read("m.st").parameters)
    assert all(np.array_equal(p[n], plain[n].numpy()) for n in p)
    for text in ([0], [0, 3, 1], [0, 3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 8, 7]):
        seen = text[-max(1, model.block) :]
        ours = scores(model, torch.tensor([text]))[0].numpy()
        np.testing.assert_allclose(
            FORWARDS[kind](p, seen, options), ours, rtol=1e-4, atol=1e-5
        )
    if more:
        return
    command = [sys.executable, "-I", "m.py", "4", "1", "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 4
    assert all(line.startswith("a") for line in done.stdout.splitlines())
    assert "charlm" not in Path("m.py").read_text().split("import", 1)[1]
    assert "exists already" in refusal(capsys, "export", "m.st", "--out", "m.py")
    assert "same file" in refusal(
        capsys, "export", "m.safetensors", "--out", "m.safetensors", "--overwrite"
    )
    assert "ends in .safetensors or" in refusal(capsys, "export", "m.st", "--out", "m")


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_has_said_is_the_same_in_a_program(kind):
    """Neither knows an option of a model of the usual size."""
    model = build(kind, 7, torch.Generator().manual_seed(0))
    named = {name: p for name, p, _ in model.named()} | dict(model.statistics())
    p = {name: t.numpy() for name, t in named.items()}
    text = [0, 3, 1, 4, 1, 5, 2, 6][-max(1, model.block) :]
    ours = scores(model, torch.tensor([text]))[0].numpy()
    np.testing.assert_allclose(FORWARDS[kind](p, text, {}), ours, rtol=1e-4, atol=1e-5)


def test_eval_measures_any_data(folder, capsys):
    assert main(TRAIN) == 0
    Path("few.txt").write_text("ada\notto")
    nats = answer(capsys, "eval", "--data", "few.txt")["nats"]
    found = read(MODEL)
    rows = corpus("few.txt", vocab=found.vocab, whole=True)
    wanted = nll(found.model(), *rows.encode(found.model(), "all"))
    assert nats == {"all": pytest.approx(wanted)}
    # of texts the probabilities agree with the mean over their symbols
    entries = answer(capsys, "eval", "--name", "ada", "--name", "otto")["names"]
    assert sum(e["nats"] for e in entries) == pytest.approx(9 * wanted)


def test_a_piece_of_text_has_no_end(folder, capsys):
    args = ["train", "--data", "text.txt", "--text", "--model", "mlp"]
    assert main([*args, "--steps", "300", "--n-hidden", "32"]) == 0
    found = read(MODEL)
    text = "the cat sat on the mat."
    nats = answer(capsys, "eval", "--name", text)["names"][0]["nats"]
    model, vocab = found.model(), found.vocab
    assert nats == pytest.approx(-log_likelihood(model, vocab, text, False))
    ended = -log_likelihood(model, vocab, text, True)
    assert ended > nats + 3, "an end was never seen"
    assert "0 symbols; give 1" in refusal(capsys, "eval", "--name", "")


def test_texts_are_long_and_beginnings_come_from_standard_input(
    folder, capsys, monkeypatch
):
    args = ["train", "--data", "text.txt", "--text", *TRAIN[3:]]
    assert main(args) == 0
    (text,) = answer(capsys, "sample", "--count", "1")["samples"]
    assert len(text) > 400
    long = "the cat " * 10
    (text,) = answer(capsys, "sample", "--count", "1", "--prefix", long)["samples"]
    assert text.startswith(long)
    assert len(text) > 400
    heard = refusal(capsys, "sample", "--prefix", long, "--longest", "20")
    assert "nothing would be drawn" in heard
    monkeypatch.setattr("sys.stdin", io.StringIO("the\r\ndog\n"))
    drawn = answer(capsys, "sample", "--prefix", "-", "--count", "2")["samples"]
    assert [t[:3] for t in drawn] == ["the", "the", "dog", "dog"]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "standard input is empty" in refusal(capsys, "sample", "--prefix", "-")


def test_every_command_that_computes_takes_a_device(folder, capsys):
    assert main([*TRAIN, "--device", "cpu"]) == 0
    for command in (["sample"], ["eval", "--name", "ada"]):
        assert main([*command, "--device", "cpu"]) == 0
        if not torch.backends.mps.is_available():
            assert "--device mps" in refusal(capsys, *command, "--device", "mps")


def test_the_opening_of_a_resumed_run_counts_what_is_left(folder):
    fresh = new(corpus("names.txt"), "bigram", {}, {"steps": 50, "batch": 4})
    fresh.trainer.result.steps = 20
    assert "run: 30 steps of 4 rows, about 2 min" in "\n".join(opening(fresh, 4.0))


def test_a_vocabulary_is_taken_over(folder):
    vocab = Vocab(".abcdefghijklmnopqrstuvwxyz")
    assert corpus("names.txt", vocab=vocab).vocab == vocab
    with pytest.raises(ValueError, match=r"U\+0020 SPACE"):
        corpus("text.txt", vocab=vocab)


def test_one_long_text_is_printed_while_it_is_drawn(folder, capsys):
    assert main(["train", "--data", "text.txt", "--text", *TRAIN[3:]]) == 0
    for more in ([], ["--prefix", "the c", "--longest", "30"], ["--temperature", "0"]):
        (whole,) = answer(capsys, "sample", "--count", "1", *more)["samples"]
        assert main(["sample", "--count", "1", *more]) == 0
        assert capsys.readouterr().out == whole + "\n"
    heard = refusal(capsys, "sample", "--count", "1", "--temperature", "-1")
    assert heard.startswith("charlm: temperature is -1")


def test_the_time_foretold_counts_steps_and_measurements(folder):
    """A measurement goes forward only: three of its rows are one row of a step."""
    job = new(corpus("names"), "bigram", {}, {"steps": 600, "evals": 20, "batch": 100})
    steps, measured = 600, 20 * len(job.trainer.dev[0]) / 100 / 3
    assert measured > 600
    told = opening(job, 0.01)[2]
    assert f"about {round(0.01 * (steps + measured))} s" in told
    job.trainer.result.steps = 600  # stopped after its last step
    assert "0 steps of 100 rows, about 1 s" in opening(job, 0.01)[2]


def test_a_model_that_has_learnt_nothing_is_told(folder, capsys):
    job = new(corpus("names.txt"), "bigram", {}, {"batch": 4})
    symbols = [".", *"".join(corpus("names.txt").parts["train"])] + ["."] * 11
    symbols += corpus("names.txt").vocab.symbols
    items = corpus("names.txt").parts["dev"]
    nats = [-math.log(symbols.count(c) / len(symbols)) for i in items for c in i + "."]
    assert by_frequency(job.trainer) == pytest.approx(sum(nats) / len(nats))
    assert main([*TRAIN, "--lr", "5", "--model", "mlp"]) == 0
    assert "guessing symbols by their frequency gives" in capsys.readouterr().out
    args = ["train", "--data", "text.txt", "--text", "--out", "t.st", "--steps", "200"]
    assert main([*args, "--batch", "16"]) == 0
    assert "note: guessing" not in capsys.readouterr().out


def test_few_names_get_a_small_perceptron_that_learns_from_them(folder):
    """More than how frequent each letter is, which the usual size does not."""
    Path("few.txt").write_text("\n".join(load("names")[::217][:110]))
    losses = []
    for seed in (0, 1, 2):
        job = new(corpus("few.txt"), "mlp", {}, {"seed": seed})
        assert job.options == {"n_hidden": 20, "momentum": 0.1}
        losses.append(job.trainer.run().best)
    outcome("it learns letters in context", losses, "<", by_frequency(job.trainer))
    told = "n_hidden 20, momentum 0.1, as there are "
    assert told in " ".join(new(corpus("few.txt"), "mlp", {"block": 4}, {}).reasons)
    assert new(corpus("names"), "mlp", {}, {}).options == {}


def test_a_model_that_is_tuned_keeps_its_size(folder, capsys):
    """Though the data would choose another one."""
    Path("many.txt").write_text("\n".join(NAMES * 300))
    args = ["--steps", "2", "--batch", "8", "--evals", "1"]
    assert main(["train", "--data", "many.txt", *args]) == 0
    assert read(MODEL).head["options"] == {}
    assert main(["train", "--data", "names.txt", "--out", "small.st", *args]) == 0
    assert read("small.st").head["options"] == {"n_hidden": 20, "momentum": 0.1}
    tune = ["train", "--from", str(MODEL), "--data", "names.txt", "--out", "tuned.st"]
    assert main([*tune, *args]) == 0
    assert read("tuned.st").head["options"] == {}
    assert "momentum" not in capsys.readouterr().err.split("run:")[-1]

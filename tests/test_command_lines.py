"""Command lines made at random: an answer or one line, and nothing is lost.

``CHARLM_LINES`` says how many (300; 2,000 in a minute on two processors at rest).
"""

import os
import random
import re
from pathlib import Path

import pytest

from charlm.cli import main
from charlm.train.checkpoint import read

LINES = int(os.environ.get("CHARLM_LINES", "300"))
NAMES = "ada bo cleo dan eva finn gus hana ivo jana kim lea mo nina otto".split()
NUMBERS = [
    "-1",
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "9" * 19,
    "nan",
    "inf",
    "1e300",
    "x",
    "",
]
FLOATS = [*NUMBERS, "0.1", "0.5", "1e-30", "-0.0"]
FILES = ["names.txt", "text.txt", "old.st", "gpt.st", "link.st", "folder", "gone/x.st"]
FILES += ["/dev/null", "/dev/full", "b\x1b[2J.txt", "n" * 300, "", "broken.st"]
OUT = [*FILES, "new.st", "new.st", "new.st"]
TRAIN = {
    "--model": ["bigram", "bigram", "mlp", "tree", "wavenet", "gpt", "rnn", "x", ""],
    "--data": [*FILES, "names.txt", "names.txt", "text.txt"],
    "--text": None,
    "--nfc": None,
    "--boundary": [".", "|", "a", "", "ab"],
    "--out": OUT,
    "--resume": None,
    "--overwrite": None,
    "--from": FILES,
    "--save-every": FLOATS,
    "--plot": ["p.svg", "p.doc", "names.txt", "gone/p.svg"],
    "--log": ["l.csv", "names.txt", "gone/l.csv", "old.st"],
    "--device": ["cpu", "mps", "tpu"],
    "--epochs": ["0", "1", "-1", "nan", "inf", "x"],
    "--batch": NUMBERS,
    "--lr": FLOATS,
    "--optimizer": ["sgd", "momentum", "adam", "adamw", "muon", "x"],
    "--decay": FLOATS,
    "--schedule": ["constant", "cosine", "linear", "step", "one_cycle", "x"],
    "--warmup": FLOATS,
    "--clip": FLOATS,
    "--smoothing": FLOATS,
    "--token-dropout": FLOATS,
    "--ema": FLOATS,
    "--evals": NUMBERS,
    "--patience": NUMBERS,
    "--seed": NUMBERS,
    "--block": NUMBERS,
    "--n-embd": ["8", *NUMBERS],
    "--n-head": NUMBERS,
    "--n-layer": NUMBERS,
    "--n-hidden": ["8", *NUMBERS],
    "--levels": NUMBERS,
    "--dropout": FLOATS,
    "--positions": ["rope", "learned", "sinusoid", "x"],
    "--json": None,
}
SAMPLE = {
    "": FILES,
    "--count": NUMBERS,
    "--prefix": ["a", "an", "Z", ".", "\x1b[2J", "é", "a" * 100, ""],
    "--temperature": FLOATS,
    "--top-k": NUMBERS,
    "--top-p": FLOATS,
    "--beam": NUMBERS,
    "--longest": NUMBERS,
    "--seed": NUMBERS,
    "--data": FILES,
    "--json": None,
}
EVAL = {"": FILES, "--name": ["ada", "", ".", "Z", "a" * 99], "--data": FILES}
COMMANDS = {
    "train": TRAIN,
    "sample": SAMPLE,
    "eval": EVAL | {"--json": None, "--device": ["cpu", "cuda", "x"]},
    "info": {"": FILES, "--json": None},
    "export": {
        "": FILES,
        "--out": ["e.npz", "e.py", "e.safetensors", "e", "names.txt", "old.st"],
        "--overwrite": None,
    },
    "data": {"": ["list", "describe", "fetch", "x", *FILES], "--text": None},
    "check": {"": ["x", "gone.py:a_backward", "names.txt:a", "::", ""]},
    "": {"": ["--help", "--version", "frobnicate"]},
}
OFTEN = ["train"] * 8 + ["sample"] * 5 + ["eval"] * 2 + list(COMMANDS)


def line(g):
    """A command line, mostly of options that the command has."""
    command = g.choice(OFTEN)
    words = [command] if command else []
    options = COMMANDS[command]
    if command == "train":
        words += ["--steps", g.choice(["1", "2", "3", "0", "-1", "x", "9" * 12])]
        if words[-1] == "9" * 12 or g.random() < 0.7:
            words[-1] = "2"
        words += ["--n-embd", "8"] if g.random() < 0.3 else []
        words += g.choice([[], ["--batch", "2"], ["--batch", "4"]])
        words += ["--data", "names.txt"]
        words += g.choice([[], ["--out", "new.st", "--overwrite"]])
    # without a pair, check judges all of them
    least = 1 if command == "check" else 0
    for option in g.choices(list(options), k=g.choice([least, 1, 1, 2, 2, 3, 5])):
        words += [option] if option else []
        words += [g.choice(options[option])] if options[option] is not None else []
    return words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with data and two trained models."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(NAMES))
    Path("text.txt").write_text("the cat sat on the mat.\n" * 30)
    Path("broken.st").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    Path("folder").mkdir()
    Path("link.st").symlink_to("old.st")
    base = ["train", "--data", "names.txt", "--steps", "3", "--batch", "4"]
    assert main([*base, "--out", "old.st"]) == 0
    small = ["--model", "gpt", "--n-embd", "8", "--n-layer", "1"]
    assert main([*base, *small, "--out", "gpt.st"]) == 0

    def offline(name, *_):
        raise ValueError(f"cannot download {name}")

    monkeypatch.setattr("charlm.data.sources._download", offline)
    return tmp_path


API = re.compile(r"__init__|Vocab\.|\bnormalise=|\bNone\b|\bTraceback\b|n_embd|top_k")


def test_command_lines_at_random(folder, capsys):
    g, codes = random.Random(20), {0: 0, 1: 0, 2: 0}
    given = {name: Path(name).read_bytes() for name in ("names.txt", "text.txt")}
    for _ in range(LINES):
        words = line(g)
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:  # of argparse
            code = ended.code
        except BaseException as error:
            raise AssertionError(f"charlm {words}: {error!r}") from error
        codes[code] += 1
        found = capsys.readouterr()
        assert not API.search(found.err), (words, found.err)
        assert "\x1b" not in found.err + found.out, words
        if code == 2:
            last = found.err.strip().splitlines()[-1]
            assert re.match(r"charlm(: | \w+: error: )", last), (words, last)
        for name, content in given.items():
            assert Path(name).read_bytes() == content, words
        for name in ("old.st", "gpt.st"):
            assert read(name).head["finished"], words
        left = [
            p.name for p in folder.iterdir() if re.search(r"\.part$|before", p.name)
        ]
        assert not left, words
        assert Path("link.st").is_symlink()
        assert Path("/dev/null").is_char_device()
    assert min(codes[0], codes[2]) > LINES // 10, "too few of a kind to test anything"

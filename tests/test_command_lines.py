"""Command lines made at random: an answer or one line, and nothing is lost.

``CHARLM_LINES`` says how many (300; 2,000 in a minute on two processors at rest).
"""

import io
import json
import os
import random
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from typed import NAMES

from charlm.cli import main
from charlm.train import header
from charlm.train.checkpoint import read

LINES = int(os.environ.get("CHARLM_LINES", "300"))
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
FILES += ["half.st", "flipped.st", "odd.txt", "dots.txt", "empty.txt", "latin.txt"]
OUT = [*FILES, "new.st", "new.st", "new.st"]
TRAIN = {
    "--model": ["bigram", "bigram", "mlp", "tree", "wavenet", "gpt", "rnn", "gru"]
    + ["lstm", "x", ""],
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
    "--attention": ["plain", "tiled", "fused", "x"],
    "--truncate": NUMBERS,
    "--reset": ["before", "after", "x"],
    "--forget": FLOATS,
    "--momentum": FLOATS,
    "--accumulate": NUMBERS,
    "--precision": ["float32", "float16", "bfloat16", "x"],
    "--json": None,
}
SAMPLE = {
    "": FILES,
    "--count": NUMBERS,
    "--prefix": ["a", "an", "Z", ".", "\x1b[2J", "é", "a" * 100, "", "-"],
    "--device": ["cpu", "cuda", "mps", "x"],
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
    if g.random() < 0.05:
        steps = str(g.randint(0, 9))
        return [
            "train",
            "--resume",
            "--data",
            "names.txt",
            "--steps",
            steps,
        ] + g.choice(
            [[], ["--json"], ["--out", "old.st"], ["--out", "old.st", "--log", "l.csv"]]
        )
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
    Path("odd.txt").write_text("\ufeffa\u0301da\r\nb\u200fo\r\n\r\ncl\u00e9o\n" * 9)
    Path("dots.txt").write_text("\n".join([*NAMES, "St. Louis", "St. Gallen"]))
    Path("empty.txt").write_text("\n \n")
    Path("latin.txt").write_bytes(b"caf\xe9\n" * 20)
    Path("folder").mkdir()
    Path("link.st").symlink_to("old.st")
    base = ["train", "--data", "names.txt", "--steps", "3", "--batch", "4"]
    assert main([*base, "--out", "old.st"]) == 0
    small = ["--model", "gpt", "--n-embd", "8", "--n-layer", "1"]
    assert main([*base, *small, "--out", "gpt.st"]) == 0
    whole = bytearray(Path("old.st").read_bytes())
    Path("half.st").write_bytes(whole[:-9])
    whole[-9] ^= 4
    Path("flipped.st").write_bytes(whole)

    def offline(name, *_):
        raise ValueError(f"cannot download {name}")

    monkeypatch.setattr("charlm.data.sources._download", offline)
    return tmp_path


API = re.compile(r"__init__|Vocab\.|\bnormalise=|\bNone\b|\bTraceback\b|n_embd|top_k")
# what stands before the message of a run that fails: its beginning, and argparse's
BEFORE = re.compile(r"(model|data|run|note|usage): |step \d+ of |   ")


def strict(name):
    raise AssertionError(f"{name} is no JSON")


def said(words, stdin=""):
    """Exit code, output and errors of a command line, held to what is true of all."""
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(words)
    except SystemExit as ended:  # of argparse
        code = ended.code
    except BaseException as error:
        raise AssertionError(f"charlm {words}: {error!r}") from error
    finally:
        sys.stdin = before
    out, err = out.getvalue(), err.getvalue()
    assert not API.search(err), (words, err)
    assert "\x1b" not in err + out, words
    if code == 2:
        *others, last = err.removesuffix("\n").split("\n")
        assert re.match(r"charlm(: | \w+: error: )", last), (words, err)
        assert all(BEFORE.match(other) for other in others), (words, err)
        assert not out or words[0] == "check", (words, out)
    if code == 0 and "--json" in words:
        json.loads(out, parse_constant=strict)
    return code, out, err


def test_command_lines_at_random(folder):
    g, codes = random.Random(20), {0: 0, 1: 0, 2: 0}
    given = {name: Path(name).read_bytes() for name in ("names.txt", "text.txt")}
    for _ in range(LINES):
        words = line(g)
        stdin = g.choice(["", "\n", "ada\nb", "an\r\n\nbo\n", "Z\n", "\x1b\n", "." * 9])
        code, _, _ = said(words, stdin)
        codes[code] += 1
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


several = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
REST = {
    "--smoothing": ["0.1", "1.7", "nan"],
    "--lr": ["0.1", "1e38", "-1"],
    "--optimiser": ["sgd", "muon", "x"],
    "--evals": ["1", "0", "-1"],
    "--seed": ["1", "-1"],
    "--n-head": ["2"],
    "--boundary": ["|", "a"],
    "--out": ["o.st", "gone/o.st"],
    "--plot": ["p.doc"],
    "--log": ["l.csv", "l.st"],
}


@several
@given(st.data())
def test_the_order_of_options_changes_nothing(folder, data):
    chosen = data.draw(st.lists(st.sampled_from(list(REST)), max_size=4, unique=True))
    options = [(name, data.draw(st.sampled_from(REST[name]))) for name in chosen]
    options += [("--data", "names.txt"), ("--steps", "2"), ("--batch", "4")]
    options += [("--model", "bigram"), ("--overwrite",)]
    ends = []
    for _ in range(2):
        order = data.draw(st.permutations(options))
        code, _, err = said(["train", *(word for option in order for word in option)])
        out = dict(o for o in options if len(o) == 2).get(
            "--out", "charlm-model.safetensors"
        )
        kept = read(out).parameters["W"].tolist() if code == 0 else err.split("\n")[-2]
        ends.append((code, kept))
    assert ends[0] == ends[1]


@several
@given(st.data())
def test_what_is_read_is_never_written_however_it_is_called(folder, data):
    """One file by many names, given to several options at once."""
    for name in ("items.csv", "items.svg", "items.st"):
        Path(name).write_text("\n".join(NAMES))
        if not os.path.lexists(f"to-{name}"):
            os.symlink(name, f"to-{name}")
    ways = ["{}", "./{}", "folder/../{}", str(folder / "{}"), "to-{}"]
    files = ["items.csv", "items.svg", "items.st", "old.st", "new.csv", "new.svg"]

    def path():
        return data.draw(st.sampled_from(ways)).format(
            data.draw(st.sampled_from(files))
        )

    words = ["train", "--steps", "2", "--batch", "4", "--overwrite"]
    used = {"--data": path(), "--out": path()}
    for option in ("--from", "--plot", "--log"):
        if data.draw(st.booleans()):
            used[option] = path()
    reads = [used["--data"], used.get("--from", "names.txt")]
    before = [Path(p).read_bytes() if Path(p).exists() else None for p in reads]
    code, _, err = said([*words, *(word for pair in used.items() for word in pair)])
    after = [Path(p).read_bytes() if Path(p).exists() else None for p in reads]
    assert after == before, (used, err)
    written = [
        Path(used[o]).resolve() for o in ("--out", "--plot", "--log") if o in used
    ]
    if code == 0:
        assert len({*written, *(Path(p).resolve() for p in reads)}) == len(written) + 2


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["gpt", "names", "makemore", "/dev/zero", "\x1b[2J", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
READERS = [
    ["info"],
    ["info", "--json"],
    ["sample", "--count", "1"],
    ["eval", "--name", "ada"],
    ["eval", "--data", "names.txt"],
    ["export", "--out", "e.npz", "--overwrite"],
    ["train", "--resume", "--data", "names.txt", "--steps", "3"],
    ["train", "--data", "names.txt", "--steps", "2", "--batch", "4", "--overwrite"],
]


@several
@given(st.data())
def test_no_header_makes_a_command_fail_otherwise_than_in_one_line(folder, data):
    """Any JSON in any place of the header, any tensor of another shape; checksummed."""
    with safe_open("old.st", framework="pt") as file:
        head = json.loads(file.metadata()["charlm"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    inner, way = head, []
    while isinstance(inner, dict) and inner and (not way or data.draw(st.booleans())):
        key = data.draw(st.sampled_from([*inner, "new"]))
        way.append((inner, key))
        inner = inner.get(key)
    place, key = way[-1]
    place[key] = data.draw(ANYTHING)
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(list(tensors)))
        tensors[name] = tensors[name].reshape(-1)[data.draw(st.integers(0, 2)) :]
    text = json.dumps(head)
    meta = {"charlm": text, "sha256": header.checksum(text, tensors)}
    save_file({n: t.clone() for n, t in tensors.items()}, "tampered.st", meta)
    words = data.draw(st.sampled_from(READERS))
    where = ["--out"] if words[0] == "train" else []
    code, _, _ = said([*words, *where, "tampered.st"])
    assert code in (0, 2)

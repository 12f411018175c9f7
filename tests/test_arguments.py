"""What can be typed: every option of every command, as it is read and as it is told."""

import re

import pytest

from charlm import __version__
from charlm.cli import parser
from charlm.cli.arguments import COMMANDS, FILE

SHAPE = {
    "block": 5,
    "n_embd": 6,
    "n_hidden": 7,
    "n_layer": 8,
    "n_head": 9,
    "levels": 2,
    "dropout": 0.25,
    "positions": "rope",
    "attention": "fused",
    "truncate": 4,
    "reset": "before",
    "momentum": 0.5,
    "forget": 1.5,
}
RUN = {
    "epochs": 1.5,
    "steps": 11,
    "batch": 12,
    "lr": 0.75,
    "optimiser": "muon",
    "decay": 0.125,
    "schedule": "linear",
    "warmup": 0.375,
    "clip": 2.5,
    "smoothing": 0.1,
    "token_dropout": 0.2,
    "ema": 0.9,
    "accumulate": 3,
    "precision": "bfloat16",
    "compile": True,
    "evals": 13,
    "patience": 14,
    "seed": 15,
}
GIVEN = {
    "train": {
        "model": "gpt",
        "data": "d.txt",
        "text": True,
        "nfc": True,
        "boundary": "|",
        "out": "o.st",
        "resume": True,
        "overwrite": True,
        "start": "s.st",
        "save_every": 2.5,
        "plot": "p.svg",
        "log": "l.csv",
        "device": "cuda",
        **SHAPE,
        **RUN,
    },
    "sample": {
        "file": "m.st",
        "count": 2,
        "prefix": "a",
        "temperature": 0.5,
        "top_k": 3,
        "top_p": 0.75,
        "beam": 4,
        "longest": 6,
        "seed": 7,
        "data": "d.txt",
        "device": "mps",
    },
    "eval": {"file": "m.st", "name": ["a", "b"], "data": "d.txt", "device": "cuda"},
    "info": {"file": "m.st"},
    "export": {"file": "m.st", "out": "m.py", "overwrite": True},
    "check": {"target": "tanh", "seconds": 1.5},
    "bench": {"model": "gpt", "data": "d.txt", "batch": 2, "rounds": 3},
    "data": {"action": "describe", "source": "d.txt", "text": True, "nfc": True},
}
PLACES = ("file", "target", "action", "source")  # typed without a name


def words(given):
    """The command line that gives the values."""
    found = []
    for name, value in given.items():
        option = "--" + {"start": "from"}.get(name, name).replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            found += [] if name in PLACES else [option]
            found += [] if one is True else [str(one)]
    return found


def commands():
    (found,) = (a.choices for a in parser()._actions if isinstance(a.choices, dict))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_read_as_what_it_is(command):
    """Numbers as numbers, switches as switches; and there is no other option."""
    given = GIVEN[command] | {"json": True}
    found = vars(parser().parse_args([command, *words(given)]))
    assert found == given | {"command": command}
    assert all(type(found[name]) is type(value) for name, value in given.items())


def test_what_nobody_gave():
    for typed, found in (
        ("train", dict.fromkeys([*SHAPE, *RUN, "model", "data", "out", "start"])),
        ("train", {"text": False, "nfc": False, "resume": False, "overwrite": False}),
        ("sample", {"prefix": "", "file": FILE, "top_k": None, "beam": None}),
        ("eval", {"name": None, "data": None, "file": FILE}),
        ("export --out m.py", {"overwrite": False}),
        ("check", {"target": None}),
        ("data list", {"source": None, "text": False, "nfc": False}),
        ("train --optimizer sgd", {"optimiser": "sgd"}),
    ):
        read = vars(parser().parse_args(typed.split()))
        assert {name: read[name] for name in found} == found
        assert read["json"] is False


def test_what_is_taken_where_nothing_is_given_stands_in_the_help():
    for typed, usual in (
        ("sample", {"count": 10, "temperature": 1.0, "seed": 0, "device": "cpu"}),
        ("sample", {"file": FILE}),
        ("eval", {"device": "cpu", "file": FILE}),
        ("info", {"file": FILE}),
        ("export --out m.py", {"file": FILE}),
        ("check", {"seconds": 120.0}),
        ("bench", {"model": "mlp", "data": "names", "batch": 32, "rounds": 20}),
        ("train", {"device": "cpu"}),
    ):
        args = parser().parse_args(typed.split())
        told = {a.dest: a.help for a in commands()[args.command]._actions}
        for name, value in usual.items():
            assert getattr(args, name) == value
            shown = f"{value:g}" if isinstance(value, float) else value
            assert f"({shown})" in told[name]


def test_a_command_has_to_be_given(capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "charlm: error: the following arguments are required: COMMAND"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("export", "charlm export: error: the following arguments are required: --out"),
        ("data", "charlm data: error: the following arguments are required: action"),
        ("data burn", "argument action: invalid choice: 'burn' (choose from"),
        ("train --device tpu", "argument --device: invalid choice: 'tpu' (choose from"),
        ("sample --count x", "argument --count: invalid int value: 'x'"),
        ("train --lr \x1b[2J", "argument --lr: invalid float value: '\\x1b[2J'"),
        ("info \x1b[2J b", "error: unrecognized arguments: b"),
        ("info a \x1b[2J", "error: unrecognized arguments: \\x1b[2J"),
    ],
)
def test_what_cannot_be_read_is_named(typed, said, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(typed.split())
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last
    assert "\x1b" not in last


def test_the_help_tells_all(capsys, monkeypatch):
    """What each thing is, what an option wants, and where there is more to know."""
    monkeypatch.setenv("COLUMNS", "300")
    said = {}
    for name in ("", *COMMANDS):
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([*name.split(), "--help"])
        assert ended.value.code == 0
        said[name] = capsys.readouterr().out
    top = said[""]
    assert top.startswith("usage: charlm [-h] [--version] COMMAND ...\n")
    assert "Character-level language models, trained with gradients by hand." in top
    assert "\n  charlm train --model gpt                train a GPT on the" in top
    for name, (about, _) in COMMANDS.items():
        assert re.search(rf"^    {name} +{re.escape(about)}$", top, re.M)
        assert f"\n\n{about.capitalize()}\n\n" in said[name]
        for a in commands()[name]._actions:
            assert a.help or a.choices, (name, a.dest)
    for name, option in (
        *(("train", f"--{o} FILE") for o in ("out", "from", "plot", "log")),
        ("train", "--save-every SECONDS"),
        ("sample", "--beam WIDTH"),
        ("export", "--out FILE"),
    ):
        assert f"\n  {option} " in said[name]
    groups = re.findall(r"^(\S[^:\n]*):$", said["train"], re.M)
    assert groups == [
        "options",
        "the model; what a model lacks, it refuses",
        "the run",
    ]
    assert "Exit codes: 0 right, 1 wrong, 2 it could not be judged." in said["check"]


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"charlm {__version__}\n"

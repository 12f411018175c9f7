"""What tests of the commands share: a list, and what a command says."""

import csv
import json
from pathlib import Path

from charlm.cli import main

NAMES = "ada bo cleo dan eva finn gus hana ivo jana kim lea mo nina otto".split()
TEXT = "the cat sat on the mat.\nso did the dog.\n" * 30


def told(capsys, *args):
    """The one line of a refusal."""
    capsys.readouterr()
    assert main([*args]) == 2
    return capsys.readouterr().err.removeprefix("charlm: ").strip()


def answer(capsys, *args):
    """What it says as JSON."""
    capsys.readouterr()
    assert main([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def table(name):
    """The rows of a log."""
    return list(csv.DictReader(Path(name).read_text().splitlines()))

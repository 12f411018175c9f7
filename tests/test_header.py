"""The header of a checkpoint, read as data from a stranger: what is wrong is named."""

import json
import math
from copy import deepcopy
from dataclasses import asdict

import pytest
import torch

from charlm.models import shapes
from charlm.train import TrainConfig
from charlm.train.header import FORM, KIND, check, checksum, parse

RIGHT = {
    "kind": KIND,
    "format": 2,
    "model": "mlp",
    "options": {"n_hidden": 8},
    "config": asdict(TrainConfig()),
    "symbols": ".abc",
    "data": {"source": "names", "running": False, "compose": False, "sha256": "0"},
    "run": {"steps": 3, "dev": [[3, 2.5]], "best": 2.5, "seconds": 0.5, "waited": 0},
    "finished": True,
    "older": 0,
    "versions": {},
}


def changed(way, value):
    """The right header with another value: ``way`` as in "run steps"."""
    head = deepcopy(RIGHT)
    inner, (*outer, last) = head, way.split()
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return head


def test_a_right_header_gives_the_shapes_of_its_model():
    """What was written in this format once is read for ever."""
    assert parse(json.dumps(RIGHT)) == RIGHT
    assert check(RIGHT) == shapes("mlp", 4, n_hidden=8)


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("older", 10_000),
        ("run steps", 0),
        ("run seconds", 0),
        ("run waited", 7),
        ("run dev", []),
        ("run best", 3),
        ("symbols", "x"),
        ("options", {}),
        ("config", {}),
        ("config steps", None),
        ("config lr", 1),
    ],
)
def test_what_a_value_may_be(way, value):
    assert check(changed(way, value))


def test_nothing_measured_is_no_best():
    assert check(changed("run", RIGHT["run"] | {"dev": [], "best": None}))
    without = {name: v for name, v in RIGHT["run"].items() if name != "best"}
    assert check(changed("run", without | {"dev": []}))


@pytest.mark.parametrize(
    ("way", "value", "words"),
    [
        ("model", "elman", "model 'elman' is not known"),
        ("model", 3, "model is 3"),
        ("symbols", "", "symbols are none, or one occurs twice"),
        ("symbols", "aba", "symbols are none, or one occurs twice"),
        ("options", {"n_head": 2}, 'options: "n_head" is 2'),
        ("options", {"n_hidden": "8"}, 'options: "n_hidden" is "8"'),
        ("options", {"dtype": "float64"}, 'options: "dtype" is "float64"'),
        ("config", {"speed": 1}, 'config: "speed" is 1'),
        ("config batch", 2.5, 'config: "batch" is 2.5'),
        ("config batch", 0, "batch is 0; give at least 1"),
        ("data", [], "data is []"),
        ("data running", 1, "data: running is 1"),
        ("data source", None, "data: source is null"),
        ("finished", 1, "finished is 1"),
        ("versions", "x" * 99, 'versions is "' + "x" * 59),
        ("older", -1, "older is -1"),
        ("older", 10_001, "older is 10001"),
        ("run steps", -1, "run: a count is below 0"),
        ("run seconds", -0.5, "run: a count is below 0"),
        ("run seconds", math.inf, "run: seconds is Infinity"),
        ("run waited", -1, "run: a count is below 0"),
        ("run best", "2", 'run: best is "2"'),
        ("run best", math.nan, "run: best is NaN"),
        ("run best", None, "run: dev losses without a best"),
        ("run dev", [3], "run: dev is no list of steps and losses"),
        ("run dev", ["ab"], "run: dev is no list of steps and losses"),
        ("run dev", [[3]], "run: dev is no list of steps and losses"),
        ("run dev", [[3, 2]], "run: dev is no list of steps and losses"),
        ("run dev", [[3.0, 2.5]], "run: dev is no list of steps and losses"),
        ("run dev", [[3, 2.5], {}], "run: dev is no list of steps and losses"),
        ("run dev", [[3, math.inf]], "run: a dev loss is inf"),
        ("run dev", [[3, 2.5], [6, math.nan]], "run: a dev loss is nan"),
    ],
)
def test_what_is_wrong_is_named(way, value, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        check(changed(way, value))
    assert str(caught.value) == words


@pytest.mark.parametrize("name", FORM)
def test_what_is_missing_is_named(name):
    head = deepcopy(RIGHT)
    del head[name]
    with pytest.raises(ValueError, match=f"^{name} missing$"):
        check(head)


def test_all_that_is_missing_is_named_in_order():
    with pytest.raises(ValueError, match=f"^{', '.join(sorted(FORM))} missing$"):
        check({})


def test_what_is_missing_within_is_named():
    with pytest.raises(ValueError, match="^data: compose, sha256 missing$"):
        check(changed("data", {"source": "names", "running": False}))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("", "was not written by charlm; name another file"),
        ("[]", "was not written by charlm; name another file"),
        ("[" * 100_000, "was not written by charlm; name another file"),
        ({}, "was not written by charlm; name another file"),
        ({"kind": "other", "format": 2}, "was not written by charlm; name anoth"),
        ({"kind": KIND}, "is damaged: format is null"),
        ({"kind": KIND, "format": True}, "is damaged: format is true"),
        ({"kind": KIND, "format": 0}, "is damaged: format is 0"),
        ({"kind": KIND, "format": 1}, "has format 1 of an older charlm, and this vers"),
        ({"kind": KIND, "format": 3}, "has format 3, and this version of charlm reads"),
    ],
)
def test_what_is_read_is_ours_and_of_this_format(head, words):
    text = head if isinstance(head, str) else json.dumps(head)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(text)
    assert str(caught.value).startswith(words)
    if "format" in words:
        assert parse(text, any_of=True) == head
    else:
        with pytest.raises(ValueError, match="was not written by charlm"):
            parse(text, any_of=True)


def test_a_checksum_holds_all_but_the_order():
    t = torch.arange(4.0)
    right = {"a": t, "b": t + 1}
    found = checksum("{}", right)
    assert checksum("{}", dict(reversed(right.items()))) == found
    assert len(found) == 64
    others = [
        checksum("{ }", right),
        checksum("{}", {"a": t}),
        checksum("{}", right | {"c": t}),
        checksum("{}", {"a": t, "c": t + 1}),
        checksum("{}", {"a": t + 1, "b": t}),
        checksum("{}", {"a": t.view(2, 2), "b": t + 1}),
        checksum("{}", {"a": t.view(torch.int32), "b": t + 1}),
        checksum("{}", {"a": -t, "b": t + 1}),
    ]
    assert len({found, *others}) == 9

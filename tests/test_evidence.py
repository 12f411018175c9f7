"""Outcomes: what holds, what falls short, what is refused, what is recorded."""

import json
import math

import pytest
import torch

from charlm.evidence import FellShort, fact, outcome


def test_reads_as_it_is_written():
    assert outcome("a below b", [1.0, 1.1, 1.2], "<", [2.0, 2.1, 2.2]).ok
    assert outcome("b above a", [2.0, 2.1, 2.2], ">", [1.0, 1.1, 1.2]).ok
    assert outcome("in a band", 0.5, "<", torch.tensor([1.0, 1.1, 1.2]), "<", 2).ok


def test_margin_is_the_gap_in_spreads():
    seeds = torch.tensor([1.0, 2.0, 3.0])  # standard deviation 1
    assert outcome("to a number", seeds, "<", 7).margin == pytest.approx(5.0)
    found = outcome("to other seeds", seeds, "<", seeds + 7)
    assert found.margin == pytest.approx(7 / math.sqrt(2))
    # of a chain the narrowest place counts
    assert outcome("chain", -8, "<", seeds, "<", 5).margin == pytest.approx(3.0)
    assert outcome("once", 1.0, "<", 1.5, spread=0.1).margin == pytest.approx(5.0)


@pytest.mark.parametrize("end", [3.9, 2.0, 1.0, math.nan])
def test_a_thin_or_untrue_claim_falls_short(end):
    with pytest.raises(FellShort) as error:
        outcome("the tree is better", [1.0, 2.0, 3.0], "<", end)
    told = str(error.value)
    assert "\n" not in told
    for part in ("the tree is better", "[1 2 3; mean 2, spread 1]", f"{end:.4g}"):
        assert part in told
    assert "asked 2" in told


def test_seeds_that_agree_to_the_last_bit():
    assert outcome("recorded", [1.0] * 3, "<", 1.5).margin == math.inf
    with pytest.raises(FellShort):
        outcome("equal is not below", [1.0] * 3, "<", [1.0] * 3)


def test_more_room_may_be_asked():
    outcome("two", [1.0, 2.0, 3.0], "<", 5)
    with pytest.raises(FellShort):
        outcome("four", [1.0, 2.0, 3.0], "<", 5, asked=4)


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (([1.0, 2.0], "<", 3), "2 values"),
        (([], "<", 3), "0 values"),
        ((1.0, "<", 2.0), "nothing tells"),
        ((1.0, "<"), "write value, sign, value"),
        ((1.0, "<", [1, 2, 3], ">", 2.0), "write value, sign, value"),
        ((1.0, "<=", [1, 2, 3]), "not '<='"),
    ],
)
def test_refused(chain, words):
    with pytest.raises(ValueError, match=words):
        outcome("unreadable", *chain)


def test_a_record_takes_what_falls_short(tmp_path, monkeypatch):
    record = tmp_path / "outcomes"
    monkeypatch.setenv("CHARLM_OUTCOMES", str(record))
    outcome("holds", [1.0, 2.0, 3.0], "<", 7)
    outcome("does not", [1.0, 2.0, 3.0], "<", 2)
    first, second = map(json.loads, record.read_text().splitlines())
    assert first["ok"]
    assert first["margin"] == pytest.approx(5)
    assert (second["claim"], second["ok"], second["margin"]) == ("does not", False, 0)


def test_a_fact_of_the_bundled_list_is_held():
    fact("one is one", 1 == 1)
    with pytest.raises(AssertionError, match="one is two"):
        fact("one is two", 1 == 2)


@pytest.mark.parametrize("last", [math.nan, math.inf, -math.inf])
def test_a_run_that_diverged_falls_short_in_words(last):
    for chain in (
        (1, "<", [2.0, 2.1, last]),
        (0, "<", [1, 1.1, 1.2], "<", [9, 9, last]),
    ):
        with pytest.raises(FellShort, match="it converged"):
            outcome("it converged", *chain)


def test_what_is_printed_of_an_outcome():
    seeds = [1.0, 2.0, 3.0]
    found = outcome("it is so", 0.5, "<", seeds, "<", 12.3456, asked=1.5)
    assert repr(found) == (
        "holds: it is so | 0.5 < [1 2 3; mean 2, spread 1] < 12.35 | "
        "margin 1.5 spreads, asked 1.5"
    )


@pytest.mark.parametrize("count", [6, 7])
def test_of_many_values_six_are_shown(count):
    found = outcome("many", [1.0, 2.0] * 3 + [1.0] * (count - 6), "<", 99)
    shown = found.said.split(";")[0]
    assert shown == "[1 2 1 2 1 2" + " ..." * (count == 7)


@pytest.mark.parametrize("sign", ["<", ">"])
def test_a_margin_that_is_just_enough_holds(sign):
    """Exactly two spreads by default, on the side that the sign says."""
    seeds = [1.0, 2.0, 3.0]
    end = 4.0 if sign == "<" else 0.0
    found = outcome("just", seeds, sign, end)
    assert (found.margin, found.asked, found.ok) == (2.0, 2.0, True)
    with pytest.raises(FellShort):
        outcome("less", seeds, sign, end, asked=2.001)
    with pytest.raises(FellShort, match="margin -2.0 spreads"):
        outcome("turned round", end, sign, seeds)


def test_a_known_spread_is_added_to_what_was_measured():
    seeds = [1.0, 2.0, 3.0]
    found = outcome("both", seeds, "<", 12.0, spread=math.sqrt(3))
    assert found.margin == pytest.approx(10 / 2)
    assert outcome("an integer", 1, "<", 3, spread=1).margin == 2
    with pytest.raises(FellShort, match="margin -inf"):
        outcome("equal", [1.0] * 3, "<", 1.0)
    with pytest.raises(FellShort, match="margin -inf"):
        outcome("above", [1.0] * 3, ">", 1.5)


def test_with_a_list_of_ones_own_it_is_said_and_not_raised(monkeypatch, capsys):
    monkeypatch.setenv("CHARLM_NAMES", "mine.txt")
    assert not outcome("it is so", [1.0, 2.0, 3.0], "<", 2.0).ok
    fact("no name twice", False)
    fact("every name once", True)
    assert outcome("true of all", [1.0, 2.0, 3.0], "<", 9.0).ok
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[0].startswith("With another list of names this fell short: it is so |")
    assert said[1] == "With another list of names this is not so: no name twice"


def test_a_record_grows_and_says_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CHARLM_OUTCOMES", str(tmp_path / "outcomes"))
    monkeypatch.setenv("CHARLM_NAMES", "mine.txt")
    for end in (2.0, 9.0):
        outcome("it is so", [1.0, 2.0, 3.0], "<", end)
    lines = (tmp_path / "outcomes").read_text().splitlines()
    assert [json.loads(line)["margin"] for line in lines] == [0, 7]
    assert capsys.readouterr().out == ""


def test_tensors_of_any_shape_are_measured_values():
    square = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = outcome("four seeds", torch.tensor(0.0), "<", square, asked=1)
    assert found.said == "0 < [1 2 3 4; mean 2.5, spread 1.3]"

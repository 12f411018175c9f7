"""The gradient ledger: what it asks, and what it keeps of the answers."""

import math

import pytest
import torch

from charlm import ops
from charlm.gradcheck import TOLERANCE, by_name, cases, ledger


@pytest.fixture
def asked(monkeypatch):
    """What the ledger asks; every witness answers with what it still takes."""
    found = []

    def errors(*given):
        found.append(("errors", *given))
        return {name: TOLERANCE[name] for name in ledger.COLUMNS if name != "adjoint"}

    def adjoint(*given):
        found.append(("adjoint", *given))
        return TOLERANCE["adjoint"]

    monkeypatch.setattr(ledger, "errors", errors)
    monkeypatch.setattr(ledger, "adjoint", adjoint)
    return found


@pytest.mark.parametrize("pair", ["relu", "linear"])
def test_every_case_is_run_on_every_seed_and_with_its_jvp(pair, asked):
    """Those of three seeds, at which a reader's answer is judged, too."""
    labels = [label for label, _, _ in ledger.judged(pair)]
    every = [(seed, c) for seed in by_name.SEEDS for c in cases.cases(pair, seed)]
    assert labels == [c.label for _, c in every]
    assert len(every) == 3 * len(cases.cases(pair))
    both, asked = ops.pairs()[pair], iter(asked)
    for seed, case in every:
        name, forward, backward, inputs, *rest = next(asked)
        assert (name, rest) == ("errors", [seed, case.kink])
        assert backward is both.backward
        torch.testing.assert_close(inputs, case.inputs, rtol=0, atol=0)
        torch.testing.assert_close(forward(*inputs), case.forward(*case.inputs))
        assert next(asked) == ("adjoint", forward, backward, both.jvp, inputs, seed)
    assert not list(asked)


def test_a_pair_without_a_jvp_has_no_adjoint(asked, monkeypatch):
    tanh = ops.pairs()["tanh"]
    alone = type(tanh)(tanh.name, tanh.forward, tanh.backward, None)
    monkeypatch.setattr(ops, "pairs", lambda: {"tanh": alone})
    monkeypatch.setattr(ledger, "SEEDS", (0,))
    assert all("adjoint" not in found for _, found, _ in ledger.judged("tanh"))
    assert {name for name, *_ in asked} == {"errors"}


@pytest.mark.parametrize("name", ledger.COLUMNS)
def test_an_error_is_a_problem_beyond_the_tolerance(name, asked, monkeypatch):
    """At it, it is none; what does not apply is none either."""
    monkeypatch.setattr(ledger, "SEEDS", (2,))
    assert {said for _, _, said in ledger.judged("tanh")} == {""}
    more = {**TOLERANCE, name: math.nextafter(TOLERANCE[name], 1)}
    if name == "adjoint":
        monkeypatch.setattr(ledger, "adjoint", lambda *_: more[name])
    else:
        monkeypatch.setattr(ledger, "errors", lambda *_: {"other": None} | more)
    for label, found, said in ledger.judged("tanh"):
        assert found[name] == more[name]
        start = f"tanh_backward, case {label!r}, seed 2: {name} disagrees, relative "
        assert said == f"{start}error {TOLERANCE[name]:.1e}"


def test_a_row_has_the_worst_of_all_cases_and_the_first_problem(monkeypatch):
    first, second, last = ledger.COLUMNS[:2] + ledger.COLUMNS[-1:]
    told = [
        ("one", {first: 1.0, second: None, last: 0.0}, ""),
        ("two", {first: 3.0, second: None, last: 0.0}, "this one"),
        ("three", {first: 3.0, second: None, last: None}, ""),
        ("four", {first: 2.0, second: None, last: 0.0}, "not this one"),
    ]
    monkeypatch.setattr(ledger, "judged", lambda pair: iter(told))
    row = ledger.check("tanh")
    largest = dict.fromkeys(ledger.COLUMNS) | {first: 3.0, last: 0.0}
    worst = dict.fromkeys(ledger.COLUMNS, "") | {first: "two", last: "one"}
    assert row == ledger.Row("tanh", 4, largest, worst, "this one")
    assert not row.ok
    told[:] = told[:1]
    assert ledger.check("tanh").ok


def test_every_pair_has_its_row(monkeypatch):
    monkeypatch.setattr(ledger, "check", str.upper)
    assert ledger.rows() == [pair.upper() for pair in ops.pairs()]

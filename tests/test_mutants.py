"""The mutation runner is tested too: it finds edits, and it finds holes."""

import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "mutants"))

import run  # noqa: E402
from mutate import mutants  # noqa: E402

from charlm.gradcheck import cases  # noqa: E402

SAMPLE = """
def f_backward(dy, cache):
    x, W = cache
    dx = dy @ W.T
    dx += -2 * x ** 2
    db = (dy * x).sum(0, keepdim=True)
    return dx, db
"""


def test_edits_of_a_sample():
    found = [what for _, what, _ in mutants(SAMPLE)]
    for wanted in (
        "x and W exchanged",
        "transpose of W dropped",
        "factors of a matrix product exchanged",
        "update of dx dropped",
        "dx overwritten",
        "minus before 2 dropped",
        "Mult becomes Div",
        "power dropped",
        "factor x dropped",
        "sum becomes mean",
        "keepdim dropped",
        "0 becomes 1",
        "dx returned as zero",
        "returned gradients 0 and 1 exchanged",
    ):
        assert wanted in found, found
    texts = [text for _, _, text in mutants(SAMPLE)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        compile(text, "sample", "exec")


def test_good_cases_kill_every_mutant(capsys):
    assert run.main(["tanh", "layernorm"]) == 0
    assert "0 survived" in capsys.readouterr().out


def test_weak_cases_let_a_mutant_live(monkeypatch, capsys):
    """At x = 0 the tanh is 0, and the sign of its square does not matter."""

    def weak(pair, seed=0, dtype=torch.float64):
        return [cases.Case(pair, "zeros", (torch.zeros(2, 3, dtype=dtype),), {})]

    monkeypatch.setattr(run.cases, "cases", weak)
    assert run.main(["tanh"]) == 1
    out = capsys.readouterr().out
    assert "survived: charlm/ops/activation.py:" in out
    assert "in: return (1 - y * y) * dy" in out


def test_a_wrong_backward_is_no_start(monkeypatch):
    from charlm.ops import activation

    monkeypatch.setattr(activation, "tanh_backward", lambda dy, cache: dy)
    with pytest.raises(AssertionError, match="tanh_backward is itself found wrong"):
        run.survivors("tanh")


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """One whole run, with a list that has an entry too many."""
    listed = tmp_path_factory.mktemp("mutants") / "list.toml"
    text = (HERE / "mutants" / "equivalent.toml").read_text(encoding="utf8")
    listed.write_text(text + '"tanh: gone in: nowhere" = "it was killed"\n')
    return listed


def test_entries_that_no_longer_hold_are_named(everything, capsys):
    assert run.main(listed=everything) == 1
    out = capsys.readouterr().out
    assert "stale in list.toml: 'tanh: gone in: nowhere'" in out
    # nothing else is wrong, and there are many
    assert "survived:" not in out
    total, _, killed = [int(n) for n in out.replace(":", "").split() if n.isdigit()][:3]
    assert total >= 200
    assert killed > 0.98 * total

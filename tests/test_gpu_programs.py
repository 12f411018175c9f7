"""The programs for graphics processors, tried without one in a small size."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
PROGRAMS = {
    "bench-gpu": ROOT / "benchmarks" / "gpu.py",
    "results-gpu": ROOT / "book" / "_results" / "gpu.py",
}


@pytest.fixture
def started(monkeypatch):
    """Runs a program as a command would; what it did to the search path is undone."""

    def start(command, *words):
        path = PROGRAMS[command]
        monkeypatch.setattr(sys, "path", [str(path.parent), *sys.path])
        monkeypatch.setattr(sys, "argv", [str(path), *words])
        runpy.run_path(str(path), run_name="__main__")

    return start


@pytest.mark.parametrize("command", PROGRAMS)
def test_without_a_card_it_says_so_and_ends(command, started, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        started(command)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{command}: ")
    assert "no graphics processor" in err
    assert err.count("\n") == 1
    assert f"{command}:" in (ROOT / "Makefile").read_text(encoding="utf8")


def test_a_trial_of_the_race_runs_all_that_need_no_compiler(started, capsys, tmp_path):
    out = tmp_path / "race.json"
    words = "--cpu --no-compile --rounds 1 --out".split()
    started("bench-gpu", *words, str(out))
    said = capsys.readouterr().out
    assert said.count(" ms ") == 5
    assert "did not run" not in said
    assert said.count("by cpu: error") == 3
    assert not out.exists()


def test_a_trial_of_the_training_runs_both_and_leaves_out_what_takes_too_long(
    started, capsys
):
    before = {p.name: p.read_bytes() for p in (ROOT / "book/_results").glob("gpu-*")}
    started("results-gpu", "--cpu")
    started("results-gpu", "--cpu", "--minutes", "0")
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        "text, seed 0",
        "names, seed 0",
    ] * 2
    assert all("left out" not in line for line in said[:2])
    assert all("left out" in line for line in said[2:])
    after = {p.name: p.read_bytes() for p in (ROOT / "book/_results").glob("gpu-*")}
    assert after == before

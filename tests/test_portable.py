"""Pages as other machines would run them: lines, jitter, records, thin claims."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests" / "portable"))

import page  # noqa: E402
import portable  # noqa: E402

TEXT = """---
kernelspec: {name: python3}
---
# A page

```{code-cell} python
:tags: [hide-input]

import torch
drawn = torch.randn(50, generator=torch.Generator().manual_seed(1))
```

```{code-cell} python
---
tags: [remove-cell]
---
from charlm.evidence import outcome

print(drawn.tolist())
outcome("thin", [1.0, 2.0, 3.0], "<", 4.5)
outcome("wide", [1.0, 2.0, 3.0], "<", 40)
```

```{code-cell} python
size = 1 + 1
assert torch.get_num_threads() == 2
```
"""


def ran(folder: Path, *options: str, text: str = TEXT) -> subprocess.CompletedProcess:
    path = folder / "small.md"
    path.write_text(text)
    command = [sys.executable, ROOT / "tests/portable/page.py", path, *options]
    environment = os.environ | {"CHARLM_OUTCOMES": str(folder / "outcomes")}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_page_runs_on_two_threads_and_its_outcomes_are_recorded(tmp_path):
    done = ran(tmp_path, "--threads", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    found = map(json.loads, (tmp_path / "outcomes").read_text().splitlines())
    assert {o["claim"]: o["margin"] for o in found} == {"thin": 2.5, "wide": 38}


def test_a_failing_cell_is_told_by_its_line(tmp_path):
    done = ran(tmp_path, "--threads", "1")
    line = next(i for i, x in enumerate(TEXT.splitlines(), 1) if "assert" in x)
    assert done.returncode == 1
    assert done.stdout.startswith(f"small.md:{line}: AssertionError: ")


def test_cells_stand_where_they_are_written():
    lines = TEXT.splitlines()
    for line, code in page.cells(TEXT):
        assert lines[line - 1] == code.splitlines()[0]


def test_jitter_moves_last_bits_alone(monkeypatch):
    import torch

    def seeded():
        return torch.randn(1_000, generator=torch.Generator().manual_seed(3))

    plain, draw, drawn = seeded(), torch.randn, []
    for number in (1, 2):
        monkeypatch.setattr(torch, "randn", draw)  # and put back afterwards
        page.jitter(number)
        moved = seeded()
        apart = ((moved - plain) / plain).abs()
        assert 0 < apart.max() < 5e-7
        assert (apart > 0).float().mean() > 0.5
        assert torch.equal(moved, seeded())  # two nets of one seed stay alike
        drawn.append(moved)
    assert not torch.equal(*drawn)


def made(condition: str, *margins: float, problem: str = "") -> portable.Run:
    claims = [
        {
            "claim": f"claim {m}",
            "said": "a < b",
            "margin": m,
            "asked": 2.0,
            "ok": m >= 2,
        }
        for m in margins
    ]
    return portable.Run("mlp", condition, 1.0, problem, claims)


def test_thin_and_broken_claims_are_listed():
    runs = [made("native", 2.5, 9.0), made("default", 1.0), made("avx2", problem="x")]
    failed, thin = portable.verdict(runs)
    assert len(failed) == 2
    assert any("claim 1.0" in line and "asked 2" in line for line in failed)
    assert any(line == "mlp, avx2: x" for line in failed)
    assert len(thin) == 1
    assert "mlp, native: claim 2.5" in thin[0]
    shown = portable.table(runs, ["native", "default", "avx2"]).splitlines()
    assert shown[1].split() == ["mlp", "2.5", "1.0", "FAILS"]


def test_the_record_holds_the_smallest_margin(tmp_path, monkeypatch):
    runs = [made("native", 2.5, 9.0), made("default", 4.0)]
    before = {
        "machine": "another",
        "rows": [
            {"page": "mlp", "condition": "avx2", "margin": 3.0, "asked": 2.0},
            {"page": "mlp", "condition": "native", "margin": 9.0, "asked": 2.0},
            {"page": "no-more", "condition": "native", "margin": 9.0, "asked": 2.0},
        ],
    }
    record = portable.recorded(runs, before)
    assert [(r["condition"], r["margin"]) for r in record["rows"]] == [
        ("native", 2.5),
        ("default", 4.0),
        ("avx2", 3.0),
    ]
    assert record["machine"].startswith("another and ")
    assert "another" not in portable.recorded(runs, {})["machine"]
    path = tmp_path / "portable.json"
    path.write_text(json.dumps(record))
    monkeypatch.setattr(portable, "RESULT", path)
    assert portable.thinnest(3) == ["mlp"]


def test_an_unknown_page_is_refused():
    with pytest.raises(SystemExit, match="no page with cells is called nosuch"):
        portable.pages(["nosuch"])

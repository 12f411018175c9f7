"""Pictures to drag: what a script computes is what charlm does, and they stay light."""

import gzip
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import explore  # noqa: E402

pytest.importorskip("quickjs")
PLACED = re.compile(r"^```\{explore\} (\S+)(?: (\S+))?$", re.M)
TOLERANCE = 1e-5  # absolute; the scripts compute in float64 as charlm does here
KILOBYTES, ELEMENTS = 15, 300
RUN = """(name, data, settings) => [JSON.stringify(
  explore.known[name].compute(JSON.parse(data), JSON.parse(settings)))].join("")"""

every = pytest.mark.parametrize("name", explore.names())


def gaps(ours, theirs, where=""):
    """(place, distance) of every number; other values have to be the same."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            yield from gaps(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), f"{where}: {len(theirs)}, not {len(ours)}"
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from gaps(one, other, f"{where}[{i}]")
    elif isinstance(ours, (int, float)) and not isinstance(ours, bool):
        yield where, abs(ours - theirs)
    else:
        assert ours == theirs, f"{where}: {theirs}, not {ours}"


@every
def test_the_script_computes_what_charlm_computes(name):
    run = explore.context(name).eval(RUN)
    probes = list(explore.declared(name).probes())
    assert len(probes) >= 4
    results = set()
    for settings, ours in probes:
        theirs = run(name, explore.packed(name), json.dumps(settings))
        results.add(theirs)
        found = list(gaps(ours, json.loads(theirs)))
        assert found
        for where, gap in found:
            assert gap <= TOLERANCE, f"{settings}: {where} is off by {gap:.1e}"
    assert len(results) > 1, "no setting changes anything"


@every
def test_it_is_light(name):
    drawn, script = explore.drawn(name), explore.SCRIPTS / f"{name}.js"
    assert drawn.count("</") + drawn.count("/>") <= ELEMENTS
    own = script.read_text("utf8") + explore.packed(name)
    assert len(own.encode()) <= 1000 * KILOBYTES
    shared = explore.SCRIPTS.with_suffix(".js").read_text("utf8")
    assert len(gzip.compress((own + drawn + shared).encode())) <= 1000 * KILOBYTES


@every
def test_it_can_be_read_out_and_is_whole(name):
    drawn = explore.drawn(name)
    assert not re.search(r"NaN|undefined|Infinity|null", drawn)
    for alt in re.findall(r'<svg[^>]*aria-label="([^"]*)"', drawn):
        assert len(alt) > 40, f"{alt!r} says too little"
    held = set(re.findall(r'data-drag="([^"]+)"', drawn))
    asked = set(re.findall(r'name="([^"]+)"', drawn))
    settings, _ = next(iter(explore.declared(name).probes()))
    assert asked == set(settings), "what a handle drags has a slider too"
    keys = 'name => Object.keys(explore.known[name].drag ?? {}).join(" ")'
    assert held == set(explore.context(name).eval(keys)(name).split())


def test_the_heads_are_as_different_as_the_page_says():
    """One stays where it stands, one looks one back, one spreads its weight."""
    for name in (heads := explore.declared("heads")).maps():
        found = [v for s, v in heads.probes() if s["name"] == name]
        assert min(v["back"] for v in found) < 0.5
        assert any(0.75 < v["back"] < 1.5 and v["reads"] < 3 for v in found)
        assert max(v["reads"] for v in found) > 3.9


def test_each_stands_on_the_first_screen_of_a_page():
    placed = set()
    for path in (ROOT / "book").glob("*.md"):
        text = path.read_text(encoding="utf8")
        for found in PLACED.finditer(text):
            placed.add(found[1])
            before = text[: found.start()].split("\n# ")[1]
            assert ":::" not in before, f"{path.name}: a box before the picture"
            assert "code-cell" not in before, f"{path.name}: code before the picture"
            assert len(before.split()) < 150, f"{path.name}: words before the picture"
            if start := found[2]:
                drawn = explore.drawn(found[1], start)
                assert f"<option selected>{start}</option>" in drawn
                assert drawn != explore.drawn(found[1])
    assert placed == set(explore.names())

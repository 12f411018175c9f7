"""A reader's own file is judged whatever it does, and the exit code tells."""

import json
from pathlib import Path

import pytest
import torch
from test_cli import OWN as CUBE
from test_cli import RIGHT as LINEAR

from charlm import ops
from charlm.cli import main, parser
from charlm.gradcheck import Finding, Verdict, reader, several
from charlm.gradcheck import check as check_mine


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(source, name, *options):
    Path("mine.py").write_text(source)
    return main(["check", f"mine.py:{name}_backward", *options])


def judged(source, name="cube"):
    """As the other process judges it, without the process."""
    Path("mine.py").write_text(source)
    return reader.run("mine.py", f"{name}_backward")


def test_a_right_file(folder, capsys):
    assert check("print('hello')\n" + LINEAR, "linear") == 0
    said = capsys.readouterr()
    assert "ok   matrix" in said.out
    assert "--   no rows                there is nothing to compare" in said.out
    assert "hello" in said.err
    assert list(folder.iterdir()) == [folder / "mine.py"]


def test_a_wrong_one_is_named_as_json(folder, capsys):
    assert check(CUBE.replace("3 * x", "-3 * x"), "cube", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "wrong"
    assert found["target"] == "mine.py:cube_backward"
    assert [(f["gradient"], f["slip"]) for f in found["findings"]] == [("dx", "sign")]
    (case,) = found["cases"]
    assert case["errors"]["autograd"] == pytest.approx(2)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("    while True:\n        try: pass\n        except BaseException: pass",
         "no end after 5 s, in line"),
        ("    import os; os._exit(0)", "ended with exit code 0 before"),
    ],
)  # fmt: skip
def test_what_stops_or_never_ends_is_wrong(folder, capsys, line, words):
    source = CUBE.replace("    (x,) = cache", line)
    assert check(source, "cube", "--seconds", "5") == 1
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import sys; sys.exit(0)\n" + CUBE, "cannot be loaded: SystemExit"),
        (CUBE.replace("randn", "zeros"), "zeros prove nothing: x is zero throughout"),
        ("1 +", "cannot be loaded: SyntaxError"),
    ],
)
def test_what_cannot_be_judged_is_not_ok(folder, capsys, source, words):
    assert check(source, "cube", "--json") == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["status"] in ("refused", "unproved")
    assert words in found.get("problem", "") + json.dumps(found.get("findings"))
    assert "Traceback" not in said.out + said.err


def test_slips_are_told_once_for_all_inputs(folder):
    found = judged(LINEAR.replace("rows.sum(0)", "rows.mean(0)"), "linear")
    assert found["status"] == "wrong"
    named = [f for f in found["findings"] if f["slip"] != "not finite"]  # no rows
    assert [(f["gradient"], f["bug"]) for f in named] == [("db", "bias_averaged")]
    states = {case["label"]: case["status"] for case in found["cases"]}
    assert states["matrix"] == "wrong"
    assert states["one row"] == "right"
    assert any("db is too small by" in line for line in several.report(found))


def test_an_own_forward_with_the_inputs_of_the_package(folder):
    own = "def linear(x, W, b):\n    return x @ W + b, (x, W)\n"
    assert judged(own + LINEAR, "linear")["status"] == "right"
    with pytest.raises(ValueError, match="no cache"):
        judged(own.replace(", (x, W)", "") + LINEAR, "linear")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("return torch.randn(4, 3)", "raise KeyError('z')"),
            r"cube_inputs\(\) raises",
        ),
        (("return torch.randn(4, 3)", "import sys; sys.exit()"), "sys.exit"),
        (("def cube(x)", "def kube(x)"), "defines no forward cube"),
        (("def cube_inputs", "def inputs"), r"defines no cube_inputs\(\)"),
        (("def cube_backward", "def backward"), "defines no cube_backward"),
        (("import torch", "import no_such_thing"), "cannot be loaded: ModuleNotFound"),
        (("return x**3, (x,)", "return x**3"), "no cache"),
        (("randn(4, 3)", "arange(3)"), "no input is a floating-point tensor"),
    ],
)
def test_what_is_missing_is_said(folder, change, words):
    with pytest.raises(ValueError, match=words):
        judged(CUBE.replace(*change))


def test_what_stands_beside_the_file_can_be_used(folder):
    Path("beside.py").write_text("three = 3")
    source = "from beside import three\n" + CUBE.replace("3 * x", "three * x")
    assert judged(source)["status"] == "right"


def test_the_time_has_to_be_positive(folder):
    Path("mine.py").write_text(CUBE)
    with pytest.raises(ValueError, match="seconds is 0"):
        reader.grade_file("mine.py:cube_backward", 0.0)


def test_help_says_that_the_file_is_run(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["check", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "A file of your own is run, with all it does" in said
    readme = Path(__file__).parent.parent / "README.md"
    assert "`check` runs the file" in readme.read_text(encoding="utf8")


def half(dy, cache):
    (y,) = cache
    return (1 - y) * dy


@pytest.mark.parametrize(
    ("name", "mine", "words"),
    [
        ("tanh_backward", ops.tanh_backward, "ok   tanh_backward: 12 inputs"),
        ("tanh_backward", half, "1 - y instead of 1 - y**2"),
        ("tanh_backward", lambda dy, cache: None, "returned nothing"),
        ("linear_backward", lambda dy, cache: 1 / 0, "ZeroDivisionError"),
        ("tanh", ops.tanh, "ok   tanh: 12 inputs"),
        ("tanh", torch.tanh, "ok   tanh"),
        ("tanh", torch.sigmoid, "FAIL"),
        ("tanh", lambda x: 1 / 0, "it raises ZeroDivisionError"),
        ("tanh", lambda x: None, "returned a NoneType"),
    ],
)
def test_a_function_of_a_notebook_is_judged_by_name(capsys, name, mine, words):
    right = check_mine(name, mine)
    said = capsys.readouterr().out
    assert right == said.startswith("ok")
    assert words in said


def test_there_has_to_be_such_a_function():
    with pytest.raises(ValueError, match="no pair"):
        check_mine("tan_backward", half)


def test_verdicts_on_several_inputs_together():
    """What is wrong in all of them, then each other fault once, in its first words."""
    twice = Finding("dx", "factor 2", "dx is twice too large")
    half = Finding("dx", "factor", "dx is off")
    raised, again, nothing = (
        Finding("", *words)
        for words in (("raises", "one"), ("raises", "two"), ("empty", "no y"))
    )
    slips = {"dx": [("unlike", half), ("2", twice)]}
    wrong = Verdict("wrong", findings=[half], slips=slips)
    other = Verdict("wrong", findings=[twice], slips={"dx": [("2", twice)]})
    faults = [Verdict("wrong", findings=[f]) for f in (raised, again)]
    right, empty = Verdict("right"), Verdict("unproved", findings=[nothing])
    judged = list(zip("abcdef", [wrong, other, *faults, right, empty], strict=True))
    found = several.together(judged)
    assert found["status"] == "wrong"
    assert found["findings"] == [vars(twice), vars(raised)]
    assert [(case["label"], case["status"]) for case in found["cases"]] == [
        (label, v.status) for label, v in judged
    ]
    assert several.together(judged[4:]) | {"cases": 0} == {
        "status": "right",
        "cases": 0,
        "findings": [],
    }
    found = several.together(judged[5:])
    assert (found["status"], found["findings"]) == ("unproved", [vars(nothing)])


def test_what_is_reported_of_several_inputs():
    errors = {"autograd": 2e-16, "complex step": None}
    words = {"words": "zeros prove nothing"}
    case = {"label": "plain", "status": "right", "errors": errors, "notes": ["so"]}
    case |= {"silent": {"complex step": "a kink"}, "findings": []}
    blank = case | {"label": "", "status": "unproved", "findings": [words], "notes": []}
    mute = blank | {"label": "mute", "status": "wrong", "errors": {}, "silent": {}}
    loud = mute | {"label": "loud", "errors": {"autograd": 0.5}}
    told = {"status": "wrong", "cases": [case, blank, mute, loud]}
    assert several.report(told | {"findings": [{"words": "dx is off"}]}) == [
        f"ok   {'plain':22s} autograd 2e-16, complex step does not apply",
        f"note {'plain':22s} so",
        f"--   {'your inputs':22s} zeros prove nothing",
        f"FAIL {'mute':22s} zeros prove nothing",
        f"FAIL {'loud':22s} autograd 5e-01",
        "FAIL dx is off",
    ]

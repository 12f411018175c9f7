"""A reader's own file is judged whatever it does, and the exit code tells."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_cli import OWN as CUBE
from test_cli import RIGHT as LINEAR

from charlm import ops
from charlm.cli import check as checking
from charlm.cli import main, parser
from charlm.gradcheck import (
    Finding,
    Verdict,
    bracket,
    by_name,
    errors,
    reader,
    several,
    zoo_forms,
)
from charlm.gradcheck import check as check_mine
from charlm.gradcheck.bugs import zoo
from charlm.gradcheck.cases import cases
from charlm.gradcheck.judge import Misbehaved, judge_function, transposed


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


def test_why_a_file_gave_no_verdict(folder):
    Path("mine.py").write_text("def f():\n    y = 1\n    while True: pass\n\nx = 1\n")
    hung, none = Path("hung"), Path("none")
    hung.write_text('File "torch.py", line 9\nFile "/a/mine.py", line 3 in f\n')

    def told(code, hung):
        found = reader._unfinished(code, 5.0, "./mine.py", hung)
        if "refused" in found:
            return found["refused"]
        ((finding,), status) = found["findings"], found["status"]
        assert (status, found["cases"], finding["gradient"]) == ("wrong", [], "")
        return finding["slip"], finding["words"].split(";")[0].split(": a")[0]

    words = "there was no end after 5 s, in line 3 (`while True: pass`)"
    assert told(1, hung) == told(-1, hung) == ("time", words)
    hung.write_text('File "torch.py", line 9\n')
    slow = "judging took longer than 5 s; give more with --seconds"
    assert told(1, hung) == told(-1, none) == slow
    words = "the process ended with exit code {} before there was a verdict"
    for code in (0, 1, 3):
        assert told(code, none) == ("ended", words.format(code))


def test_which_bugs_a_forward_may_have():
    """Those of its pair: named as such, or the only one that it calls."""
    known = {bug.name for bug in zoo() if bug.pair == "tanh"}

    def one(x):
        return ops.tanh(x)

    def two(x):
        return ops.tanh(x + ops.sigmoid(x)[0])

    for forward in (ops.tanh, one):
        assert {form.name for form in zoo_forms(forward)} == known
    assert {form.name for form in zoo_forms(two, "tanh")} == known
    for forward in (two, partial(ops.tanh), check):
        assert zoo_forms(forward) == ()


def test_a_wrong_form_gives_what_its_bug_gives():
    """And leaves what it was given."""
    x = torch.randn(3, 2).double()
    for bug in (bug for bug in zoo() if bug.pair == "tanh"):
        (form,) = [f for f in zoo_forms(ops.tanh) if f.name == bug.name]
        dy = torch.randn(3, 2).double()
        kept = dy.clone(), x.clone()
        wrong = bug.backward(dy.clone(), ops.tanh(x)[1])
        wrong = wrong if isinstance(wrong, tuple) else (wrong,)
        assert all(map(torch.equal, form.gradients((x,), dy), wrong))
        assert torch.equal(dy, kept[0])
        assert torch.equal(x, kept[1])


DRAWN = [(torch.tensor(v, dtype=torch.float64),) for v in ([2.1, 3.3], [-1.7, 5.2])]


def judge_square(mine, slips=None):
    """Of two values: the squares, and their sum."""
    return judge_function(
        lambda x: (x * x, (x * x).sum()), mine, DRAWN, ("s", "t"), slips
    )


def test_a_function_is_judged_by_each_of_its_values():
    found = judge_square(lambda x: (x**2, [float((x**2).sum())][0]))
    assert (found.status, found.findings) == ("right", [])
    assert found.errors["values"] <= 1e-15
    found = judge_square(lambda x: (x * x, (x * x).sum() * (1 + 1e-3)))
    assert (found.status, found.findings) == ("wrong", [])
    assert found.errors["values"] == pytest.approx(1e-3)
    slips = {"it is twice as much": lambda x: (2 * x * x, 2 * (x * x).sum())}
    found = judge_square(slips["it is twice as much"], slips)
    assert [(f.gradient, f.slip, f.words) for f in found.findings] == [
        ("s", "slip", "it is twice as much"),
        ("t", "slip", "it is twice as much"),
    ]
    found = judge_square(lambda x: (x * x * (1 + 3e-9), (x * x).sum()), slips)
    assert [f.slip for f in found.findings] == ["imprecise"]
    found = judge_square(lambda x: (x, x.sum()), {})
    assert [f.gradient for f in found.findings] == ["s", "t"]


def test_a_value_that_leaves_an_input_out_is_told_so():
    """As no gradient is: a value has no dy that could be forgotten."""
    draws = [(x, x.cos()) for (x,) in DRAWN]
    mine = {
        "is what it would be if w were zero": lambda x, w: x,
        "is what it would be if w were one": lambda x, w: x + x.exp(),
        "is what it would be if x had the other sign": lambda x, w: w / x.exp() - x,
    }
    for words, f in mine.items():
        found = judge_function(lambda x, w: x + w * x.exp(), f, draws, ("s",), {})
        (finding,) = found.findings
        assert (finding.slip, finding.words) == ("left out", f"s {words}")


@pytest.mark.parametrize(
    ("mine", "slip", "words"),
    [
        (lambda x: None, "nothing returned", "end it with `return s, t`"),
        (lambda x: x, "count", "it returned 1 values; return s, t"),
        (lambda x: (x, x, x), "count", "it returned 3 values; return s, t"),
        (lambda x: (x, None), "type", "t is a NoneType; return numbers or a tensor"),
        (lambda x: (x, x.sum() + 0j), "type", "t is complex; return real numbers"),
        (lambda x: (x / 0, 1.0), "not finite", "not a number, first at s[0]"),
        (
            lambda x: (x, 1e400),
            "not finite",
            "t is infinite or not a number, first at t",
        ),
        (lambda x: x.no_such, "raises", "it raises AttributeError"),
        (check, "raises", "it raises TypeError"),
    ],
)
def test_what_is_no_value_of_a_function(mine, slip, words):
    found = judge_square(mine)
    (finding,) = found.findings
    assert (found.status, finding.slip) == ("wrong", slip)
    assert found.errors == {"values": float("inf")}
    assert words in finding.words


def test_a_jvp_has_the_backward_that_is_its_transpose():
    x, W = torch.randn(2, 3).double(), torch.randn(3, 4).double()
    dy = torch.randn(2, 4).double()
    right = lambda v, w, cache: v @ W + x @ w  # noqa: E731
    dx, dW = transposed(right, (x, W))(dy, ())
    torch.testing.assert_close(dx, dy @ W.T)
    torch.testing.assert_close(dW, x.T @ dy)
    for jvp, slip in (
        (lambda v, w, cache: None, "nothing returned"),
        (lambda v, w, cache: (v @ W).T, "shape"),
        (lambda v, w, cache: 1.0, "shape"),
        (lambda v, w, cache: (v @ W) ** 2, "not linear"),
        (lambda v, w, cache: v @ W + 1e-6, "not linear"),
    ):
        with pytest.raises(Misbehaved) as found:
            transposed(jvp, (x, W))(dy, ())
        assert [f.slip for f in found.value.findings] == [slip]
        assert str(found.value) == found.value.findings[0].words


def test_a_single_value_may_come_in_a_tuple_or_as_a_list_of_numbers():
    for mine in (
        lambda x: x * x,
        lambda x: (x * x,),
        lambda x: [float(v) ** 2 for v in x],
    ):
        found = judge_function(lambda x: x * x, mine, DRAWN, ("s",))
        assert found.ok, found.findings
    (finding,) = judge_function(
        lambda x: x * x, lambda x: (x, x), DRAWN, ("s",)
    ).findings
    assert finding.words == "it returned 2 values; return s"


@pytest.mark.parametrize(
    ("gradient", "slip", "words", "told"),
    [
        ("dx", "factor 2", "dx is twice dx", "the part of x_dot is twice dx"),
        ("dx", "sign", "dx has a sign", "the part of x_dot has a sign"),
        ("dW", "viewed", "dW is a view", "the part of W_dot is wrong"),
        ("", "writes", "the backward writes", "the JVP writes"),
    ],
)
def test_what_is_wrong_with_a_jvp_is_told_of_its_tangents(gradient, slip, words, told):
    found = {"gradient": gradient, "slip": slip, "words": words, "bug": ""}
    assert by_name._of_a_jvp(found) == found | {"words": told}


def test_a_wrong_jvp_is_told_so(capsys):
    right = ops.pairs()["tanh"].jvp
    assert not check_mine("tanh_jvp", lambda x_dot, cache: 2 * right(x_dot, cache))
    assert "the part of x_dot is twice too large" in capsys.readouterr().out


def test_a_forward_may_write_to_what_it_is_given():
    """It has its own copies."""
    assert check_mine("tanh", lambda x: x.tanh_())


def test_errors_are_those_of_a_seed_and_at_a_kink_those_of_brackets():
    x = torch.tensor([0.7, -1.3]).double()
    square = lambda x: (x * x, (x,))  # noqa: E731
    wrong = lambda dy, c: 2 * c[0] * dy * torch.tensor([1.1, 1.0])  # noqa: E731
    found = errors(square, wrong, (x,))
    assert found == errors(square, wrong, (x,), 0, False)
    assert found != errors(square, wrong, (x,), 1)
    at_kink = errors(square, wrong, (x,), kink=True)["central differences"]
    assert at_kink == bracket(square, wrong, (x,)) != found["central differences"]


def test_how_long_the_other_process_may_take_and_what_it_may_print(
    folder, monkeypatch, capsys
):
    """Its time and that to begin; of what it prints the end is shown."""
    Path("mine.py").write_text(CUBE)
    asked, verdict = [], {"status": "right", "cases": [], "findings": []}

    def fake(command, stdout, timeout, **_):
        asked.append((command[-5:-2], timeout))
        stdout.write(b"x" * 5000 + b"end")
        stdout.flush()
        if len(asked) > 1:
            raise reader.subprocess.TimeoutExpired(command, timeout)
        Path(command[-2]).write_text(json.dumps(verdict))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(reader.subprocess, "run", fake)
    assert reader.grade_file("mine.py:cube_backward", 7.5) == verdict
    assert capsys.readouterr().err == "x" * 3997 + "end"
    with pytest.raises(ValueError, match="mine.py: judging took longer than 200 s; gi"):
        reader.grade_file("mine.py:cube_backward", 200.0)
    what = ["mine.py", "cube_backward"]
    assert asked == [([*what, "7.5"], 67.5), ([*what, "200.0"], 260.0)]


def test_the_other_process_leaves_a_verdict_and_else_a_trace(folder, monkeypatch):
    timed = []

    def later(seconds, exit, file):
        timed.append((seconds, exit, Path(file.name).name))

    monkeypatch.setattr(reader.sys, "dont_write_bytecode", True)
    monkeypatch.setattr(reader.faulthandler, "dump_traceback_later", later)
    for source, key in ((CUBE, "status"), ("x = 1", "refused")):
        Path("mine.py").write_text(source)
        reader.main("mine.py", "cube_backward", "2.5", "answer", "hung")
        assert key in json.loads(Path("answer").read_text())
    assert timed == [(2.5, True, "hung")] * 2


def test_inputs_that_a_forward_does_not_take_are_a_fault_beside_others():
    x = torch.randn(3).double()
    cube = lambda x: (x**3, (x,))  # noqa: E731
    right = lambda dy, c: 3 * c[0] ** 2 * dy  # noqa: E731
    one = several.Judgement("good", cube, right, (x,), 1)
    two = several.Judgement("bad", lambda x: x, right, (x,), 1)
    found = several.verdicts([one, two], cube)
    assert [case["status"] for case in found["cases"]] == ["right", "wrong"]
    ((finding,), status) = found["findings"], found["status"]
    assert (status, finding["slip"]) == ("wrong", "refused")
    assert finding["words"].startswith("the forward returned a Tensor and no cache")


def test_how_many_gradients_of_the_output_are_tried(folder, capsys):
    """Three at the reader's own inputs, one at others; the first of them twice."""
    asks = "    print('asked')\n    "
    for source, name, count in (
        (CUBE.replace("    (x,) = cache", f"{asks}(x,) = cache"), "cube", 3 + 1),
        (LINEAR.replace("    x, W", f"{asks}x, W"), "linear", 2 * len(cases("linear"))),
    ):
        assert judged(source, name)["status"] == "right"
        assert capsys.readouterr().out.count("asked") == count
    asked = []
    right = lambda dy, c: (asked.append(1), ops.tanh_backward(dy, c))[1]  # noqa: E731
    assert check_mine("tanh_backward", right)
    assert len(asked) == 2 * sum(len(cases("tanh", seed)) for seed in range(3))


@pytest.mark.parametrize(
    ("status", "code"), [("right", 0), ("wrong", 1), ("unproved", 2)]
)
def test_the_exit_code_tells_the_verdict(status, code, monkeypatch):
    found = {"status": status, "cases": [], "findings": []}
    monkeypatch.setattr(checking, "grade_file", lambda *_: found)
    assert main(["check", "m.py:f_backward"]) == code

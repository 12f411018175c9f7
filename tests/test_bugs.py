"""The judges are judged: every mistake of the zoo has to be caught."""

import pytest

from charlm import gradcheck, ops
from charlm.gradcheck import cases
from charlm.gradcheck.bugs import zoo

bug = pytest.mark.parametrize("bug", zoo(), ids=lambda b: b.name)


def caught_by(bug, seed=0):
    """Witnesses that refuse a bug of a pair, until autograd and another one do."""
    found = set()
    for case in cases.cases(bug.pair, seed):
        errors = gradcheck.errors(
            case.forward, bug.backward, case.inputs, seed, case.kink
        )
        found |= {
            w for w, e in errors.items() if e is not None and e > gradcheck.TOLERANCE[w]
        }
        if "autograd" in found and len(found) > 1:
            break
    return found


@bug
@pytest.mark.parametrize("seed", [0, 1])
def test_every_bug_is_caught_with_and_without_autograd(bug, seed):
    found = caught_by(bug, seed)
    assert "autograd" in found
    assert found - {"autograd"}, "only autograd sees it"


@bug
def test_a_bug_is_a_plausible_backward(bug):
    """It runs on at least one case, returns as many gradients, and says its slip."""
    assert bug.pair in ops.pairs()
    assert len(bug.slip) > 10
    assert len(bug.symptom) > 10
    case = cases.cases(bug.pair)[0]
    y, cache = case.forward(*case.inputs)
    found = gradcheck.gradients(bug.backward, gradcheck.upstream(y), cache)
    assert len(found) == len(gradcheck.floating(case.inputs))


def test_the_zoo_is_large_and_varied():
    assert len(zoo()) >= 25
    assert len({b.pair for b in zoo()}) >= 20
    assert len({b.name for b in zoo()}) == len(zoo())

"""The diagnosis: which known slip turns the right gradient into the one returned.

One engine for all that judge. It is given what was returned and what is right, for
several upstream gradients, and tries slips one after the other: each predicts a wrong
gradient, and a slip is named only if its prediction is met in every trial, to nearly
all digits. What no slip predicts is described by where it differs.
"""

import itertools
from collections.abc import Iterator

from .case import Case, Trial
from .guesses import CLOSE, close, constants, factor, guesses, near
from .terms import sums, terms
from .verdict import Finding


def explain(case: Case) -> dict[str, list[tuple[str, Finding]]]:
    """Every slip that fits: gradient -> (key, finding), the most telling first.

    The keys do not depend on sizes, so that those of several cases can be compared. A
    gradient that is right has no entry; one that no slip explains has a single entry
    with the key "unknown".
    """
    order = _order(case)
    if order:
        return {"": [order]}
    found = {}
    for i, name in enumerate(case.due):
        wrong = [t for t in case.trials if not close(t.ours[i], t.right[i])]
        if wrong:
            fits = list(_fits(case, wrong, i))
            found[name] = _named(case, wrong, i, fits or [_unknown(case, i, wrong)])
    return found


def common(found: list[dict[str, list[tuple[str, Finding]]]]) -> list[Finding]:
    """A finding per gradient, the first that fits all the cases where it is wrong."""
    said = []
    for name in dict.fromkeys(name for one in found for name in one):
        lists = [one[name] for one in found if name in one]
        keys = set.intersection(*({key for key, _ in fits} for fits in lists))
        fits = [f for key, f in lists[0] if key in keys] or [f for _, f in lists[0]]
        bugs = set.intersection(*({f.bug for _, f in fits} for fits in lists))
        said.append(next((f for f in fits if f.bug in bugs), fits[0]))
    return said


def _order(case: Case) -> tuple[str, Finding] | None:
    """All gradients are right, in another order."""
    count = len(case.due)
    if count < 2 or count > 5:
        return None
    for order in itertools.permutations(range(count)):
        if order != tuple(range(count)) and all(
            close(t.ours[i], t.right[k])
            for t in case.trials
            for i, k in enumerate(order)
        ):
            if all(close(t.right[i], t.ours[i]) for t in case.trials for i in order):
                return None
            due = ", ".join(case.due)
            got = ", ".join(case.due[k] for k in order)
            what = "values" if case.returns else "gradients"
            words = f"the {what} are right, but returned as {got}; return {due}"
            return "order", Finding("", "order", words)
    return None


def _fits(case: Case, trials: list[Trial], i: int) -> Iterator[tuple[str, Finding]]:
    """Slips whose prediction is met in all trials."""
    name, shapes = case.due[i], ""
    ours, right = trials[0].ours[i].shape, trials[0].right[i].shape
    if ours != right:
        shapes = f": shape {tuple(ours)} should be {tuple(right)}"
    for key, kind, words, predict in guesses(case, i):
        first = factor(trials[0].ours[i], predict(trials[0]))
        if first is None:
            continue
        factors = (factor(t.ours[i], predict(t)) for t in trials[1:])
        if not all(f and near(f, first) for f in factors):
            continue
        if near(first, 1.0):
            yield key, Finding(name, kind, f"{name} {words}{shapes}")
            continue
        for label, sort, text in constants(first, trials[0], case.names):
            if key == "right":
                yield label, Finding(name, sort, f"{name} {text}")
            elif sort != "factor":
                yield f"{key}, {label}", Finding(name, kind, f"{name} {words}; {text}")
    if all(t.ours[i].count_nonzero() == 0 for t in trials):
        words = f"{name} is zero throughout: nothing is added to it, or it is cut off"
        yield "zero", Finding(name, "zero", words)
    yield from sums(name, trials, i)
    if not case.returns:
        yield from terms(case, trials, i)


def _named(
    case: Case, trials: list[Trial], i: int, fits: list[tuple[str, Finding]]
) -> list[tuple[str, Finding]]:
    """The same findings, those of the bug zoo with their names, before the others."""
    found = []
    for form in case.forms:
        try:
            met = all(
                close(t.ours[i], form.gradients(t.inputs, t.dy)[i]) for t in trials
            )
        except Exception:  # a bug may fail on such shapes
            met = False
        if met:
            key, best = fits[0]
            said = best.words if key != "unknown" else f"{case.due[i]} is wrong"
            kind = best.slip if key != "unknown" else "in the zoo"
            words = f"{said}. The bug zoo has it as {form.name}: {form.slip}"
            if not form.name:
                kind, words = "slip", form.slip
            bug = Finding(best.gradient, kind, words, form.name)
            found.append((f"slip {form.name or form.slip}", bug))
    return found + fits


def _unknown(case: Case, i: int, wrong: list[Trial]) -> tuple[str, Finding]:
    """Where a gradient differs that no slip explains."""
    name, trials, t = case.due[i], case.trials, wrong[0]
    ours, right = t.ours[i], t.right[i]
    if ours.shape != right.shape:
        why = "a gradient has the shape of what it belongs to,"
        why = "it should be" if case.returns else why
        words = f"{name} has shape {tuple(ours.shape)}; {why} {tuple(right.shape)}"
        return "unknown", Finding(name, "shape", words)
    bent = ""
    # the last upstream gradient is the sum of the first two
    if len(trials) > 3 and not case.returns:
        a, b, ab = (trials[k].ours for k in (0, 1, 3))
        if not close(ab[i], a[i] + b[i]):
            bent = "; it is not linear in dy, as every gradient is"
    off = (ours - right).abs() > CLOSE * right.abs().max()
    places = off.nonzero()
    first = places[0].tolist()
    found, due = ours[tuple(first)].item(), right[tuple(first)].item()
    place = name + (str(first) if first else "")
    words = (
        f"{name} is wrong at {len(places)} of {off.numel()} places, first at {place}: "
        f"{found:.6g} instead of {due:.6g}; no slip known here explains it{bent}"
    )
    return "unknown", Finding(name, "unknown", words)

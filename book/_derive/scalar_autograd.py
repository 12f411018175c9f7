"""A neuron of numbers, and a value that is used twice."""

import torch
from derivation import Derivation, Step

from charlm.scalar import Value


def neuron(w, backward=None):
    rows = zip(*(t.tolist() for t in (w.a, w.b, w.c, w.dy)), strict=True)
    found: dict[str, list[float]] = {name: [] for name in ("y", "da", "db", "dc")}
    for a, b, c, dy in rows:
        a, b, c = Value(a), Value(b), Value(c)
        y = (a * b + c).tanh() * a
        (y * dy).backward()
        for name, x in (("da", a), ("db", b), ("dc", c)):
            found[name].append(x.grad)
        found["y"].append(y.data)
    return {n: torch.tensor(v, dtype=torch.float64) for n, v in found.items()}


scalar_neuron = Derivation(
    title="a neuron whose weight is used twice",
    lengths={"K": (4, 5)},
    inputs={"a": "K", "b": "K", "c": "K", "dy": "K"},
    forward={"n": "a * b + c", "t": "tanh(n)", "y": "t * a"},
    package=neuron,
    steps=(
        Step(
            "dt",
            "a * dy",
            hint="One factor gets the other.",
            slips={"t * dy": "That goes to a: each factor gets the other one."},
        ),
        Step(
            "dn",
            "(1 - t**2) * dt",
            hint="The slope of tanh, from its output.",
            slips={
                "(1 - t) * dt": "The output is squared.",
                "(1 - n**2) * dt": "1 - tanh² n, and tanh n is t.",
                "1 - t**2": "The local derivative alone: times what arrives, dt.",
            },
        ),
        Step(
            "db",
            "a * dn",
            hint="b is multiplied by a.",
            slips={"b * dn": "That goes to a: each factor gets the other one."},
        ),
        Step("dc", "dn", hint="A sum sends its gradient on as it is."),
        Step(
            "da",
            "b * dn + t * dy",
            hint="a is used twice: every use adds its share.",
            parts={"b * dn": "the use in n", "t * dy": "the use in y"},
            slips={
                "b * dn": "What is there is right; a is used in y as well (`+=`).",
                "t * dy": "What is there is right; a is used in n as well (`+=`).",
            },
        ),
    ),
)


def paths(w):
    """x used n times in a sum of copies."""
    x = Value(3.0)
    total = x
    for _ in range(int(w.n) - 1):
        total = total + x
    total.backward()
    return x.grad


def square(w):
    x = Value(3.0)
    (x * x).backward()
    return x.grad


scalar_recall = Derivation(
    title="uses add up",
    lengths={"n": (3, 5)},
    steps=(
        Step(
            ask="`y = x + x + ... + x`, n times. The gradient of x, if that of y is 1?",
            right="n",
            hint="One share from each use.",
            slips={"1": "An engine that assigns (`=`) says so; uses add up."},
            proof=paths,
        ),
        Step(
            ask="`y = x * x` at x = 3. The gradient of x?",
            right="6",
            hint="x is both factors.",
            slips={"3": "Both factors are x: two shares.", "9": "That is y."},
            proof=square,
        ),
    ),
)

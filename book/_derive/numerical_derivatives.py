"""What differences get wrong, exactly, for a cubic."""

import torch
from derivation import Derivation, Step

from charlm import gradcheck


def differences(w, backward=None):
    def cube(x):
        return x**3, ()

    found = gradcheck.central_differences(cube, (w.x,), w.dy)
    exact = gradcheck.complex_step(cube, (w.x,), w.dy)
    assert (found[0] - exact[0]).abs().max() < 1e-8
    return {
        "dx": exact[0],
        "forward": ((w.x + w.h) ** 3 - w.x**3) / w.h,
        "central": ((w.x + w.h) ** 3 - (w.x - w.h) ** 3) / (2 * w.h),
    }


differences_cubic = Derivation(
    title="two difference rules for a cubic",
    lengths={"N": (4, 5)},
    constants={"h": 0.5},
    inputs={"x": "N", "dy": "N"},
    forward={"y": "x**3"},
    package=differences,
    steps=(
        Step(
            "dx",
            "3 * x**2 * dy",
            hint="The power rule, times what arrives.",
            slips={
                "3 * x**2": "The local derivative alone: where is dy?",
                "x**2 * dy": "The exponent comes down.",
                "3 * x**3 * dy": "The exponent falls by one.",
            },
        ),
        Step(
            "forward",
            "3*x**2 + 3*x*h + h**2",
            hint="(f(x + h) - f(x)) / h, multiplied out.",
            parts={
                "3*x**2": "the derivative",
                "3*x*h": "the error of first order",
                "h**2": "the error of second order",
            },
            slips={
                "3*x**2 + 3*x*h**2 + h**3": "Divided by h once: the powers of h fall.",
                "3*x**2 + x*h + h**2": "The middle term has three times that: h/2 "
                "times "
                "the second derivative, 6x.",
            },
            also=("((x + h)**3 - x**3) / h",),
        ),
        Step(
            "central",
            "3*x**2 + h**2",
            hint="(f(x + h) - f(x - h)) / 2h: what is even in h cancels.",
            parts={"3*x**2": "the derivative", "h**2": "the error of second order"},
            slips={
                "3*x**2 + 3*x*h + h**2": "That is the forward difference: the term of "
                "first order cancels here.",
                "6*x**2 + 2*h**2": "The two points are 2h apart.",
                "3*x**2": "For a parabola it would be exact; a cubic leaves h².",
            },
            also=("((x + h)**3 - (x - h)**3) / (2*h)",),
        ),
    ),
)


def order(w):
    """How much smaller the error gets when h is halved."""
    x, rule = torch.ones(()).double(), lambda h: ((1 + h) ** 3 - (1 - h) ** 3) / (2 * h)
    exact = 3 * x**2
    return (rule(w.h) - exact) / (rule(w.h / 2) - exact)


differences_recall = Derivation(
    title="orders",
    constants={"h": 0.5},
    steps=(
        Step(
            ask="The central difference of x³: by what factor does its error shrink "
            "when "
            "h is halved?",
            right="4",
            hint="Its error is of second order.",
            slips={
                "2": "That is first order, the forward difference.",
                "8": "h², halved.",
            },
            proof=order,
        ),
        Step(
            ask="The forward difference of `3x² - 4x + 5` at its minimum, with step "
            "`h`?",
            right="3 * h",
            hint="h/2 times the second derivative.",
            slips={
                "0": "That is the derivative; the rule is off by h/2 times 6.",
                "6 * h": "Half of the second derivative.",
            },
            proof=lambda w: lowest(w.h),
        ),
    ),
)


def lowest(h):
    x = torch.tensor(2, dtype=torch.float64) / 3
    f = lambda x: 3 * x**2 - 4 * x + 5  # noqa: E731
    return (f(x + h) - f(x)) / h

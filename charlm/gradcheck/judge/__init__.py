"""The judge of gradients: what a function returns, against what it should return.

* ``verdict``: what is said in the end; ``guard``: running functions by somebody else;
* ``probe``: questions about a forward; ``measure``: what counts as far from right;
* ``inputs``: names, copies, and what was written to; ``court``: all witnesses at once;
* ``slips``: which slip it was, by ``guesses``, ``terms`` and ``paths``;
* ``judge``: all of it together; ``function``: what is no backward.

It calls no automatic differentiation: the witnesses are given to it, by
:mod:`charlm.gradcheck`, which is its public face.
"""

from .case import Case, Form, Trial
from .court import Bench
from .function import alike, judge_function, transposed
from .guard import Misbehaved, call, where
from .guesses import close
from .inputs import input_names
from .judge import judge
from .measure import ZERO, adjoint, bracket, distance, error, gradients, upstream
from .slips import common, explain
from .verdict import Finding, Refused, Verdict

__all__ = [
    "ZERO",
    "Bench",
    "Case",
    "Finding",
    "Form",
    "Misbehaved",
    "Refused",
    "Trial",
    "Verdict",
    "adjoint",
    "alike",
    "bracket",
    "call",
    "close",
    "common",
    "distance",
    "error",
    "explain",
    "gradients",
    "input_names",
    "judge",
    "judge_function",
    "transposed",
    "upstream",
    "where",
]

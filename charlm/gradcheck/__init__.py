"""Witnesses: independent ways to compute a gradient, and the comparison with ours.

Three witnesses share one signature, ``witness(f, inputs, dy)``. ``f`` is the forward
function of a pair, ``dy`` the gradient of the loss with respect to its output; each
returns a tuple with one gradient per floating-point tensor among the inputs. Two more
look along one random direction through all inputs, which scales to whole models.

* :func:`autograd` sees every wrong backward, and no wrong forward;
* :func:`.central_differences` sees every wrong backward without any autograd, and no
  error below about 1e-11 of the scale, 1e-9 in hard cases;
* :func:`.complex_step` sees every wrong backward to the last few bits without autograd,
  where the function is analytic and nothing cancels inside it;
* :func:`.projection` sees the sum of all errors along a direction in four evaluations,
  and no small error in one of many parameters;
* :func:`.taylor_order` sees a wrong gradient by the order of the remainder, 1 and not
  2, and no error far below the curvature.

One needs neither autograd nor differences, but a second rule: :func:`.adjoint` holds a
backward against the pair's own JVP.

At a kink (ReLU at 0, ties for a maximum) there is no gradient: there ours must lie
between the two :func:`.one_sided` slopes.

:func:`grade` puts all of them together and says which slip a wrong gradient equals; how
it does so stands in ``judge``.

* ``witnesses``: the only file of the package that may call autograd; ``numeric``: those
  that need only the forward; ``compare``: a gradient and a reference;
* ``grade``: your backward against all of them, by ``judge``; ``several``: at the inputs
  of all tests; ``reader``: in your file; ``by_name``: your answer to an exercise;
* ``cases``: inputs to try each pair on; ``ledger``: every pair through every witness;
* ``bugs``: wrong backwards, to be caught; ``tasks``: what else readers write.
"""

from . import bugs, cases, ledger, tasks
from .by_name import check
from .compare import Comparison, compare
from .grade import errors, grade, verdict, zoo_forms
from .judge import (
    ZERO,
    Finding,
    Form,
    Refused,
    Verdict,
    adjoint,
    bracket,
    error,
    gradients,
    upstream,
)
from .numeric import (
    NotAnalytic,
    central_differences,
    complex_step,
    directions,
    floating,
    one_sided,
    projection,
    taylor_order,
)
from .witnesses import BENCH, TOLERANCE, WITNESSES, autograd, cmp

__all__ = [
    "BENCH",
    "TOLERANCE",
    "WITNESSES",
    "ZERO",
    "Comparison",
    "Finding",
    "Form",
    "NotAnalytic",
    "Refused",
    "Verdict",
    "adjoint",
    "autograd",
    "bracket",
    "bugs",
    "cases",
    "central_differences",
    "check",
    "cmp",
    "compare",
    "complex_step",
    "directions",
    "error",
    "errors",
    "floating",
    "grade",
    "gradients",
    "ledger",
    "one_sided",
    "projection",
    "tasks",
    "taylor_order",
    "upstream",
    "verdict",
    "zoo_forms",
]

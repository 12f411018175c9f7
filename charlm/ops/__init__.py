"""The gradients of the book, each one a pair of plain functions.

A *pair* is a function ``f`` and its siblings ``f_backward`` and ``f_jvp``::

    y, cache = f(*inputs)
    dx, dW, db = f_backward(dy, cache)
    y_dot = f_jvp(x_dot, W_dot, b_dot, cache)

``dy`` is the gradient of the loss with respect to ``y`` and has its shape.
``f_backward`` returns one gradient per floating-point tensor among the inputs, in the
order of the arguments; a single one is returned bare. ``f_jvp`` goes the other way: it
takes a tangent, a direction to move in, for each of these inputs, and returns how fast
``y`` changes, the Jacobian times the tangents. None of them writes to what it is given,
holds state or draws random numbers.

The name is the registry: :func:`pairs` finds every pair by its name, nothing is listed
by hand. One file holds one family:

* ``matrix``, ``reduce``, ``move``: products, sums, and what only moves numbers;
* ``activation``, ``loss``, ``norm``: functions of one number, scores, normalisation;
* ``conv``, ``recurrent``, ``gated``, ``attention``, ``tiled``, ``fused``, ``position``,
  ``block``: parts of networks.

What a pair takes stands in its docstring and is held at every call (``contract``,
``fit``, ``guard``): what does not fit raises ``ValueError``.
"""

from . import guard, pair
from .activation import *
from .attention import *
from .block import *
from .conv import *
from .fused import *
from .gated import *
from .guard import trusted as trusted
from .loss import *
from .matrix import *
from .move import *
from .norm import *
from .pair import Pair as Pair
from .pair import pairs as pairs
from .position import *
from .recurrent import *
from .reduce import *
from .tiled import *

for _family in pair.families():
    globals().update(guard.guard(_family))

# what the families define, in their order
__all__ = [
    name
    for name, found in list(vars().items())
    if getattr(found, "__module__", "").startswith(f"{__name__}.")
]

"""The gradients of the book, each one a pair of plain functions.

A *pair* is a function ``f`` and its sibling ``f_backward``::

    y, cache = f(*inputs)
    dx, dW, db = f_backward(dy, cache)

``dy`` is the gradient of the loss with respect to ``y`` and has its shape.
``f_backward`` returns one gradient per floating-point tensor among the inputs, in the
order of the arguments; a single one is returned bare. Pairs write to no input, hold no
state and draw no random numbers.

The name is the registry: :func:`pairs` finds every pair by its name, nothing is listed
by hand. One file holds one family:

* ``matrix``, ``reduce``, ``move``: products, sums, and what only moves numbers;
* ``activation``, ``loss``, ``norm``: functions of one number, scores, normalisation;
* ``conv``, ``attention``, ``position``, ``block``: parts of networks.
"""

from .activation import *
from .attention import *
from .block import *
from .conv import *
from .loss import *
from .matrix import *
from .move import *
from .norm import *
from .pair import Pair as Pair
from .pair import pairs as pairs
from .position import *
from .recurrent import *
from .reduce import *

# what the families define, in their order
__all__ = [
    name
    for name, found in list(vars().items())
    if getattr(found, "__module__", "").startswith(f"{__name__}.")
]

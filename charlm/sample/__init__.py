"""Drawing names from a model, and measuring how well it predicts them.

* ``reader``: scores of what comes next, for texts that grow;
* ``drawing``: symbols, names, the likeliest names;
* ``measure``: the likelihood of a text, and of data.
"""

from .drawing import beam, draw, narrow, sample, stream, without_end
from .measure import log_likelihood, nll
from .reader import Reader, TextModel, scores

__all__ = [
    "Reader",
    "TextModel",
    "beam",
    "draw",
    "log_likelihood",
    "narrow",
    "nll",
    "sample",
    "scores",
    "stream",
    "without_end",
]

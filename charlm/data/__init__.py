"""Text as data: from a file to the numbers that a model reads.

* ``sources``: known data sets and files; ``lists``: those that come with the package;
* ``text``: reading, with errors for the person who meets them;
* ``card``: what a list holds; ``odd``: what is in it and not seen;
* ``vocab``: symbols and their numbers;
* ``rows``: splits, windows, whole names, minibatches;
* ``corpus``: a data set made ready: loaded, split, as a given model reads it;
* ``memory``: how much there is.
"""

from .card import Card, describe
from .corpus import PARTS, Corpus, Reading, corpus, encode
from .memory import available, refuse_beyond
from .odd import composed, odd, spelt
from .rows import IGNORE, batches, minibatch, pack, split, windows
from .sources import SOURCES, Source, load, load_text, locate
from .text import read_lines, read_text
from .vocab import Vocab

__all__ = [
    "IGNORE",
    "PARTS",
    "SOURCES",
    "Card",
    "Corpus",
    "Reading",
    "Source",
    "Vocab",
    "available",
    "batches",
    "composed",
    "corpus",
    "describe",
    "encode",
    "load",
    "load_text",
    "locate",
    "minibatch",
    "odd",
    "pack",
    "read_lines",
    "read_text",
    "refuse_beyond",
    "spelt",
    "split",
    "windows",
]

"""Text as data: from a file to the numbers that a model reads.

* ``sources``: known data sets and files; ``lists``: those that come with the package;
* ``text``: reading, with errors for the person who meets them;
* ``card``: what a list holds;
* ``vocab``: symbols and their numbers;
* ``rows``: splits, windows, whole names, minibatches;
* ``corpus``: a data set made ready: loaded, split, as a given model reads it.
"""

from .card import Card, describe
from .corpus import PARTS, Corpus, Reading, corpus, encode
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
    "batches",
    "corpus",
    "describe",
    "encode",
    "load",
    "load_text",
    "locate",
    "minibatch",
    "pack",
    "read_lines",
    "read_text",
    "split",
    "windows",
]

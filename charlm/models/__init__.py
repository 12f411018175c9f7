"""The models of the book, each with a forward and a backward written by hand.

Every model has ``forward(ix) -> (logits, cache)``, ``backward(dlogits, cache)``, which
adds to the gradients, ``named() -> [(name, parameter, gradient)]`` and ``zero_grad()``.
The loss stays outside. The counting models have a forward only: they are not trained.
"""

from .bigram import Bigram
from .gpt import GPT
from .mlp import MLP
from .ngram import KneserNey, NGram
from .wavenet import ConvTree, Tree, WaveNet

__all__ = ["GPT", "MLP", "Bigram", "ConvTree", "KneserNey", "NGram", "Tree", "WaveNet"]

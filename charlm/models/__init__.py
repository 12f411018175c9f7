"""The models of the book, each with a forward and a backward written by hand.

Every model has ``forward(ix) -> (logits, cache)``, ``backward(dlogits, cache)``, which
adds to the gradients, ``named() -> [(name, parameter, gradient)]`` and ``zero_grad()``.
The loss stays outside. The counting models have a forward only: they are not trained.
"""

from collections.abc import Callable
from typing import Any

from torch import Generator

from .bigram import Bigram
from .ensemble import Ensemble
from .gpt import GPT
from .mlp import MLP
from .ngram import KneserNey, NGram
from .recurrent import GRU, LSTM, RNN
from .transformer import Attention, Block
from .wavenet import ConvTree, GatedBlock, Tree, WaveNet

__all__ = [
    "GPT",
    "GRU",
    "KINDS",
    "LSTM",
    "MLP",
    "RNN",
    "Attention",
    "Bigram",
    "Block",
    "ConvTree",
    "Ensemble",
    "GatedBlock",
    "KneserNey",
    "NGram",
    "Tree",
    "WaveNet",
    "build",
]

KINDS: dict[str, Callable[..., Any]] = {
    "bigram": Bigram,
    "mlp": MLP,
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "tree": ConvTree,
    "wavenet": WaveNet,
    "gpt": GPT,
}
"""Models that are trained, by the names that the command line knows."""


def build(kind: str, vocab_size: int, generator: Generator, **options: Any) -> Any:
    """A new model by name.

    Raises:
        ValueError: the name is not in :data:`KINDS`, or the model has no such option.
    """
    if kind not in KINDS:
        raise ValueError(f"model is {kind!r}; choose one of {', '.join(KINDS)}")
    for name, value in options.items():
        if type(value) is int and value < 1:  # a switch that is off is no int
            raise ValueError(f"{kind}: {name} is {value}; give at least 1")
    try:
        return KINDS[kind](vocab_size, generator, **options)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None

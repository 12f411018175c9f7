"""The models of the book, each with a forward and a backward written by hand.

Every model has ``forward(ix) -> (logits, cache)``, ``backward(dlogits, cache)``, which
adds to the gradients, ``named() -> [(name, parameter, gradient)]`` and ``zero_grad()``.
The loss stays outside. The counting models have a forward only: they are not trained.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch import Generator
from torch.overrides import TorchFunctionMode

from .bigram import Bigram
from .ensemble import Ensemble
from .gpt import GPT
from .mlp import MLP
from .ngram import KneserNey, NGram
from .options import kind_of, refuse_odd
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
    "shapes",
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


LIMITS = {"n_layer": 1_000, "levels": 16}
MOST = 10_000_000


def build(kind: str, vocab_size: int, generator: Generator, **options: Any) -> Any:
    """A new model by name.

    Raises:
        ValueError: the name is not in :data:`KINDS`, the model has no such option, or
            its value is out of range.
    """
    if kind not in KINDS:
        raise ValueError(f"model is {kind!r}; choose one of {', '.join(KINDS)}")
    parameters = list(signature(KINDS[kind]).parameters.values())[2:]
    takes = {p.name: p.default for p in parameters}
    for name, value in options.items():
        if name not in takes:
            raise ValueError(f"{kind}: has no {name}; it has {', '.join(takes)}")
        refuse_odd(f"{kind}: ", {name: value}, takes)
        least, most = 0 if name == "correction" else 1, LIMITS.get(name, MOST)
        counts = kind_of(takes[name]) is int and value is not None
        if counts and not least <= value <= most:
            limit = f"at least {least}" if value < least else f"at most {most:,}"
            raise ValueError(f"{kind}: {name} is {value}; give {limit}")
        if name == "momentum" and not 0 <= value <= 1:
            raise ValueError(f"{kind}: {name} is {value}; give a share, 0 to 1")
    return KINDS[kind](vocab_size, generator, **options)


def shapes(kind: str, vocab_size: int, **options: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter and statistic by name; nothing is allocated.

    Raises:
        ValueError: as :func:`build`.
    """
    with torch.device("meta"), _Undrawn():  # tensors with a shape and no numbers
        model = build(kind, vocab_size, Generator("cpu"), **options)
    found = {name: tuple(p.shape) for name, p, _ in model.named()}
    return found | {name: tuple(t.shape) for name, t in model.statistics()}


class _Undrawn(TorchFunctionMode):
    """Nothing is drawn, scaled or filled: PyTorch takes seconds to prepare that."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        options = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "randn":
            options.pop("generator", None)
            return torch.empty(*args, **options)
        if name in ("mul", "__mul__", "__rmul__"):
            return args[0]
        return None if name == "__setitem__" else func(*args, **options)

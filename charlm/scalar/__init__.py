"""A scalar engine: numbers that remember where they came from.

* ``engine``: :class:`Value`, with its backward;
* ``nets``: neurons, layers and a small net of them;
* ``pictures``: the graph of a value, and its backward to click through.
"""

from .engine import Value, topological, value
from .nets import MLP, Layer, Neuron
from .pictures import backward_steps, graph

__all__ = [
    "MLP",
    "Layer",
    "Neuron",
    "Value",
    "backward_steps",
    "graph",
    "topological",
    "value",
]

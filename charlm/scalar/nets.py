"""Neurons, layers and a small net, made of single numbers."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

from .engine import Number, Value, value


class Neuron:
    """tanh(w . x + b), or without the tanh.

    Args:
        n_in: how many inputs.
        rng: draws the initial weights, uniform in (-1, 1).
        activation: applied to the sum.
    """

    def __init__(
        self,
        n_in: int,
        rng: random.Random,
        activation: Callable[[Value], Value] = Value.tanh,
    ) -> None:
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(n_in)]
        self.b = Value(0.0)
        self.activation = activation

    def __call__(self, x: Sequence[Number]) -> Value:
        """Its output for the inputs x."""
        if len(x) != len(self.w):
            raise ValueError(f"neuron: {len(self.w)} inputs wanted, {len(x)} given")
        total = self.b
        for w, xi in zip(self.w, x, strict=True):
            total = total + w * xi
        return self.activation(total)

    def parameters(self) -> list[Value]:
        """Weights and bias."""
        return [*self.w, self.b]


class Layer:
    """Neurons side by side, all with the same inputs."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        rng: random.Random,
        activation: Callable[[Value], Value] = Value.tanh,
    ) -> None:
        self.neurons = [Neuron(n_in, rng, activation) for _ in range(n_out)]

    def __call__(self, x: Sequence[Number]) -> list[Value]:
        """The output of every neuron."""
        return [neuron(x) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        """Those of all neurons."""
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    """Layers one after the other; the last one is linear.

    Args:
        sizes: number of inputs, then of the neurons of every layer.
        rng: draws the initial weights.
    """

    def __init__(self, sizes: Sequence[int], rng: random.Random) -> None:
        self.layers = [Layer(a, b, rng) for a, b in pairwise(sizes)]
        for neuron in self.layers[-1].neurons:
            neuron.activation = lambda total: total

    def __call__(self, x: Sequence[Number]) -> list[Value]:
        """The outputs of the last layer."""
        out: Sequence[Number] = x
        for layer in self.layers:
            out = layer(out)
        return [value(v) for v in out]

    def parameters(self) -> list[Value]:
        """Those of all layers."""
        return [p for layer in self.layers for p in layer.parameters()]

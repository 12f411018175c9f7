"""A scalar engine: numbers that remember where they came from.

Each operation on a :class:`Value` makes a new one that keeps its inputs, and with each
input the *local derivative*, the derivative of the result with respect to that input.
Going back through the graph, the chain rule is then one line.
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Union

from . import show

Number = Union["Value", float]


class Value:
    """One number in a computation graph.

    Attributes:
        data: the number.
        grad: derivative of what backward was called on with respect to this number.
        inputs: pairs of the values it was computed from and the local derivatives.
        op: how it was computed, "" for a leaf.
        label: a name for pictures.
    """

    def __init__(
        self,
        data: float,
        inputs: Sequence[tuple["Value", float]] = (),
        op: str = "",
        label: str = "",
    ) -> None:
        self.data = float(data)
        self.grad = 0.0
        self.inputs = tuple(inputs)
        self.op, self.label = op, label

    def __repr__(self) -> str:
        name = f"{self.label}: " if self.label else ""
        return f"Value({name}{self.data:.4g}, grad={self.grad:.4g})"

    def __add__(self, other: Number) -> "Value":
        other = value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)), "+")

    def __mul__(self, other: Number) -> "Value":
        other = value(other)
        inputs = ((self, other.data), (other, self.data))
        return Value(self.data * other.data, inputs, "*")

    def __sub__(self, other: Number) -> "Value":
        other = value(other)
        return Value(self.data - other.data, ((self, 1.0), (other, -1.0)), "-")

    def __truediv__(self, other: Number) -> "Value":
        other = value(other)
        quotient = self.data / other.data
        inputs = ((self, 1 / other.data), (other, -quotient / other.data))
        return Value(quotient, inputs, "/")

    def __pow__(self, power: float) -> "Value":
        if not isinstance(power, int | float):
            raise TypeError("the exponent must be a plain number; use exp and log")
        if self.data < 0 and power != int(power):
            raise ValueError(f"{self.data} ** {power} is no real number")
        if self.data == 0 and power < 1 and power != 0:
            raise ValueError(f"x ** {power} has no derivative at 0")
        local = power * self.data ** (power - 1) if power else 0.0
        return Value(self.data**power, ((self, local),), f"**{power:g}")

    def __neg__(self) -> "Value":
        return Value(-self.data, ((self, -1.0),), "neg")

    def __radd__(self, other: float) -> "Value":
        return value(other) + self

    def __rmul__(self, other: float) -> "Value":
        return value(other) * self

    def __rsub__(self, other: float) -> "Value":
        return value(other) - self

    def __rtruediv__(self, other: float) -> "Value":
        return value(other) / self

    def exp(self) -> "Value":
        """e to the power of it."""
        y = math.exp(self.data)
        return Value(y, ((self, y),), "exp")

    def log(self) -> "Value":
        """Natural logarithm; ValueError unless it is positive."""
        if self.data <= 0:
            raise ValueError(f"log of {self.data}: only positive numbers have one")
        return Value(math.log(self.data), ((self, 1 / self.data),), "log")

    def tanh(self) -> "Value":
        """Hyperbolic tangent."""
        y = math.tanh(self.data)
        return Value(y, ((self, 1 - y * y),), "tanh")

    def sin(self) -> "Value":
        """Sine of an angle in radians."""
        return Value(math.sin(self.data), ((self, math.cos(self.data)),), "sin")

    def relu(self) -> "Value":
        """The larger of it and 0; the derivative at 0 is taken as 0."""
        return Value(max(self.data, 0.0), ((self, float(self.data > 0)),), "relu")

    def max(self, other: Number) -> "Value":
        """The larger of two; at a tie each gets half of the gradient."""
        other = value(other)
        share = 0.5 if self.data == other.data else float(self.data > other.data)
        inputs = ((self, share), (other, 1 - share))
        return Value(max(self.data, other.data), inputs, "max")

    def backward(self) -> None:
        """Fill ``grad`` of everything that this value was computed from.

        Gradients of leaves add up over calls, until they are set to zero; those of the
        values in between start anew at each call.
        """
        order = topological(self)
        for node in order:
            if node.inputs:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for source, local in node.inputs:
                # += because a value that was used twice gets a gradient for each use
                source.grad += local * node.grad


def value(number: Number) -> Value:
    """The number itself if it is a :class:`Value`, else a new leaf."""
    return number if isinstance(number, Value) else Value(number)


def topological(root: Value) -> list[Value]:
    """All values that ``root`` depends on, inputs before what is computed from them.

    With a stack of its own instead of recursion: a chain of ten thousand operations
    would overflow Python's.
    """
    order: list[Value] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((source, False) for source, _ in node.inputs)
    return order


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


def text(node: Value, grad: float | None = None) -> str:
    """What a drawing says of a value: its name and origin, then data and gradient."""
    grad = node.grad if grad is None else grad
    names = [source.label for source, _ in node.inputs]
    how = f" {node.op} ".join(names) if len(names) == 2 and all(names) else node.op
    head = " = ".join(filter(None, [node.label, how]))
    return f"{head}\n{node.data:.3g}; grad {grad:.3g}".lstrip("\n")


def graph(root: Value) -> show.Html:
    """The computation graph of a value: label and operation, data and gradient."""
    order = topological(root)
    name = {id(node): str(i) for i, node in enumerate(order)}
    edges = [(name[id(s)], name[id(node)]) for node in order for s, _ in node.inputs]
    places = show.layout(edges) or {"0": (0.0, 0.0)}
    nodes = {k: show.Node(*places[k], text(order[int(k)])) for k in name.values()}
    widest = max(show.width(node.text) for node in nodes.values())
    alt = f"Computation graph of {len(order)} values that ends in {root!r}."
    return show.graph(nodes, edges, alt, column=widest + 44)

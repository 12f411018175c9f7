"""A scalar engine: numbers that remember where they came from.

Each operation on a :class:`Value` makes a new one that keeps its inputs, and with each
input the *local derivative*, the derivative of the result with respect to that input.
Going back through the graph, the chain rule is then one line.
"""

import math
from collections.abc import Sequence
from typing import Union

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

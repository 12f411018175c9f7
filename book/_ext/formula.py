"""Formulas as readers of the pages type them, computed with torch.

The grammar of ``book/_static/derive.js``, read by Python's own parser: what one of the
two calls right the other has to. An axis that is summed over stays, with length one.
"""

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

GREEK = dict(
    zip(
        "αβγδεθκμστφ",
        "alpha beta gamma delta eps theta kappa mu sigma tau phi".split(),
        strict=True,
    )
)
SIGNS = [
    (r"[\u2212\u2013]", "-"),
    (r"[·×∗⊙]", "*"),
    (r"÷", "/"),
    (r"(\^|\*\*)?\s*[ᵀ⊤]", ".T"),
    (r"\^", "**"),
    (r"²", "**2"),
    (r"³", "**3"),
    (r"[∑Σ]", "sum"),
    (r"\b(torch|np)\s*\.", ""),
    (r"\bln\b(?=\s*\()", "log"),
]
ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "square": torch.square,
}
TWO: dict[type, Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
    ast.Div: torch.div,
    ast.Pow: torch.pow,
    ast.Gt: lambda a, b: (a > b).double(),
    ast.Lt: lambda a, b: (a < b).double(),
}


class Unread(ValueError):
    """A text that is no formula of the grammar, or shapes that do not fit."""


def clean(text: str) -> str:
    """The text in ASCII: signs, Greek letters, hats (x̂ -> xhat) and bars (x̄ -> dx)."""
    text = unicodedata.normalize("NFD", text)
    text = re.sub(r"([^\W\d_]+)\u0302", r"\1hat", text)
    text = unicodedata.normalize("NFC", re.sub(r"([^\W\d_]+)\u0304", r"d\1", text))
    for sign, plain in SIGNS:
        text = re.sub(sign, plain, text)
    return "".join(GREEK.get(c, c) for c in text).strip()


class Evaluator:
    """Values of formulas in one world.

    Args:
        world: name -> tensor.
        axes: what sums and means run over where no axis is given; all if None.
    """

    def __init__(self, world: dict[str, Tensor], axes: Iterable[int] | None = None):
        self.world, self.axes = world, axes

    def __call__(self, text: str) -> Tensor:
        """The value of a formula.

        Raises:
            Unread: it is none.
        """
        text = clean(text)
        if "T" not in self.world:
            text = re.sub(r"\*\*\s*T\b", ".T", text)
        try:
            return self.of(ast.parse(text, mode="eval").body)
        except (SyntaxError, RuntimeError, MemoryError, IndexError) as error:
            raise Unread(f"{text!r}: {error}") from error
        except (TypeError, ValueError) as error:  # an axis that is no number
            raise Unread(f"{text!r}: {error}") from error

    def of(self, node: Any) -> Tensor:
        """The value of a node of the tree."""
        match node:
            case ast.Constant(value=int() | float() as number) if number is not True:
                return torch.tensor(float(number), dtype=torch.float64)
            case ast.Name(id=name) if name in self.world:
                return self.world[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.of(inner)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return product(self.of(left), self.of(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in TWO:
                return TWO[type(op)](self.of(left), self.of(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                if type(op) in TWO:
                    return TWO[type(op)](self.of(left), self.of(right))
            case ast.Attribute(value=inner, attr="T" | "mT"):
                return transposed(self.of(inner))
            case ast.Call(func=ast.Name(id=name), args=[first, *rest], keywords=more):
                return self.call(name, first, rest, more)
            case ast.Call(func=ast.Attribute(value=first, attr=name), args=rest):
                return self.call(name, first, rest, node.keywords)
        raise Unread(f"{ast.unparse(node)} is not part of the grammar")

    def call(self, name: str, first: Any, rest: list, more: list) -> Tensor:
        """A function of one array; sums and means along axes."""
        x = self.of(first)
        if name in ONE and not rest and not more:
            return ONE[name](x)
        if name not in ("sum", "mean"):
            raise Unread(f"{name} is not known")
        named = [k.value for k in more if k.arg in ("axis", "dim")]
        if len(named) + len(rest) > 1:
            raise Unread("one axis, or several in brackets")
        axes = self.axes
        for node in [*rest, *named]:
            given = ast.literal_eval(node)
            axes = given if isinstance(given, tuple) else (given,)
        if axes is None:
            return x.sum() if name == "sum" else x.mean()
        for axis in axes:
            x = getattr(x, name)(axis, keepdim=True)
        return x


def transposed(x: Tensor) -> Tensor:
    """A matrix on its side; a vector stays as it is."""
    if x.dim() > 2:
        raise Unread("T is for matrices")
    return x.mT if x.dim() == 2 else x


def product(a: Tensor, b: Tensor) -> Tensor:
    """Of matrices; a vector on the left is a row, one on the right a column."""
    a = a[None, :] if a.dim() == 1 else a
    b = b[:, None] if b.dim() == 1 else b
    if a.dim() != 2 or b.dim() != 2:
        raise Unread("@ is for matrices")
    return a @ b


def same(a: Tensor, b: Tensor) -> bool:
    """Equal up to rounding, where axes of length one do not count."""
    if [n for n in a.shape if n > 1] != [n for n in b.shape if n > 1]:
        return False
    scale = max(b.abs().max().item(), 1e-30)
    found = (a.flatten() - b.flatten()).abs().max().item()
    return found <= 1e-9 * scale

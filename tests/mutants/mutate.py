"""Small mechanical edits of a function: each gives a mutant, which a test should kill.

``mutants(source)`` yields a description and the new source. An edit is made at one
place of the syntax tree: a sign, a factor, a term, an axis, a transpose, a constant.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from itertools import pairwise

Edit = tuple[str, Callable[[ast.AST], ast.AST | None]]
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
REVERSED = {ast.Gt: ast.LtE, ast.Lt: ast.GtE, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
RENAMED = {
    "sum": "mean",
    "mean": "sum",
    "index_add_": "index_copy_",
    "scatter_add_": "scatter_",
    "sigmoid": "tanh",
}
LOST = ("exp", "unsqueeze", "permute", "transpose")  # methods that can be left out


def changed(**new) -> Callable[[ast.AST], ast.AST]:
    """An edit that sets fields of a node."""

    def edit(node: ast.AST) -> ast.AST:
        for name, value in new.items():
            setattr(node, name, value)
        return node

    return edit


def _of_operation(node: ast.BinOp) -> Iterator[Edit]:
    kind = type(node.op)
    if kind in SWAPPED:
        yield (
            f"{kind.__name__} becomes {SWAPPED[kind].__name__}",
            changed(op=SWAPPED[kind]()),
        )
    if kind in (ast.Add, ast.Sub, ast.Mult, ast.Div):
        word = "term" if kind in (ast.Add, ast.Sub) else "factor"
        yield f"{word} {ast.unparse(node.right)} dropped", lambda n: n.left
        yield f"{word} {ast.unparse(node.left)} dropped", lambda n: n.right
    if kind is ast.MatMult:
        yield (
            "factors of a matrix product exchanged",
            lambda n: ast.BinOp(n.right, n.op, n.left),
        )
    if kind is ast.Pow:
        yield "power dropped", lambda n: n.left


def _of_call(node: ast.Call) -> Iterator[Edit]:
    if not isinstance(node.func, ast.Attribute):
        return
    name = node.func.attr
    if name in RENAMED:
        new = ast.Attribute(node.func.value, RENAMED[name], ast.Load())
        yield f"{name} becomes {RENAMED[name]}", changed(func=new)
    if name in LOST and not (isinstance(node.func.value, ast.Name) and not node.args):
        yield f"{name} dropped", lambda n: n.func.value
    if name == "exp":
        yield "exp dropped", lambda n: n.func.value
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "keepdim" and isinstance(keyword.value, ast.Constant):

            def drop(n, i=i):
                del n.keywords[i]
                return n

            yield "keepdim dropped", drop


def _of_return(node: ast.Return) -> Iterator[Edit]:
    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for i, part in enumerate(parts):

        def zero(n, i=i):
            call = ast.parse("x * 0", mode="eval").body
            elements = n.value.elts if isinstance(n.value, ast.Tuple) else None
            call.left = elements[i] if elements else n.value
            if elements:
                elements[i] = call
            else:
                n.value = call
            return n

        yield f"{ast.unparse(part)} returned as zero", zero
    for i, _ in enumerate(pairwise(parts)):

        def swap(n, i=i):
            e = n.value.elts
            e[i], e[i + 1] = e[i + 1], e[i]
            return n

        yield f"returned gradients {i} and {i + 1} exchanged", swap


def _of_unpacking(node: ast.Assign) -> Iterator[Edit]:
    target = node.targets[0]
    if not isinstance(target, ast.Tuple):
        return
    names = [ast.unparse(e) for e in target.elts]
    for i, (a, b) in enumerate(pairwise(names)):
        if a == b or "*" in a + b:
            continue

        def swap(n, i=i):
            e = n.targets[0].elts
            e[i], e[i + 1] = e[i + 1], e[i]
            return n

        yield f"{a} and {b} exchanged", swap


def edits(node: ast.AST) -> Iterator[Edit]:
    """All edits at one node: a description and what to do with a copy of it."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield f"minus before {ast.unparse(node.operand)} dropped", lambda n: n.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} becomes {node.value + 1}", changed(value=node.value + 1)
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield f"transpose of {ast.unparse(node.value)} dropped", lambda n: n.value
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in REVERSED:
        new = REVERSED[type(node.ops[0])]()
        yield f"comparison {ast.unparse(node)} reversed", changed(ops=[new])
    elif isinstance(node, ast.IfExp):
        yield f"always {ast.unparse(node.body)}", lambda n: n.body
        yield f"always {ast.unparse(node.orelse)}", lambda n: n.orelse
    elif isinstance(node, ast.AugAssign):
        yield f"update of {ast.unparse(node.target)} dropped", lambda n: ast.Pass()
        yield (
            f"{ast.unparse(node.target)} overwritten",
            lambda n: ast.Assign([n.target], n.value, lineno=n.lineno),
        )
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield f"statement {ast.unparse(node)[:40]} dropped", lambda n: ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _of_return(node)
    elif isinstance(node, ast.Assign):
        yield from _of_unpacking(node)


class _At(ast.NodeTransformer):
    """Apply an edit to the node with a given number, counted as ast.walk does."""

    def __init__(self, target: ast.AST, edit: Callable) -> None:
        self.target, self.edit = target, edit

    def visit(self, node: ast.AST) -> ast.AST | None:
        return self.edit(node) if node is self.target else self.generic_visit(node)


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """All mutants of a function: line within it, description, new source."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for number, node in enumerate(ast.walk(tree)):
        for description, edit in edits(node):
            mutant = copy.deepcopy(tree)
            target = list(ast.walk(mutant))[number]
            mutant = _At(target, edit).visit(mutant)
            text = ast.unparse(ast.fix_missing_locations(mutant))
            if text not in seen:
                seen.add(text)
                yield getattr(node, "lineno", 1), description, text

"""Small mechanical edits of a program: each gives a mutant, which a test should kill.

``places(source)`` lists the edits of a file, each at one node of its syntax tree: a
sign, a factor, a comparison, a constant, a condition, an argument, a statement.
``mutated(source, place)`` makes one of them. Messages of errors, assertions and
annotations are left alone.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

Edit = tuple[str, Callable[[ast.AST], ast.AST | None]]
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
NEGATED = {
    ast.Gt: ast.LtE,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SHIFTED = {ast.Gt: ast.GtE, ast.Lt: ast.LtE, ast.GtE: ast.Gt, ast.LtE: ast.Lt}
RENAMED = {
    "sum": "mean",
    "mean": "sum",
    "index_add_": "index_copy_",
    "scatter_add_": "scatter_",
    "sigmoid": "tanh",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
}
LOST = ("exp", "unsqueeze", "permute", "transpose", "clone", "strip", "abs", "lower")
AROUND = ("reversed", "sorted", "abs", "round", "int", "set")  # f(x) can become x
# the order of arguments is no matter
SYMMETRIC = ("transpose", "max", "min", "logaddexp", "isinstance")
ANNOTATIONS = ("annotation", "returns", "decorator_list", "msg")


def changed(**new) -> Callable[[ast.AST], ast.AST]:
    """An edit that sets fields of a node."""

    def edit(node: ast.AST) -> ast.AST:
        for name, value in new.items():
            setattr(node, name, value)
        return node

    return edit


def without(field: str, i: int) -> Callable[[ast.AST], ast.AST]:
    """An edit that takes an element out of a list of a node."""

    def edit(node: ast.AST) -> ast.AST:
        del getattr(node, field)[i]
        return node

    return edit


def swapped(elements: Callable[[ast.AST], list], i: int) -> Callable:
    """An edit that exchanges an element of a list with the next."""

    def edit(node: ast.AST) -> ast.AST:
        e = elements(node)
        e[i], e[i + 1] = e[i + 1], e[i]
        return node

    return edit


def gone(node: ast.AST) -> ast.AST:
    return ast.Pass()


def short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else text[:40] + "..."


def _of_operation(node: ast.BinOp) -> Iterator[Edit]:
    kind = type(node.op)
    if kind in ARITHMETIC:
        new = ARITHMETIC[kind]
        yield f"{kind.__name__} becomes {new.__name__}", changed(op=new())
    if kind in (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitOr):
        word = "term" if kind in (ast.Add, ast.Sub, ast.BitOr) else "factor"
        yield f"{word} {short(node.right)} dropped", lambda n: n.left
        yield f"{word} {short(node.left)} dropped", lambda n: n.right
    if kind is ast.MatMult:
        yield (
            "factors of a matrix product exchanged",
            lambda n: ast.BinOp(n.right, n.op, n.left),
        )
    if kind is ast.Pow:
        yield "power dropped", lambda n: n.left


def _of_call(node: ast.Call) -> Iterator[Edit]:
    f = node.func
    name = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
    if name in RENAMED and (isinstance(f, ast.Attribute) or len(name) == 3):
        new = RENAMED[name]
        if isinstance(f, ast.Attribute):
            func = ast.Attribute(f.value, new, ast.Load())
        else:
            func = ast.Name(new if name != "sum" else "len", ast.Load())
        yield f"{name} becomes {ast.unparse(func).split('.')[-1]}", changed(func=func)
    if (
        isinstance(f, ast.Attribute)
        and name in LOST
        and ast.unparse(f.value) != "torch"
    ):
        yield f"{name} dropped", lambda n: n.func.value
    if isinstance(f, ast.Name) and name in AROUND and node.args:
        yield f"{name} dropped", lambda n: n.args[0]
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg != "strict":
            yield f"{keyword.arg} of {short(f)} dropped", without("keywords", i)
    for i, (a, b) in enumerate(pairwise(node.args)):
        plain = not isinstance(a, ast.Starred) and not isinstance(b, ast.Starred)
        if plain and ast.unparse(a) != ast.unparse(b) and name not in SYMMETRIC:
            yield (
                f"arguments {short(a)} and {short(b)} exchanged",
                swapped(lambda n: n.args, i),
            )


def _of_comparison(node: ast.Compare) -> Iterator[Edit]:
    for i, op in enumerate(node.ops):
        for table, word in ((NEGATED, "reversed"), (SHIFTED, "shifted")):
            if type(op) in table:
                ops = list(node.ops)
                ops[i] = table[type(op)]()
                at = f" at {i}" if len(node.ops) > 1 else ""
                yield f"comparison {short(node)} {word}{at}", changed(ops=ops)


def _of_return(node: ast.Return, backward: bool) -> Iterator[Edit]:
    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for i, part in enumerate(parts if backward else ()):

        def zero(n, i=i):
            call = ast.parse("x * 0", mode="eval").body
            elements = n.value.elts if isinstance(n.value, ast.Tuple) else None
            call.left = elements[i] if elements else n.value
            if elements:
                elements[i] = call
            else:
                n.value = call
            return n

        yield f"{short(part)} returned as zero", zero
    if not backward and not isinstance(node.value, ast.Constant):
        yield f"{short(node.value)} not returned", changed(value=ast.Constant(None))
    for i, (a, b) in enumerate(pairwise(parts)):
        if ast.unparse(a) != ast.unparse(b) and "*" not in (str(a)[:1], str(b)[:1]):
            yield (
                f"returned {short(a)} and {short(b)} exchanged",
                swapped(lambda n: n.value.elts, i),
            )


def _of_assignment(node: ast.Assign) -> Iterator[Edit]:
    target = node.targets[0]
    if isinstance(target, ast.Attribute | ast.Subscript):
        yield f"{short(target)} not set", gone
    if not isinstance(target, ast.Tuple):
        return
    names = [ast.unparse(e) for e in target.elts]
    values = [ast.unparse(e) for e in getattr(node.value, "elts", ())]
    for i, (a, b) in enumerate(pairwise(names)):
        if a != b and "*" not in a + b and len({*values[i : i + 2]}) != 1:
            yield f"{a} and {b} exchanged", swapped(lambda n: n.targets[0].elts, i)


def _of_branch(node: ast.If | ast.While | ast.IfExp) -> Iterator[Edit]:
    if isinstance(node, ast.IfExp):
        yield f"always {short(node.body)}", lambda n: n.body
        yield f"always {short(node.orelse)}", lambda n: n.orelse
        return
    if isinstance(node, ast.If):
        yield f"always {short(node.test)}", changed(test=ast.Constant(True))
    raises = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
    if not raises or node.orelse:  # else the same as the raise dropped
        yield f"never {short(node.test)}", changed(test=ast.Constant(False))


def edits(node: ast.AST, backward: bool = False) -> Iterator[Edit]:
    """All edits at one node: a description and what to do with the node."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        word = "minus" if isinstance(node.op, ast.USub) else "not"
        yield f"{word} before {short(node.operand)} dropped", lambda n: n.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if node.value + 1 != node.value:  # not among the largest
            more = changed(value=node.value + 1)
            yield f"{node.value} becomes {node.value + 1}", more
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield (
            f"{node.value} becomes {not node.value}",
            changed(value=not node.value),
        )
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield f"transpose of {short(node.value)} dropped", lambda n: n.value
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Compare):
        yield from _of_comparison(node)
    elif isinstance(node, ast.BoolOp):
        new = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{short(node)}: and, or exchanged", changed(op=new())
        for i, value in enumerate(node.values):
            left = node.values[:i] + node.values[i + 1 :]
            only = left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
            yield f"condition {short(value)} dropped", lambda n, only=only: only
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield from _of_branch(node)
    elif isinstance(node, ast.comprehension):
        for i, test in enumerate(node.ifs):
            yield f"filter {short(test)} dropped", without("ifs", i)
    elif isinstance(node, ast.For):
        yield (
            f"no {short(node.target)} in {short(node.iter)}",
            changed(iter=ast.Tuple([], ast.Load())),
        )
    elif isinstance(node, ast.Slice):
        for field in ("lower", "upper", "step"):
            if getattr(node, field) is not None:
                yield f"{field} end of {short(node)} dropped", changed(**{field: None})
    elif isinstance(node, ast.AugAssign):
        yield f"update of {short(node.target)} dropped", gone
        yield (
            f"{short(node.target)} overwritten",
            lambda n: ast.Assign([n.target], n.value, lineno=n.lineno),
        )
        if type(node.op) in ARITHMETIC:
            new = ARITHMETIC[type(node.op)]
            yield f"{short(node.target)}: {new.__name__} instead", changed(op=new())
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield):
        yield f"statement {short(node)} dropped", gone
    elif isinstance(node, ast.Raise | ast.Break | ast.Continue):
        yield f"{type(node).__name__.lower()} dropped", gone
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _of_return(node, backward)
    elif isinstance(node, ast.Assign):
        yield from _of_assignment(node)


@dataclass(frozen=True)
class Place:
    """One edit of a file: of whom, what, where.

    Attributes:
        owner: function or class around it; "" for the file itself.
        what: the edit, in words.
        line: the first line of the statement as it stands.
        number: of that line.
        lines: those that a test has to run, to run the edit.
        default: the edit is in the default values of the owner's arguments.
        names: of what a statement outside of functions defines.
        node, edit: which node of ``ast.walk``, which of its edits.
    """

    owner: str
    what: str
    line: str
    number: int
    lines: range
    default: bool
    names: tuple[str, ...]
    node: int
    edit: int


def _walk(node, owner, statement, state, axis=False) -> Iterator[tuple]:
    """Nodes that may be edited: (node, owner, statement, kind of place)."""
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # what it would refuse does not happen
    if isinstance(node, ast.Raise | ast.Assert):
        if isinstance(node, ast.Raise):
            yield node, owner, node, state
        return
    function = isinstance(node, ast.FunctionDef | ast.Lambda)
    named = isinstance(node, ast.FunctionDef | ast.ClassDef)
    if isinstance(node, ast.stmt | ast.ExceptHandler):
        statement = node
    if not axis:
        yield node, owner, statement, state
    inner = f"{owner}.{node.name}".strip(".") if named else owner
    for field, value in ast.iter_fields(node):
        if field in ANNOTATIONS:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.arguments) and isinstance(node, ast.FunctionDef):
                new = "default" if state == "module" else state
            else:
                new = "function" if function and field != "args" else state
            # the last axis counted from the end is often that counted from the front
            axis = isinstance(node, ast.Call) and ast.unparse(child) == "-1"
            yield from _walk(child, inner, statement, new, axis)


def _reached(statement: ast.stmt) -> range:
    """The lines of a statement, without those of the statements within it."""
    last = statement.end_lineno
    body = getattr(statement, "body", None)
    if body:
        last = max(statement.lineno, body[0].lineno - 1)
    return range(statement.lineno, last + 1)


def _unread(f: ast.FunctionDef) -> list[ast.expr]:
    """Default values of arguments that a function takes and does not read."""
    read = {n.id for s in f.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    last = f.args.args[len(f.args.args) - len(f.args.defaults) :]
    both = [*zip(last, f.args.defaults, strict=True)]
    both += zip(f.args.kwonlyargs, f.args.kw_defaults, strict=True)
    return [default for a, default in both if default and a.arg not in read]


def places(source: str) -> list[Place]:
    """All edits of a file; none of default values that nobody reads."""
    tree, lines = ast.parse(source), source.splitlines()
    number = {id(node): i for i, node in enumerate(ast.walk(tree))}
    found, seen = [], {}
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    unread = {n for f in functions for d in _unread(f) for n in ast.walk(d)}
    for node, owner, statement, state in _walk(tree, "", None, "module"):
        if state == "module" and isinstance(node, ast.BinOp | ast.If | ast.Expr):
            continue  # unions of types, __main__, docstrings
        if node in unread:
            continue
        backward = owner.endswith(("backward", "_jvp"))
        for i, (what, _) in enumerate(edits(node, backward)):
            code = lines[statement.lineno - 1].split("  #")[0].strip()
            reached, names = _reached(statement), ()
            if state == "default":
                body = [s for s in statement.body if not isinstance(s, ast.Expr)]
                reached = _reached((body or statement.body)[0])
                at = node.lineno if hasattr(node, "lineno") else statement.lineno
                code = lines[at - 1].strip()
            elif state == "module":
                targets = getattr(statement, "targets", [])
                targets = targets or [getattr(statement, "target", None)]
                names = tuple(t.id for t in targets if isinstance(t, ast.Name))
            count = seen[owner, what, code] = seen.get((owner, what, code), 0) + 1
            what = what if count == 1 else f"{what} ({count})"
            at = getattr(node, "lineno", statement.lineno)
            where = reached, state == "default", names, number[id(node)], i
            found.append(Place(owner, what, code, at, *where))
    return found


class _At(ast.NodeTransformer):
    """Put a new node in the place of an old one."""

    def __init__(self, old: ast.AST, edit: Callable) -> None:
        self.old, self.edit = old, edit

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is not self.old:
            return self.generic_visit(node)
        return ast.copy_location(self.edit(node), node)


def mutated(source: str, place: Place) -> ast.Module:
    """The syntax tree of the file with one edit made."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place.node]
    backward = place.owner.endswith(("backward", "_jvp"))
    _, edit = list(edits(node, backward))[place.edit]
    return ast.fix_missing_locations(_At(node, edit).visit(tree))

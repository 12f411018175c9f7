"""Pictures of a graph of single numbers, and of its backward, value by value."""

from dataclasses import dataclass

from .. import show
from .engine import Value, topological


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
    places = {"0": (0.0, 0.0)} | show.layout(edges)
    nodes = {k: show.Node(*places[k], text(order[int(k)])) for k in name.values()}
    widest = max(show.width(node.text) for node in nodes.values())
    alt = f"Computation graph of {len(order)} values that ends in {root!r}."
    return show.graph(nodes, edges, alt, column=widest + 44)


@dataclass(frozen=True)
class State:
    """Where a backward pass stands.

    Attributes:
        grads: gradient of every value so far, by id.
        sent: values that have passed their gradient on.
        now: the one at work.
        caption: what has just happened.
    """

    grads: dict[int, float]
    sent: tuple[Value, ...]
    now: Value | None
    caption: str


def called(node: Value) -> str:
    """Label of a value, or else its operation or number in brackets."""
    return node.label or f"({node.op or f'{node.data:g}'})"


def trace(root: Value) -> list[State]:
    """All states of the backward pass that starts at ``root``, from zero gradients."""
    order = topological(root)
    grads = {id(node): 0.0 for node in order}
    end = called(root)
    text = "The forward is done: every value is known, every gradient is 0."
    states = [State(dict(grads), (), None, text)]
    grads[id(root)] = 1.0
    text = f"The gradient of {end} with respect to itself is 1."
    states.append(State(dict(grads), (), root, text))
    for node in reversed(order):
        if not node.inputs:
            continue
        said = []
        for source, local in node.inputs:
            before, share = grads[id(source)], local * grads[id(node)]
            grads[id(source)] = before + share
            said.append(
                f"{called(source)} gets {local:.3g} × {grads[id(node)]:.3g} = "
                f"{share:.3g} and has {before:.3g} + {share:.3g} = {before + share:.3g}"
            )
        head = f"{called(node)} is complete, all its uses have been heard"
        head = f"{end} is the end" if node is root else head
        text = f"{head}. {'; '.join(said)}."
        states.append(State(dict(grads), (*states[-1].sent, node), node, text))
    leaves = ", ".join(called(node) for node in order if not node.inputs)
    text = f"What is left has no inputs: {leaves}. The backward is done."
    return [*states, State(dict(grads), states[-1].sent, None, text)]


def backward_steps(root: Value, title: str) -> show.Html:
    """The backward pass that starts at ``root``, one value at a time.

    An arrow turns round when a gradient has gone through it, and then shows the local
    derivative. Gradients count from zero here; those in the graph stay as they are.

    Args:
        root: end of a small graph.
        title: what the whole shows.
    """
    order = topological(root)
    name = {id(node): str(i) for i, node in enumerate(order)}
    edges = [(name[id(s)], name[id(node)]) for node in order for s, _ in node.inputs]
    # rows further apart than usual: labels stand between them
    places = {"0": (0.0, 0.0)} | show.layout(edges)
    places = {k: (c, 1.25 * r) for k, (c, r) in places.items()}
    states = trace(root)
    # as wide as the widest of its texts, or the boxes would jump from step to step
    wide = {
        id(node): max(show.width(text(node, s.grads[id(node)])) for s in states)
        for node in order
    }
    steps = []
    for i, state in enumerate(states, 1):
        nodes = {
            k: show.Node(
                *places[k],
                text(node, state.grads[id(node)]),
                width=wide[id(node)],
                now=node is state.now,
            )
            for node, k in zip(order, name.values(), strict=True)
        }
        labels: dict[tuple[str, str], str] = {}
        for node in state.sent:
            for source, local in node.inputs:
                arrow = name[id(node)], name[id(source)]
                earlier = f"{labels[arrow]}, " if arrow in labels else ""
                labels[arrow] = f"{earlier}× {local:.3g}"
        arrows = [(b, a) if (b, a) in labels else (a, b) for a, b in edges]
        active = name[id(state.now)] if state.now else ""
        alt = f"{title}, step {i}: the graph."
        column = max(wide.values()) + 56
        now = [arrow for arrow in labels if arrow[0] == active]
        picture = show.graph(nodes, arrows, alt, column, labels, now)
        steps.append((picture, state.caption))
    return show.stepper(steps, title)

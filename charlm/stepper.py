"""Pictures that a reader clicks through, and the backward of a scalar graph as such.

The steps are plain pictures with captions, one after the other. Where the book's
``stepper.js`` runs, one is shown at a time, with buttons; elsewhere all of them stand
there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from . import scalar, show
from .scalar import Value, topological


def stepper(steps: Sequence[tuple[show.Html, str]], title: str) -> show.Html:
    """Pictures that are looked at one after the other.

    Args:
        steps: a picture and what happens in it, in one or two sentences. No two
            pictures may have the same words (``alt``).
        title: what the whole shows.

    Raises:
        ValueError: there is no step.
    """
    if not steps:
        raise ValueError(f"stepper {title!r}: needs at least one step")
    name = "stepper-" + hashlib.sha256(title.encode()).hexdigest()[:8]
    count = len(steps)
    frames = []
    for i, (picture, caption) in enumerate(steps, 1):
        # without a script, and before it runs, the last one is the one to see
        kind = "stepper-frame current" if i == count else "stepper-frame"
        frames.append(
            f'<figure class="{kind}">{picture.html}<figcaption>'
            f"Step {i} of {count}. {escape(caption)}</figcaption></figure>"
        )
    html = (
        f'<div class="stepper" role="group" aria-labelledby="{name}">'
        f'<p class="stepper-title" id="{name}">{escape(title)}</p>'
        f'<div class="stepper-frames">{"".join(frames)}</div>'
        '<p class="stepper-buttons"><button type="button" data-move="-1">Back</button> '
        '<button type="button" data-move="1">Next</button></p>'
        '<p class="stepper-status" aria-live="polite"></p></div>'
    )
    captions = [f"{i}. {caption}" for i, (_, caption) in enumerate(steps, 1)]
    return show.Html(html, "\n".join([title, *captions]))


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


def backward(root: Value, title: str) -> show.Html:
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
    places = {k: (c, 1.25 * r) for k, (c, r) in show.layout(edges).items()}
    places = places or {"0": (0.0, 0.0)}
    states = trace(root)
    # as wide as the widest of its texts, or the boxes would jump from step to step
    wide = {
        id(node): max(show.width(scalar.text(node, s.grads[id(node)])) for s in states)
        for node in order
    }
    steps = []
    for i, state in enumerate(states, 1):
        nodes = {
            k: show.Node(
                *places[k],
                scalar.text(node, state.grads[id(node)]),
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
    return stepper(steps, title)

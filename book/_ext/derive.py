"""Derivations to finish and questions to recall, as boxes on the page.

``{derive} name`` shows what ``book/_derive`` declares under that name (``batchnorm-dx``
is ``batchnorm_dx``), after it was checked by :mod:`proving`: a declaration that does
not hold is an error of the page. Without a script, on paper and in the notebook the box
is a statement and a folded solution; ``derive.js`` puts blanks between the two.
"""

import json
import re
from html import escape
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

AXES = {(0,): "rows (axis 0)", (1,): "the numbers of a row (axis 1)"}


def declared() -> dict[str, Any]:
    """All declarations; they need the package, and a book without any does not."""
    import derivation

    return derivation.declared()


def recalled(it) -> bool:
    """Whether it is a set of questions."""
    return all(step.ask for step in it.steps)


def title(it) -> str:
    return f"{'To recall' if recalled(it) else 'Finish this derivation'}: {it.title}"


def given(it) -> list[str]:
    """Inputs, the forward and what sums run over, as Markdown."""
    shapes = []
    for name, spec in it.inputs.items():
        axes = spec.rpartition(": ")[2].split()
        shapes.append(f"`{name} ({', '.join(axes)})`" if axes else f"`{name}`")
    lines = [f"Given {', '.join(shapes)}."] if shapes else []
    if it.forward:
        forward = [f"{name} = {formula}" for name, formula in it.forward.items()]
        lines += ["", "```python", *forward, "```"]
    if it.axes:
        where = AXES[it.axes]
        lines += ["", f"`sum` and `mean` run over {where}, unless given another axis."]
    return lines


def solved(it) -> list[str]:
    """All answers, as Markdown."""
    if recalled(it):
        return [f"- {step.ask} `{step.right}`. {step.why}" for step in it.steps]
    lines = [f"{step.name} = {step.right}" for step in it.steps]
    return ["Step by step:", "", "```python", *lines, "```"]


def statement(name: str, body: list[str]) -> list[str]:
    """The box as Markdown that needs no script, for notebooks."""
    it, _ = declared()[name]
    asked = [f"- {s.ask}" for s in it.steps] if recalled(it) else []
    wanted = ", ".join(f"`{s.name}`" for s in it.steps if s.name)
    goal = [f"Go back: {wanted}."] if wanted else []
    return [
        *(f"**{title(it)}**", "", *body, "", *given(it), "", *goal, *asked, ""),
        *("<details><summary>Solution</summary>", "", *solved(it), "", "</details>"),
    ]


def coded(text: str) -> str:
    """Plain text as HTML; what stands in backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def in_script(text: str) -> str:
    """JSON that can stand in a script element."""
    return text.replace("&", r"\u0026").replace("<", r"\u003c")


class Derive(SphinxDirective):
    """``{derive} name``, with sentences that introduce it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        from derivation import data
        from proving import Wrong, check

        name = self.arguments[0]
        if name not in declared():
            raise self.error(f"derive: book/_derive declares no {name}")
        it, path = declared()[name]
        self.env.note_dependency(str(path))
        try:
            told = check(it, name)
        except Wrong as error:
            raise self.error(f"derive: {error}") from error
        task = data(it, told)
        for step in task["steps"]:
            if "ask" in step:
                step["ask"] = coded(step["ask"])
        if not recalled(it):
            task["fades"] = sorted({min(n, len(it.steps)) for n in (1, 2, 99)})
        text = in_script(json.dumps(task, ensure_ascii=False, separators=(",", ":")))
        box = nodes.container(classes=["derive"], ids=[f"derive-{name}"])
        box += nodes.paragraph("", title(it), classes=["derive-title"])
        box += self.parsed([*self.content, "", *given(it)])
        box += nodes.raw("", "<details><summary>Solution</summary>", format="html")
        box += self.parsed(solved(it))
        script = f'<script type="application/json">{text}</script>'
        box += nodes.raw("", f"</details>{script}", format="html")
        return [box]

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Markdown as nodes."""
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, ""), self.content_offset, holder)
        return holder.children


def setup(app):
    app.add_directive("derive", Derive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

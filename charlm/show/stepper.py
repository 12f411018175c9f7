"""Pictures that a reader clicks through.

The steps are captions, one below the other, that open and close their pictures: no
script and no style is needed. Where the book's ``stepper.js`` runs, one is shown at a
time, with buttons.
"""

import hashlib
from collections.abc import Sequence
from html import escape

from .table import Html


def stepper(steps: Sequence[tuple[Html, str]], title: str) -> Html:
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
        is_open = ' open="open"' if i == 1 else ""
        frames.append(
            f'<details class="stepper-frame"{is_open}><summary>Step {i} of {count}. '
            f"{escape(caption)}</summary>{picture.html}</details>"
        )
    html = (
        f'<div class="stepper" role="group" aria-labelledby="{name}">'
        f'<p class="stepper-title" id="{name}">{escape(title)}</p>'
        f'<div class="stepper-frames">{"".join(frames)}</div>'
        '<p class="stepper-buttons" hidden="hidden">'
        '<button type="button" data-move="-1">Back</button> '
        '<button type="button" data-move="1">Next</button></p>'
        '<p class="stepper-status" aria-live="polite"></p></div>'
    )
    captions = [f"{i}. {caption}" for i, (_, caption) in enumerate(steps, 1)]
    return Html(html, "\n".join([title, *captions]))

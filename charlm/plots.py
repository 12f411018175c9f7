"""Figures of the book: reproducible SVG that follows the page's light or dark theme."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stands for "the page's text colour" until the SVG is written
INK = "#010203"
STYLE = (
    "<style>:root{--ink:#1f2328}"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6edf3}}</style>"
)
COLOURS = ("#3b7dd8", "#c46210", "#0f9377", "#c2529a")
"""Four colours that stand out by 3 to 1 or more on white and on the dark page, told
apart in grey and by readers who do not see red and green."""


def to_svg(fig: Figure) -> str:
    """A figure as SVG whose ink is a variable: one file for light and dark pages."""
    out = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    fig.savefig(
        out, format="svg", bbox_inches="tight", transparent=True, metadata=metadata
    )
    # an empty glyph (a space) has no outline, which strict readers of SVG refuse
    svg = re.sub(
        r'(<path id="[^"]*")( transform="[^"]*")?/>', r'\1 d=""\2/>', out.getvalue()
    )
    svg = svg[svg.index("<svg") :].replace(INK, "var(--ink)")
    head = svg.index(">") + 1
    return svg[:head] + STYLE + svg[head:]


def use() -> None:
    """Set the book's style; in a notebook, also show figures as theme-aware SVG."""
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "charlm",
            "svg.fonttype": "path",
            "font.size": 11,
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": 11,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.facecolor": "none",
            "figure.facecolor": "none",
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLOURS),
        }
    )
    shell = _notebook()
    if shell is not None:
        from matplotlib import pyplot  # slow to import, and wanted here alone

        shell.run_line_magic("matplotlib", "inline")
        # pyplot would draw every figure once more, for a window that is not there
        pyplot.uninstall_repl_displayhook()
        formatters = shell.display_formatter.formatters
        for mime in ("image/png", "image/jpeg", "application/pdf"):
            formatters[mime].pop(Figure, None)
        formatters["image/svg+xml"].for_type(Figure, to_svg)


def _notebook() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:  # a plain Python without notebooks
        return None
    shell = get_ipython()
    return shell if hasattr(shell, "kernel") else None


def band(
    ax: Axes,
    x: Sequence[float],
    runs: Sequence[Sequence[float]],
    label: str,
    colour: str,
) -> None:
    """Mean of several runs as a line, from the lowest to the highest as a band.

    Args:
        ax: where to draw.
        x: the places, (N).
        runs: one sequence of N numbers per run.
        label: written at the right end of the line, in its colour.
        colour: of line, band and label.
    """
    columns = list(zip(*runs, strict=True))
    mean = [sum(c) / len(c) for c in columns]
    ax.fill_between(
        x, [min(c) for c in columns], [max(c) for c in columns], color=colour, alpha=0.2
    )
    ax.plot(x, mean, color=colour)
    ax.annotate(
        label,
        (x[-1], mean[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=colour,
        va="center",
        annotation_clip=False,
    )


def loss_curve(
    losses: Sequence[float], dev: Sequence[tuple[int, float]], path: str | Path
) -> None:
    """Draw the loss of a run into a file; its ending says which kind of picture.

    Args:
        losses: of every minibatch, in nats; drawn as means over a hundredth of the run.
        dev: (step, dev loss) of every measurement.
        path: of the picture.

    Raises:
        ValueError: the kind of picture is unknown, or the file cannot be written.
    """
    size = max(1, len(losses) // 100)
    steps = range(size, len(losses) + 1, size)
    means = [sum(losses[i - size : i]) / size for i in steps]
    fig = Figure(figsize=(6, 3.5))
    ax = fig.subplots()
    ax.plot(list(steps), means, label="minibatches")
    ax.plot(*zip(*dev, strict=True), marker="o", label="dev")  # nothing of none
    ax.set_xlabel("step")
    ax.set_ylabel("loss (nats per character)")
    ax.legend()
    try:
        fig.savefig(path, bbox_inches="tight")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: the picture cannot be written ({error}); the model is saved. "
            "Give --plot a path that ends in .png, .svg or .pdf"
        ) from error

"""Exercises begin with an empty function; a wrong answer is named, a right one never.

Wrong answers are the book's own solutions with one thing changed as readers change it.
"""

import re
from pathlib import Path

import pytest
import torch

from charlm.gradcheck import check, tasks

BOOK = Path(__file__).parent.parent / "book"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.M | re.S)
CHECKED = re.compile(r"^assert (gradcheck\.(?:check|grade)\(.*)$", re.M)

# what the cells of a page before its exercises define and an exercise uses
START = """
import math, torch
from torch import Generator
from charlm import gradcheck, ops
g = Generator().manual_seed(1)
randn = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
"""
CELLS = """
I, H = 3, 4
x, h, W, U, b = (randn(5, I), randn(5, H), randn(I, {n} * H), randn(H, {n} * H),
                 randn({n} * H))
s = randn(2, 5, H)
inputs = x, s, W, U, b
"""
BEFORE = {
    "rnn": "x, h, W, U, b = randn(4, 3), randn(4, 5), randn(3, 5), randn(5, 5), randn(5)",
    "gru": CELLS.format(n=3),
    "lstm": CELLS.format(n=4),
    "attention": "lag = torch.arange(5)[:, None] - torch.arange(5)\n"
    "q, k, v = randn(5, 3), randn(5, 3), randn(5, 2)",
}


def part(page, label, kind):
    """The cells of an exercise or of its solution."""
    text = (BOOK / f"{page}.md").read_text(encoding="utf8")
    start = f":label: {label}\n" if kind == "exercise" else f"solution-start}} {label}\n"
    return CELL.findall(text.split(start)[1].split(f"{{{kind}-end}}")[0])


def answered(page, label, *changes):
    """Run the exercise and its changed solution, up to the first check."""
    space = {}
    exec(START + BEFORE.get(page, ""), space)
    exec(part(page, label, "exercise")[0], space)
    cell = next(c for c in part(page, label, "solution") if CHECKED.search(c))
    found = CHECKED.search(cell)
    code = cell[: found.start()]
    for old, new in changes:
        assert old in code, f"{label}: {old} is no part of its solution"
        code = code.replace(old, new)
    exec(code, space)
    return space, found[1]

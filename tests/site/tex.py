"""Every equation that a reader can copy compiles in a bare article with amsmath.

All of them go into one document, each in a TeX file line range that is known, so that
an error of LaTeX leads back to the page and the equation.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HEAD = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\begin{document}
"""
ERROR = re.compile(r"^\./copied\.tex:(\d+): (.*)$", re.M)


def collected(pages, root: Path) -> list[tuple[str, str]]:
    """(page, TeX) of every copy button, each TeX once."""
    found = {}
    for path, soup in pages.items():
        for button in soup.select("button.copytex"):
            found.setdefault(button["data-tex"], path.relative_to(root).as_posix())
    return [(page, tex) for tex, page in found.items()]


def document(equations: list[tuple[str, str]]) -> tuple[str, dict[int, int]]:
    """The text of the document, and for each of its lines the equation there."""
    lines, where = HEAD.splitlines(), {}
    for i, (_, tex) in enumerate(equations):
        for line in [r"\[", *tex.splitlines(), r"\]", ""]:
            lines.append(line)
            where[len(lines)] = i
    return "\n".join([*lines, r"\end{document}", ""]), where


def errors(equations: list[tuple[str, str]], program: str) -> list[str]:
    """One line for every equation that does not compile, its first error in it."""
    text, where = document(equations)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "copied.tex").write_text(text, encoding="utf8")
        command = [program, "-interaction=nonstopmode", "-file-line-error"]
        done = subprocess.run(
            [*command, "-no-shell-escape", "copied.tex"],
            cwd=folder,
            capture_output=True,
            env={**os.environ, "max_print_line": "1000"},
        )
        output = done.stdout.decode("utf8", "replace")
    failed: dict[int, str] = {}
    for line, message in ERROR.findall(output):
        failed.setdefault(where.get(int(line), -1), message)
    if done.returncode and not failed:
        failed[-1] = output[-300:]
    return [
        f"{equations[i][0]}: {message} in {equations[i][1]!r}" if i >= 0 else message
        for i, message in sorted(failed.items())
    ]


def check_compiles(pages, root: Path):
    """Problems of all copied equations; where there is no LaTeX, only CI minds."""
    program = shutil.which("pdflatex")
    if program:
        yield from errors(collected(pages, root), program)
    elif os.environ.get("CI"):
        yield "no pdflatex (Debian: apt install texlive-latex-base)"
    else:
        print("     skipped: no pdflatex, the copied TeX is not compiled")

"""A small book with the real book's settings, extensions and styles, to build in tests.

Two chapters that refer to each other, a glossary, references, the API of one module;
everything that one page can show of another is there once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parent.parent
# enough of them: every file more is a page more to write, every font one more to cut
PACKAGE = ("__init__.py", "evidence.py", "plots.py", "data", "layers", "ops")
FONTS = [f"KaTeX_{name}.woff2" for name in ("Main-Regular", "Math-Italic")]
HEAD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, display_name: Python 3, language: python}
---

"""
FILES = {
    "_toc.yml": """format: jb-book
root: index
parts:
  - caption: Chapters
    numbered: true
    chapters:
      - file: book/one
      - file: book/two
      - file: book/three
  - caption: Appendices
    chapters:
      - file: book/glossary
      - file: book/api
      - file: book/references
""",
    "index.md": "# A small book\n\nBegins with {ref}`the first <ch-one>`.\n",
    "book/one.md": HEAD
    + """(ch-one)=
# The first chapter

What is the first thing? It has a {term}`gradient`, says {cite:t}`someone1986`.

(sec-square)=
## The square of a number

```{index} square, power
```

$$
y = x^2
$$ (eq-square)

```{code-cell} python
---
mystnb:
  figure: {name: fig-square, caption: The square.}
  image: {alt: "A curve that falls to zero and rises again."}
---
import matplotlib.pyplot as plt

from charlm import plots

plt.figure(figsize=(3, 2))
plt.plot([1, 0, 1]);
```

```{code-cell} python
from myst_nb import glue

import charlm

glue("answer", charlm.ANSWER, display=False)
print(charlm.ANSWER)
```

The answer is {glue:text}`answer`.
""",
    "book/two.md": HEAD
    + """(ch-two)=
# The second chapter

It follows {ref}`ch-one`, whose {ref}`sec-square` holds {eq}`eq-square`; see
{numref}`fig-square` and {term}`gradient`.

## More of it

```{code-cell} python
print(sum(range(10)))
```

In `charlm/layers/init.py`, proved by `tests/test_one.py`:

```{literalinclude} ../charlm/layers/init.py
:language: python
:pyobject: normal
```
""",
    "tests/test_one.py": "def test_one():\n    assert 1 == 1\n",
    "book/three.md": HEAD + "(ch-three)=\n# The third chapter\n\nThe end.\n",
    "book/glossary.md": """# Glossary

:::{glossary}
gradient
  The direction in which a function grows fastest.

loss
  What is made small.
:::
""",
    "book/api.md": """# The package

```{eval-rst}
.. automodule:: charlm.layers.init
   :members:
```
""",
    "book/references.md": "# References\n\n```{bibliography}\n:style: plain\n```\n",
    "book/references.bib": """@article{someone1986,
  author = {Someone, Ann}, title = {A thing}, journal = {Things}, year = {1986}}
""",
}


def make(folder: Path) -> Path:
    """Write the book into a folder, with a part of the package and of the fonts."""
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    (folder / "charlm").mkdir()
    for part in PACKAGE:
        whole, copy = ROOT / "charlm" / part, folder / "charlm" / part
        if whole.is_dir():
            shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(whole, copy)
    for path in (folder / "book/_static/vendor/katex/fonts").iterdir():
        if path.name not in FONTS:
            path.unlink()
    with (folder / "charlm" / "__init__.py").open("a") as file:
        file.write("\nANSWER = 42\n")
    shutil.copyfile(ROOT / "_config.yml", folder / "_config.yml")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf8")
    return folder


def build(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Build it as `make book` does; what it prints is in the result.

    Each build is a process of its own, split off one that has imported what all need.
    """
    with tempfile.TemporaryDirectory() as place:
        said = [Path(place, name) for name in ("stdout", "stderr")]
        given = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        args = folder, options, os.environ | given, said
        process = FORKS.Process(target=_build, args=args)
        process.start()
        process.join()
        stdout, stderr = (path.read_text(encoding="utf8") for path in said)
    return subprocess.CompletedProcess(options, process.exitcode, stdout, stderr)


# elsewhere a process that has imported PyTorch may not be split safely, or not at all
FORKS = get_context("forkserver" if sys.platform == "linux" else "spawn")
FORKS.set_forkserver_preload(
    """torch matplotlib.pyplot jupyter_book.cli.main jupyter_book.sphinx
    myst_nb.sphinx_ext sphinx.builders.html sphinx.ext.autodoc sphinxcontrib.bibtex
    sphinx_design sphinx_togglebutton sphinx_exercise sphinx_tippy furo bs4 quickjs
    fontTools.subset jupyter_cache.executors.utils pygments.lexers.python""".split()
)


def _build(
    folder: Path, options: tuple[str, ...], given: dict[str, str], said: list[Path]
) -> None:
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(given)
    sys.dont_write_bytecode = True
    # nothing of the real book, which tests look into, only what is installed
    installed = sys.prefix, sys.base_prefix
    kept = [p for p in sys.path if any(Path(p).is_relative_to(i) for i in installed)]
    sys.path[:] = [str(folder), *kept]
    from jupyter_book.cli.main import main

    sys.exit(main(["build", ".", *options]))


def replaced(folder: Path, name: str, old: str, new: str) -> None:
    """Edit one place of a file."""
    path = folder / name
    text = path.read_text(encoding="utf8")
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new), encoding="utf8")

"""The house rules, held by tests: who imports whom, and what is never used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "charlm"
FILES = sorted(PACKAGE.rglob("*.py"))

# a room may import only rooms of a lower rank
RANKS = {
    "ops": 0,
    "show": 0,
    "plots": 0,
    "evidence": 0,
    "scalar": 1,
    "data": 1,
    "gradcheck": 1,
    "layers": 1,
    "models": 2,
    "sample": 3,
    "train": 4,
    "cli": 5,
    "__main__": 6,
}
WITNESS = PACKAGE / "gradcheck" / "witnesses.py"
FACE = PACKAGE / "gradcheck" / "__init__.py"  # names it, and imports no torch
BANNED = ("autograd", "requires_grad", "torch.nn", "torch.optim", ".backward()")


def module(path):
    """First name below the package: charlm/ops/loss.py -> ops."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path):
    """Names below charlm that a file imports."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level == depth:  # from the package itself
                names = [node.module] if node.module else [a.name for a in node.names]
                yield from (name.split(".")[0] for name in names)
            elif node.level == 0 and (node.module or "").startswith("charlm."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                a.name.split(".")[1] for a in node.names if a.name.startswith("charlm.")
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    own = module(path)
    if own == "__init__":
        return
    assert own in RANKS, f"give charlm/{own} a rank here, and a line in CONTRIBUTING.md"
    for name in imports(path):
        if name == "__version__" or name == own:
            continue
        assert RANKS[name] < RANKS[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_is_too_long(path):
    lines = len(path.read_text(encoding="utf8").splitlines())
    assert lines <= 260, f"{path.name} has {lines} lines: split it by idea"


def test_the_package_never_asks_torch_for_a_gradient():
    found = [
        f"{path.relative_to(ROOT)}:{i}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
        if path not in (WITNESS, FACE)
        for i, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1)
        if any(word in line for word in BANNED)
    ]
    assert found == []
    assert "autograd" in WITNESS.read_text(encoding="utf8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_other_way_to_a_gradient(path):
    """Names reached by import or attribute, so that an alias does not slip through."""
    text = path.read_text(encoding="utf8")
    if path == WITNESS or "torch" not in text:  # the scalar engine has its own .grad
        return
    banned = {"autograd", "nn", "optim", "func", "functional", "requires_grad"}
    banned |= {"requires_grad_", "grad", "enable_grad", "autocast"}
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            names = [*(node.module or "").split("."), *(a.name for a in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for a in node.names for part in a.name.split(".")]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        bad = banned.intersection(names)
        assert not bad, f"{path.name}:{node.lineno} uses {bad}"


def test_importing_the_package_is_light():
    """Plain ``import charlm`` loads neither torch nor matplotlib."""
    code = (
        "import charlm, sys; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]

"""A kernel that is split off shows what one shows that began from nothing."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kernels import kernels  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is split here")
TELLS = """
import os, signal, subprocess, sys
import matplotlib.pyplot as plt
import torch
torch.manual_seed(3)
print(torch.randn(9, 9).matmul(torch.randn(9, 9)).sum())
print(plt.get_backend(), sys.path, __name__, os.getcwd(), os.environ["TOLD"])
code = "import sys; sys.exit(sys.stdin.read() or 3)"
print(subprocess.run([sys.executable, "-c", code]))
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))
plt.plot([1, 0, 1]);
"""


def shown(manager: type, folder: Path, code: str) -> list:
    """Outputs of one cell in a kernel of its own."""
    cell = nbformat.v4.new_code_cell(code)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python"}
    done = single_nb_execution(
        notebook,
        cwd=str(folder),
        timeout=60,
        allow_errors=True,
        extra_arguments=["--log-level=40"],
        shutdown_kernel="immediate",
        kernel_manager_class=manager,
    )
    assert done.err is None
    return notebook.cells[0].outputs


def test_split_or_not_a_cell_shows_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("TOLD", "to the kernel")
    with kernels() as manager:
        split = [shown(manager, tmp_path, TELLS) for _ in range(2)]
    alone = shown(AsyncKernelManager, tmp_path, TELLS)
    assert "to the kernel" in alone[0]["text"]
    assert "returncode=3" in alone[0]["text"]
    assert "image/png" in alone[1]["data"]
    assert split == [alone, alone]


def test_a_kernel_that_dies_takes_no_other_with_it(tmp_path):
    with kernels() as manager:
        with pytest.raises(DeadKernelError):
            shown(manager, tmp_path, "import os; os._exit(3)")
        (out,) = shown(manager, tmp_path, "import os; print(os.getpid(), os.getppid())")
    for number in map(int, out["text"].split()):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_what_cannot_be_split_says_so(tmp_path):
    with kernels() as manager:
        manager.source.process.kill()
        with pytest.raises(RuntimeError, match="split off"):
            shown(manager, tmp_path, "1")

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from typed import NAMES, TEXT

os.environ.pop("CHARLM_NAMES", None)  # what the tests say is said of the bundled list

# The same examples for everybody, so that what fails can be looked at; others come with
# --hypothesis-profile=default
settings.register_profile("same", derandomize=True)
settings.load_profile("same")

# A shell that starts tests in the background has all they start ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _one_thread():
    """One thread: the same sums in the same order, and workers that do not fight."""
    torch.set_num_threads(1)


@pytest.fixture
def g():
    """A seeded source of random numbers."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a list of names and a text."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(NAMES))
    Path("text.txt").write_text(TEXT)
    return tmp_path

import os
import signal

import pytest
import torch

os.environ.pop("CHARLM_NAMES", None)  # what the tests say is said of the bundled list

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

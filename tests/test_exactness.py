"""Why "exact: False": which of the 26 gradients equal autograd's to the last bit.

In float32, as the lectures run it. Where PyTorch uses vectorised kernels, that of tanh
computes 1 - h*h with one rounding instead of two; everything before it inherits the
difference. Seen on x86-64 processors with AVX2 and AVX-512; others may differ.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_lecture_tensors import NAMES, backward, problem

x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="a fact about x86-64"
)


def equal_to_the_bit(tanh_backward):
    """Names, of the 26, that come out bit for bit as autograd has them."""
    torch.set_num_threads(1)
    t, reference, Xb, Yb = problem(32, 64, torch.float32)
    with torch.no_grad():
        ours = backward(t, Xb, Yb, tanh_backward)
    return [name for name in NAMES if torch.equal(ours[name], reference[name])]


@pytest.fixture(scope="module")
def vectorised():
    """The study where kernels are vectorised, whatever this process was told."""
    return study(None)


def study(capability):
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parent))
    env.pop("ATEN_CPU_CAPABILITY", None)
    if capability:
        env["ATEN_CPU_CAPABILITY"] = capability
    code = (
        "import json, torch, test_exactness as e, test_lecture_tensors as t; "
        "print(json.dumps([torch.backends.cpu.get_cpu_capability(), "
        "e.equal_to_the_bit(t.two_roundings), e.equal_to_the_bit(t.one_rounding)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@x86
def test_the_plain_form_of_tanh_is_the_first_to_differ(vectorised):
    capability, plain, _ = vectorised
    if capability not in ("AVX2", "AVX512"):
        pytest.skip(f"no vectorised kernels: {capability}")
    # NAMES run from the loss to the inputs: all before tanh's input equal, 11 of 26
    before = [n for n in NAMES if n in plain]
    assert "hpreact" not in before
    assert len(before) == 11
    assert {"logits", "h", "W2", "b2", "probs", "counts"} <= set(before)


@x86
def test_one_rounding_makes_tanh_equal_to_the_bit(vectorised):
    capability, plain, fused = vectorised
    if capability not in ("AVX2", "AVX512"):
        pytest.skip(f"no vectorised kernels: {capability}")
    assert "hpreact" in fused
    assert set(plain) < set(fused)
    assert sorted(fused) == sorted(NAMES)


@x86
def test_without_vectorised_kernels_all_26_are_equal():
    capability, plain, _ = study("default")
    assert capability in ("DEFAULT", "NO AVX")  # as older releases call it
    assert sorted(plain) == sorted(NAMES)

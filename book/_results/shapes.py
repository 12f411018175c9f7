"""Flat net against tree, and WaveNet's layer with and without its parts.

Quoted by the chapter on trees and causal convolution; ``make results``. Three seeds of
every setting, at learning rates a factor of about three apart until a smaller and a
larger one are worse; bundled names, hand-written gradients, one thread. Writes
``shapes.json``.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from record import provenance, write
from torch import Generator, Tensor

from charlm import data, ops
from charlm.layers import CausalConv, Sequential
from charlm.models import MLP, GatedBlock, Tree, WaveNet
from charlm.sample import nll
from charlm.train import TrainConfig, fit, sgd

SEEDS = (0, 1, 2)
TREE_RATES, TREE_STEPS = (0.1, 0.3, 1.0, 3.0, 10.0), 500
RATES, STEPS, SIZE = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1), 250, 32
VARIANTS: dict[str, dict] = {
    "gate": {},
    "tanh, as wide": {"gated": False},
    "tanh, as many parameters": {"gated": False, "R": 20},
    "gate, no residual": {"summed": False},
}
NETS: dict[str, Callable[..., Any]] = {
    "flat": lambda V, g: MLP(V, g, block=8, n_hidden=200, momentum=0.02),
    "tree": lambda V, g: Tree(V, g, n_embd=10, n_hidden=68, momentum=0.02),
}


class Block(GatedBlock):
    """WaveNet's layer with a switch for the gate and one for the residual sum."""

    gated, summed = True, True

    def forward(self, x: Tensor, training: bool = True) -> tuple[Any, Any]:
        """x (B, T, R)  ->  (next (B, T, R), skip (B, T, S)), cache."""
        a, c_conv = self.conv.forward(x)
        h, c_h = ops.gate(*a.chunk(2, -1)) if self.gated else ops.tanh(a)
        out, c_out = self.out.forward(h)
        y, skip = out[..., : self.R], out[..., self.R :]
        return (x + y if self.summed else y, skip), (c_conv, c_h, c_out)

    def backward(self, dy: Any, cache: Any) -> Tensor:
        """(dy (B, T, R), dskip (B, T, S))  ->  dx (B, T, R)."""
        c_conv, c_h, c_out = cache
        dh = self.out.backward(torch.cat(dy, -1), c_out)
        if self.gated:
            da = torch.cat(ops.gate_backward(dh, c_h), -1)
        else:
            da = ops.tanh_backward(dh, c_h)
        dx = self.conv.backward(da, c_conv)
        return dx + dy[0] if self.summed else dx


def variant(
    V: int,
    seed: int,
    levels: int = 4,
    R: int = 16,
    gated: bool = True,
    summed: bool = True,
) -> WaveNet:
    """A WaveNet of such layers, with dilations 1, 2, 4, 8."""
    g = Generator().manual_seed(seed)
    net = WaveNet(V, g, n_residual=R, n_skip=32, levels=levels)
    net.gated = [Block(R, 32, 2**i, g) for i in range(levels)]
    for i, block in enumerate(net.gated):
        block.gated, block.summed = gated, summed
        if not gated:
            block.conv = CausalConv(2, R, R, 2**i, g)
    net.blocks = Sequential(net.gated)
    return net


def size(model: Any) -> int:
    """How many parameters."""
    return sum(p.numel() for _, p, _ in model.named())


def main() -> None:
    """Run all settings, one after the other; write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = data.load("names")
    vocab, V = data.Vocab.of(names), len(data.Vocab.of(names))
    train, dev, _ = data.split(names, seed=42)
    X, Y = data.windows(train, vocab, 8)
    windows, whole = data.windows(dev, vocab, 8), data.pack(dev, vocab)
    packed = data.pack(train, vocab)
    started, runs = time.process_time(), []

    def flat_or_tree(net: str, rate: float, seed: int) -> tuple[float, int]:
        g = Generator().manual_seed(seed)
        model = NETS[net](V, g)

        def fall(i: int) -> float:
            return rate * (1 + math.cos(math.pi * i / TREE_STEPS)) / 2

        sgd(model, X, Y, TREE_STEPS, fall, 64, g)
        return nll(model, *windows), size(model)

    def parts(net: str, rate: float, seed: int) -> tuple[float, int]:
        model = variant(V, seed, **VARIANTS[net])
        settings = {"steps": STEPS, "batch": SIZE, "lr": rate, "evals": 0}
        fit(model, packed, None, TrainConfig(seed=seed, **settings))
        return nll(model, *whole), size(model)

    def record(study: str, net: str, ladder: tuple[float, ...], one: Any) -> None:
        own: dict[float, dict] = {}

        def at(rate: float) -> float:
            if rate not in own:
                found = [one(net, rate, seed) for seed in SEEDS]
                devs = [round(loss, 4) for loss, _ in found]
                run = {"study": study, "net": net, "rate": rate, "dev": devs}
                own[rate] = {**run, "parameters": found[0][1]}
                runs.append(own[rate])
                print(runs[-1], flush=True)
            return sum(own[rate]["dev"])

        best, better = -1, 1
        while best != better:  # until a smaller and a larger rate are worse
            best = better
            near = [i for i in (best - 1, best, best + 1) if 0 <= i < len(ladder)]
            better = min(near, key=lambda i: at(ladder[i]))

    for net in NETS:
        record("shape", net, TREE_RATES, flat_or_tree)
    for net in VARIANTS:
        record("parts", net, RATES, parts)

    result = {
        "label": "flat net, tree, and the parts of WaveNet's layer",
        "command": "python book/_results/shapes.py",
        "settings": {
            "shape": f"{TREE_STEPS} steps of plain gradient descent, 64 windows each",
            "parts": f"{STEPS} steps of AdamW, {SIZE} names each",
        },
        "seeds": list(SEEDS),
        "runs": runs,
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(
            names, {"train": len(X), "dev": len(windows[0])}, "names (bundled)"
        ),
    }
    write("shapes", result)


if __name__ == "__main__":
    main()

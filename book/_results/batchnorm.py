"""What batch normalisation does along a run, shallow and six layers deep.

Quoted by the chapter on it; run by ``make results`` (minutes, one thread). Three seeds
of every setting on the bundled names, by hand-written gradients. Writes
``batchnorm.json``: dev losses at several steps of every run, how much the gradient
changes over a step, and how far the inputs of the layers move.
"""

import math
import time
from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
from record import provenance, write
from torch import Generator, Tensor
from windows import Windows, bundled

from charlm import ops
from charlm.layers import (
    Apply,
    BatchNorm,
    Embedding,
    Layer,
    Linear,
    Residual,
    Sequential,
)
from charlm.models import MLP
from charlm.sample import nll
from charlm.train import sgd

SEEDS, WIDTH, SIZE = (0, 1, 2), 100, 64
SHALLOW = (0.1, 0.3, 1.0, 3.0)
STEPS, MOMENTS = 5_000, (200, 500, 1_000, 2_000, 3_500, 3_600, 4_000, 5_000)
DEEP_STEPS, DEEP_MOMENTS = 800, (100, 200, 400, 560, 800)
GAIN = 5 / 3
# six layers: what is tried at which rates
DEEP = {
    "plain": (0.1, 0.3, 1.0),
    "batch norm": (0.1, 0.3, 1.0, 3.0),
    "residual": (0.1, 0.3, 1.0),
    "constant": (0.3,),
    "shaken": (0.3, 1.0),
}
FEW = ("batch norm", "constant"), 4, 0.1  # kinds, rows of a minibatch, rate
ROWS = 1_024  # fixed, for all that is measured on a net


class Shaken(BatchNorm):
    """Every unit gets a new offset and a new scale at every step, after the layer."""

    def __init__(self, g: Generator, offset: float = 0.5, scale: float = 0.25) -> None:
        super().__init__(WIDTH, momentum=0.05)
        self.draw = lambda by: by * torch.randn(WIDTH, generator=g)
        self.offset, self.scale = offset, scale

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """x (..., C)  ->  y (..., C); evaluation is not shaken."""
        y, cache = super().forward(x, training)
        if not training:
            return y, cache
        scale = self.draw(self.scale).exp()
        return y * scale + self.draw(self.offset), (scale, cache)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        """dy (..., C)  ->  dx (..., C)."""
        return super().backward(dy * cache[0], cache[1])


class Constant(BatchNorm):
    """The planted bug: the backward takes the statistics for constants."""

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        """dy (..., C)  ->  dx (..., C), wrong."""
        xhat, gamma, rstd, *_ = cache[1]
        self.add((dy * xhat).flatten(0, -2).sum(0), dy.flatten(0, -2).sum(0))
        wrong: Tensor = gamma * rstd * dy
        return wrong


def deep(vocab_size: int, seed: int, kind: str, depth: int = 6) -> Windows:
    """Embedding, then ``depth`` times linear, what ``kind`` says, tanh; scores."""
    g, n_in = Generator().manual_seed(seed), 30
    stack: list[Layer] = [
        Embedding(vocab_size, 10, g),
        Apply("flatten_consecutive", n=3),
    ]
    for k in range(depth):
        if kind == "residual":
            inner = Linear(n_in, WIDTH, g, gain=1 / math.sqrt(depth) if k else 1.0)
            branch = Sequential([Apply("tanh"), inner])
            stack.append(Residual(branch) if k else inner)
        else:
            stack.append(Linear(n_in, WIDTH, g, gain=GAIN, bias=kind == "plain"))
            stack += {
                "plain": list,
                "batch norm": lambda: [BatchNorm(WIDTH, momentum=0.05)],
                "shaken": lambda: [Shaken(g)],
                "constant": lambda: [Constant(WIDTH, momentum=0.05)],
            }[kind]()
            stack.append(Apply("tanh"))
        n_in = WIDTH
    return Windows([*stack, Linear(WIDTH, vocab_size, g, gain=0.1)], 3)


def gradient(net: Any, X: Tensor, Y: Tensor) -> list[Tensor]:
    """The gradient of every parameter, copied."""
    logits, cache = net.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    net.zero_grad()
    net.backward(ops.cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
    return [d.clone() for _, _, d in net.named()]


def length(parts: list[Tensor]) -> float:
    """Of all of them as one vector."""
    return math.sqrt(sum(float(p.square().sum()) for p in parts))


def change(net: Any, X: Tensor, Y: Tensor, rate: float) -> float:
    """By what share of its length the gradient has changed after one full step."""
    net = deepcopy(net)
    before = gradient(net, X, Y)
    for (_, p, _), d in zip(net.named(), before, strict=True):
        p -= rate * d
    after = gradient(net, X, Y)
    return length([a - b for a, b in zip(after, before, strict=True)]) / length(before)


def moments(net: Windows, X: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Mean and deviation over X of every unit, at the input of layers 2, 3 ..."""
    net, found = deepcopy(net), []
    x: Any = X
    for layer in net.stack.layers[:-1]:
        x, _ = layer.forward(x)
        if isinstance(layer, Apply | Residual) and x.shape[-1] == WIDTH:
            found.append((x.flatten(0, -2).mean(0), x.flatten(0, -2).std(0)))
    return found


def moved(before: list[Any], after: list[Any]) -> float:
    """Distance of the means in deviations: root mean square over units and layers."""
    shift = [
        ((m1 - m0) / s0.clamp_min(1e-3)).square().mean()
        for (m0, s0), (m1, _) in zip(before, after, strict=True)
    ]
    return math.sqrt(float(torch.stack(shift).mean()))


def below(net: Windows, X: Tensor, Y: Tensor, rate: float) -> float:
    """By what share a weight's gradient changes once all layers below have stepped.

    The measure of internal covariate shift of Santurkar et al. (2018); mean over the
    linear maps after the first.
    """
    start = gradient(net, X, Y)
    maps = [i for i, (_, p, _) in enumerate(net.named()) if p.shape[0] == WIDTH]
    maps = [i for i in maps if net.named()[i][1].dim() == 2]
    found = []
    for i in maps:
        moved_net = deepcopy(net)
        for (_, p, _), d in list(zip(moved_net.named(), start, strict=True))[:i]:
            p -= rate * d
        after = gradient(moved_net, X, Y)[i]
        found.append(float((after - start[i]).norm() / start[i].norm()))
    return sum(found) / len(found)


def train(
    net: Any, parts: Any, seed: int, rate: float, at: tuple[int, ...], rows: int
) -> Any:
    """Yields the step at every moment; a tenth of the rate for the last 30 %."""
    g, last = Generator().manual_seed(1_000 + seed), 0.7 * at[-1]
    for start, stop in pairwise((0, *at)):
        falling = lambda i, s=start: rate if s + i < last else rate / 10  # noqa: E731
        sgd(net, *parts[0], stop - start, falling, rows, g)
        yield stop


def curve(
    net: Any,
    parts: Any,
    seed: int,
    rate: float,
    at: tuple[int, ...],
    rows: int = SIZE,
) -> list[float | None]:
    """Dev loss at every moment; None from where the loss is no number."""
    found: list[float | None] = []
    try:
        for _ in train(net, parts, seed, rate, at, rows):
            loss = nll(net, *parts[1])
            found.append(round(loss, 4) if math.isfinite(loss) else None)
    except ValueError:
        pass
    return found + [None] * (len(at) - len(found))


def along(net: Any, parts: Any, seed: int, rate: float, measures: Any) -> list[Any]:
    """What ``measures`` finds at steps 0, 50, 200 of a run at one rate."""
    g, found = Generator().manual_seed(1_000 + seed), []
    for start, stop in pairwise((0, 0, 50, 200)):
        sgd(net, *parts[0], stop - start, lambda i: rate, SIZE, g)
        found.append(measures(net, g))
    return found


def main() -> None:
    """Run all settings, one after the other; write the file."""
    names, vocab, parts = bundled()
    V = len(vocab)
    fixed = torch.randperm(len(parts[0][0]), generator=Generator().manual_seed(9))
    X, Y = (t[fixed[:ROWS]] for t in parts[0])
    started, runs, changes, shifts = time.process_time(), [], [], []

    def mlp(seed: int, normalise: bool) -> MLP:
        g = Generator().manual_seed(seed)
        return MLP(V, g, n_hidden=WIDTH, normalise=normalise, momentum=0.05)

    for rate in SHALLOW:
        for normalise in (True, False):
            kind = "batch norm" if normalise else "plain"
            devs = [curve(mlp(s, normalise), parts, s, rate, MOMENTS) for s in SEEDS]
            runs.append({"depth": 1, "kind": kind, "rate": rate, "dev": devs})
            print(runs[-1], flush=True)
    for kind, rates in DEEP.items():
        for rate in rates:
            devs = [
                curve(deep(V, s, kind), parts, s, rate, DEEP_MOMENTS) for s in SEEDS
            ]
            runs.append({"depth": 6, "kind": kind, "rate": rate, "dev": devs})
            print(runs[-1], flush=True)
    kinds, rows, rate = FEW
    few = {
        kind: [
            curve(deep(V, s, kind), parts, s, rate, DEEP_MOMENTS, rows) for s in SEEDS
        ]
        for kind in kinds
    }
    print(few, flush=True)

    def shift(net: Windows, g: Generator, rate: float) -> list[float]:
        start, share = moments(net, X), below(net, X, Y, rate)
        later = deepcopy(net)
        sgd(later, *parts[0], 1, lambda i: rate, SIZE, g)
        return [round(x, 4) for x in (moved(start, moments(later, X)), share)]

    for rate in (0.1, 1.0):
        for kind in ("batch norm", "plain"):
            one = lambda net, g, r=rate: round(change(net, X, Y, r), 4)  # noqa: E731
            found = [along(mlp(s, kind != "plain"), parts, s, rate, one) for s in SEEDS]
            changes.append({"depth": 1, "kind": kind, "rate": rate, "change": found})
            print(changes[-1], flush=True)
    for kind in ("batch norm", "plain", "shaken"):
        rate = 0.1
        both = lambda net, g, r=rate: [  # noqa: E731
            round(change(net, X, Y, r), 4),
            *shift(net, g, r),
        ]
        found = [along(deep(V, s, kind), parts, s, rate, both) for s in SEEDS]
        shifts.append({"depth": 6, "kind": kind, "rate": rate, "found": found})
        print(shifts[-1], flush=True)

    result = {
        "label": "batch normalisation along a run",
        "command": "python book/_results/batchnorm.py",
        "settings": {
            "block": 3,
            "n_embd": 10,
            "width": WIDTH,
            "batch": SIZE,
            "gain": GAIN,
            "rate": "a tenth of it for the last three tenths of the steps",
            "steps": {"1": STEPS, "6": DEEP_STEPS},
            "measured_rows": ROWS,
        },
        "seeds": list(SEEDS),
        "moments": {"1": list(MOMENTS), "6": list(DEEP_MOMENTS)},
        "along": [0, 50, 200],
        "runs": runs,
        "few_rows": {"depth": 6, "rows": rows, "rate": rate, "dev": few},
        "change": changes,
        "shift": shifts,
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, {"train": len(parts[0][0])}, "names (bundled)"),
    }
    write("batchnorm", result)


if __name__ == "__main__":
    main()

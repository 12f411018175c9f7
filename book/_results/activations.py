"""Seven activations in one small net, and units that start dead; ``make results``.

Three seeds of every setting: the same first weights and minibatches for all
activations, hand-written gradients, one thread. Quoted by the chapter on activations.
Writes ``activations.json``.
"""

import math
import time
from typing import Any

from record import provenance, write
from torch import Generator, Tensor
from windows import Open, bundled

from charlm import ops
from charlm.sample import nll
from charlm.train import sgd

SEEDS, STEPS, SIZE, HIDDEN, SHIFT = (0, 1, 2), 1_000, 32, 64, 6.0
RATES = (0.2, 0.5, 1.0, 2.0, 5.0)
CHOICE = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu")
SHIFTED = ("relu", "leaky_relu", "silu", "softplus")  # these at a rate of 0.3


class Net(Open):
    """The multilayer perceptron with a pair of functions in the place of tanh."""

    def __init__(self, V: int, name: str, seed: int) -> None:
        g = Generator().manual_seed(seed)
        super().__init__(V, g, normalise=False, n_hidden=HIDDEN)
        self.f, self.f_backward = getattr(ops, name), getattr(ops, f"{name}_backward")

    def middle(self, pre: Tensor, training: bool) -> tuple[Tensor, Any]:
        """pre (B, H)  ->  h (B, H), cache."""
        h, cache = self.f(pre)
        return h, cache

    def middle_backward(self, dh: Tensor, cache: Any) -> Tensor:
        """dh (B, H)  ->  dpre (B, H)."""
        dpre: Tensor = self.f_backward(dh, cache)
        return dpre

    def silent(self, X: Tensor) -> int:
        """How many units have no positive input on any of these contexts."""
        pre, _ = ops.linear(self.C[X].flatten(1), self.W1, self.b1)
        return int((pre <= 0).all(0).sum())


def main() -> None:
    """Run all settings, one after the other; write the file."""
    names, vocab, ((X, Y), held, _) = bundled()
    contexts, started = X.unique(dim=0), time.process_time()

    def ends(model: Net, seed: int, rate: float) -> float | None:
        """Dev loss after a run; None if it leaves the numbers."""
        g = Generator().manual_seed(100 + seed)
        rates = [rate if i < 0.7 * STEPS else 0.1 * rate for i in range(STEPS)]
        try:
            sgd(model, X, Y, STEPS, rates.__getitem__, SIZE, g)
        except ValueError:
            return None
        loss = nll(model, *held)
        return round(loss, 4) if math.isfinite(loss) else None

    runs = []
    for name in CHOICE:
        for rate in RATES:
            found = [ends(Net(len(vocab), name, seed), seed, rate) for seed in SEEDS]
            runs.append({"activation": name, "rate": rate, "dev": found})
            print(runs[-1], flush=True)
    dead = []
    for name in SHIFTED:
        for shift in (0.0, SHIFT):
            row: dict[str, Any] = {"activation": name, "shift": shift}
            for seed in SEEDS:
                model = Net(len(vocab), name, seed)
                model.b1 -= shift
                before = model.silent(contexts)
                loss = ends(model, seed, 0.3)
                said = {"before": before, "after": model.silent(contexts), "dev": loss}
                for key, value in said.items():
                    row.setdefault(key, []).append(value)
            dead.append(row)
            print(dead[-1], flush=True)
    result = {
        "label": "seven activations, and units that start dead",
        "command": "python book/_results/activations.py",
        "settings": {
            "model": "charlm.models.MLP without batch normalisation",
            "block": 3,
            "n_hidden": HIDDEN,
            "steps": STEPS,
            "batch": SIZE,
            "rate": "falls to a tenth after seven tenths of the steps; 0.3 if shifted",
            "optimiser": "plain gradient descent on hand-written gradients",
        },
        "seeds": list(SEEDS),
        "runs": runs,
        "dead": dead,
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, {"train": len(X), "dev": len(held[0])}, "names (bundled)"),
    }
    write("activations", result)


if __name__ == "__main__":
    main()

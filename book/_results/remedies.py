"""Over- and underfitting, and what is done about it, on few names; ``make results``.

Three seeds of every setting, which differ in names, first weights, minibatches and
masks; hand-written gradients, one thread. Quoted by the chapter on dropout. Writes
``remedies.json``.
"""

import time
from itertools import product
from typing import Any

import torch
from record import provenance, write
from torch import Generator, Tensor
from windows import Open, bundled

from charlm import data, layers, ops
from charlm.models import MLP
from charlm.sample import nll
from charlm.train import TrainConfig, fit

SEEDS, STEPS, SIZE, RATE = (0, 1, 2), 1_000, 128, 1e-2
HIDDEN, COUNTS = (2, 8, 30, 100, 300), (100, 300, 1_000, 3_000, 10_000)
DECAYS = (0.0, 0.1, 0.3, 1.0)
TRIED = {
    "none": [{}],
    "fewer steps": [{"steps": v} for v in (200, 300, 500)],
    "weight decay": [{"decay": v} for v in (0.1, 0.3, 1.0)],
    "dropout": [{"p": v} for v in (0.3, 0.5, 0.7)],
    "label smoothing": [{"smoothing": v} for v in (0.1, 0.3)],
    "token dropout": [{"token_dropout": v} for v in (0.1, 0.3)],
}


class DroppedMLP(Open):
    """A perceptron with dropout on its hidden layer."""

    def __init__(self, V: int, generator: Generator, p: float, **options: Any) -> None:
        super().__init__(V, generator, normalise=False, **options)
        self.drop = layers.Dropout(p, generator)

    def middle(self, pre: Tensor, training: bool) -> tuple[Tensor, Any]:
        """pre (B, H)  ->  h (B, H), cache."""
        h, c_h = ops.tanh(pre)
        y, c_drop = self.drop.forward(h, training)
        return y, (c_h, c_drop)

    def middle_backward(self, dh: Tensor, cache: Any) -> Tensor:
        """dh (B, H)  ->  dpre (B, H)."""
        c_h, c_drop = cache
        return ops.tanh_backward(self.drop.backward(dh, c_drop), c_h)


def main() -> None:
    """Run all settings, one after the other; write the file."""
    names, vocab, (_, dev, test) = bundled()
    train, held = data.split(names, seed=42)[0], {"dev": dev, "test": test}
    started, runs = time.process_time(), []

    def run(count: int, hidden: int, seed: int, settings: dict) -> dict:
        g = Generator().manual_seed(seed)
        chosen = torch.randperm(len(train), generator=g)[:count].tolist()
        X, Y = data.windows([train[i] for i in chosen], vocab, 3)
        g, settings = Generator().manual_seed(100 + seed), dict(settings)
        p = settings.pop("p", None)
        sizes = {"n_hidden": hidden}
        model = (
            MLP(len(vocab), g, normalise=False, **sizes)
            if p is None
            else DroppedMLP(len(vocab), g, p, **sizes)
        )
        fixed = {"steps": STEPS, "batch": SIZE, "lr": RATE, "evals": 0, "seed": seed}
        fit(model, (X, Y), None, TrainConfig(**fixed | settings))
        parts = {"train": (X, Y)} | held
        with torch.inference_mode():
            return {part: round(nll(model, *rows), 4) for part, rows in parts.items()}

    def record(
        study: str, count: int, hidden: int, settings: dict, **said: Any
    ) -> None:
        losses = [run(count, hidden, seed, settings) for seed in SEEDS]
        parts = {part: [r[part] for r in losses] for part in losses[0]}
        runs.append({"study": study, "names": count, "hidden": hidden, **said, **parts})
        print(runs[-1], flush=True)

    for hidden in HIDDEN:
        record("size", 1_000, hidden, {})
    for count, decay in product(COUNTS, DECAYS):
        record("count", count, 100, {"decay": decay}, decay=decay)
    for method, tried in TRIED.items():
        for settings in tried:
            strength = next(iter(settings.values()), None)
            record("remedy", 1_000, 200, settings, method=method, strength=strength)

    result = {
        "label": "remedies against overfitting",
        "command": "python book/_results/remedies.py",
        "settings": {
            "model": "charlm.models.MLP without batch normalisation",
            "block": 3,
            "steps": STEPS,
            "batch": SIZE,
            "lr": RATE,
            "optimiser": "AdamW on hand-written gradients, cosine schedule",
        },
        "seeds": list(SEEDS),
        "runs": runs,
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, {k: len(v[0]) for k, v in held.items()}, "names (bundled)"),
    }
    write("remedies", result)


if __name__ == "__main__":
    main()

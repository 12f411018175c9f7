"""Which learning rate suits which optimiser and schedule, with and without noise.

Quoted by the chapter on optimisers; run by ``make results`` (minutes, one thread). The
small net of that chapter on the bundled names. Writes ``optimisers.json``: dev losses
over grids of rates, for six rules and six schedules on minibatches, with a seed that
the chapter does not use; and losses of gradient descent and momentum on the gradient of
*all* rows, where no noise is left, three seeds. A context and its followers are counted
once, so a full gradient is exact and cheap.
"""

import math
import time
from typing import Any

import torch
from record import provenance, write
from torch import Generator, Tensor

from charlm import data
from charlm.models import MLP
from charlm.sample import nll
from charlm.train import Flat, TrainConfig, fit, optim, schedule

SEEDS, TUNING_SEED, HIDDEN, STEPS = (0, 1, 2), 10, 64, 600
RULES = {
    "sgd": (0.1, 0.3, 1.0, 3.0, 10.0),
    "momentum": (0.01, 0.03, 0.1, 0.3, 1.0),
    "nesterov": (0.01, 0.03, 0.1, 0.3, 1.0),
    "rmsprop": (0.001, 0.003, 0.01, 0.03, 0.1),
    "adam": (0.001, 0.003, 0.01, 0.03, 0.1),
    "muon": (0.003, 0.01, 0.03, 0.1, 0.3),
}
SHAPES = {name: (name, 0.0) for name in schedule.SCHEDULES} | {
    "cosine, warm-up": ("cosine", 0.1)
}
SHAPE_RATES = (0.003, 0.01, 0.03, 0.06)
FULL, FULL_RATES = 200, {"sgd": (1.0, 3.0, 10.0), "momentum": (0.1, 0.3, 1.0)}
FULL_MOMENTS = (50, 100, 200)


class RMSProp(optim.Optimiser):
    """As the chapter writes it."""

    s: Tensor

    def __init__(self, flat: Flat, decay: float = 0.0) -> None:
        super().__init__(flat, "s", decay=decay)

    def update(self, lr: float) -> None:
        """The step itself."""
        p, g = self.flat.p, self.flat.g
        self.s.mul_(0.99).addcmul_(g, g, value=0.01)
        p.addcdiv_(g, self.s.sqrt().add_(1e-8), value=-lr)


def net(vocab_size: int, seed: int) -> MLP:
    """The net of the chapter, from the first weights of a seed."""
    g = Generator().manual_seed(seed)
    return MLP(vocab_size, g, n_hidden=HIDDEN, normalise=False)


def run(parts: Any, V: int, name: str, rate: float, seed: int, **how: Any) -> Any:
    """Dev loss on minibatches; None if the run left the numbers."""
    config = TrainConfig(steps=STEPS, optimiser=name, lr=rate, seed=seed, **how)
    model = net(V, seed)
    try:
        fit(model, parts[0], None, config)
    except ValueError:
        return None
    loss = nll(model, *parts[1])
    return round(loss, 4) if math.isfinite(loss) else None


def counted(X: Tensor, Y: Tensor, V: int) -> tuple[Tensor, Tensor]:
    """Distinct contexts (U, T), and how often each symbol follows each (U, V)."""
    contexts, which = X.unique(dim=0, return_inverse=True)
    counts = torch.zeros(len(contexts), V)
    return contexts, counts.index_put_((which, Y), torch.ones(len(Y)), accumulate=True)


def full(
    contexts: Tensor, counts: Tensor, name: str, rate: float, seed: int
) -> list[float | None]:
    """Train loss at the moments, by the gradient of all rows; the rate is constant."""
    V, N = counts.shape[1], float(counts.sum())
    model, share, found = net(V, seed), counts.sum(1, keepdim=True) / N, []
    flat = Flat(model)
    rule = optim.OPTIMISERS[name](flat)
    with torch.inference_mode():
        for i in range(FULL + 1):
            logits, cache = model.forward(contexts)
            logp = logits - logits.logsumexp(1, keepdim=True)
            loss = -float((counts * logp).sum()) / N
            if not math.isfinite(loss):
                break
            if i in FULL_MOMENTS:
                found.append(round(loss, 4))
            model.zero_grad()
            model.backward(share * logp.exp() - counts / N, cache)
            rule.step(rate)
    return found + [None] * (len(FULL_MOMENTS) - len(found))


def main() -> None:
    """Run all; write the file."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    optim.OPTIMISERS["rmsprop"] = RMSProp
    optim.OPTIMISERS["nesterov"] = lambda flat, decay=0.0: optim.SGD(
        flat, 0.9, True, decay
    )
    names = data.load("names")
    vocab, V = data.Vocab.of(names), len(data.Vocab.of(names))
    parts = [data.windows(p, vocab, 3) for p in data.split(names, seed=42)[:2]]
    contexts, counts = counted(*parts[0], V)
    started, rules, shapes, whole = time.process_time(), [], [], []
    for name, rates in FULL_RATES.items():
        for rate in rates:
            found = [full(contexts, counts, name, rate, s) for s in SEEDS]
            whole.append({"rule": name, "rate": rate, "train": found})
            print(whole[-1], flush=True)
    for name, rates in RULES.items():
        for rate in rates:
            dev = run(parts, V, name, rate, TUNING_SEED)
            rules.append({"rule": name, "rate": rate, "dev": dev})
            print(rules[-1], flush=True)
    for label, (name, warmup) in SHAPES.items():
        for rate in SHAPE_RATES:
            how = {"schedule": name, "warmup": warmup}
            dev = run(parts, V, "adam", rate, TUNING_SEED, **how)
            shapes.append({"schedule": label, "rate": rate, "dev": dev})
            print(shapes[-1], flush=True)
    result = {
        "label": "rates of optimisers and schedules",
        "command": "python book/_results/optimisers.py",
        "settings": {
            "block": 3,
            "n_embd": 10,
            "n_hidden": HIDDEN,
            "steps": STEPS,
            "batch": 64,
            "rate": "a tenth of the run as warm-up, then a cosine",
            "momentum": 0.9,
        },
        "seeds": list(SEEDS),
        "tuning_seed": TUNING_SEED,
        "rules": rules,
        "schedules": shapes,
        "full": {
            "steps": FULL,
            "moments": list(FULL_MOMENTS),
            "distinct_contexts": len(contexts),
            "rate": "constant",
            "runs": whole,
        },
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance(names, {"train": len(parts[0][0])}, "names (bundled)"),
    }
    write("optimisers", result)


if __name__ == "__main__":
    main()

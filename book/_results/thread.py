"""Train one net through chapters 7 to 12, a change at a time, and write one file.

Run by ``make results`` (minutes). The data are the bundled names; sizes, rows, steps,
minibatches and first random numbers are those of one common run, so that what a stage
changes is all that differs from the stage it builds on. Every stage gets the best
learning rate of a grid, found with a seed of its own; it falls along a cosine. Tanh
goes through all stages; beside it runs the net with GELU. What was measured is kept in
``_build/thread.json``, so that a run that was broken off can go on.

The last stage is the net before it with every line of its backward written out, as in
the chapter on backpropagation through everything; with ``float64`` the two are run once
more in that type.
"""

import json
import math
import sys
import time
from statistics import mean, stdev
from typing import Any

import torch
from record import HERE, provenance, write
from torch import Generator, Tensor

from charlm import data, ops
from charlm.models import MLP, KneserNey
from charlm.sample import nll, sample
from charlm.train import Fast, Flat, has_fast_form
from charlm.train.optim import OPTIMISERS

KEPT = HERE.parents[1] / "_build" / "thread.json"
SEEDS, TUNING_SEED = (0, 1, 2), 3
STEPS, SIZE, H, BLOCK, E = 5_000, 64, 100, 3, 10
MOMENTS = (250, 500, 1_000, 2_500, 5_000)
RATES = {
    "sgd": (0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0),
    "adam": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
}
# stage, chapter, activation, start, optimiser, batch normalisation, first rate tried
STAGES: list[tuple[int, str, str, str, str, bool, float]] = [
    (1, "mlp", "tanh", "plain", "sgd", False, 1.0),
    (3, "initialisation", "tanh", "scaled", "sgd", False, 0.6),
    (4, "optimisers", "tanh", "scaled", "adam", False, 0.01),
    (5, "batchnorm", "tanh", "scaled", "adam", True, 0.003),
    (6, "backprop-everything", "tanh", "scaled", "adam", True, 0.0),
    (2, "activations", "gelu", "plain", "sgd", False, 0.3),
    (3, "initialisation", "gelu", "scaled", "sgd", False, 2.0),
    (4, "optimisers", "gelu", "scaled", "adam", False, 0.01),
    (5, "batchnorm", "gelu", "scaled", "adam", True, 0.01),
]
GAIN = {"tanh": 5 / 3, "gelu": math.sqrt(2)}


class WithGELU(MLP):
    """The multilayer perceptron with GELU in the place of tanh."""

    def forward(self, ix: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        """ix (B, T) symbols  ->  logits (B, V)."""
        emb, c_emb = ops.embedding(ix, self.C)
        pre, c_pre = ops.linear(emb.flatten(1), self.W1, self.b1)
        norm, c_norm = self._normalise(pre, training)
        h, c_h = ops.gelu(norm)
        logits, c_out = ops.linear(h, self.W2, self.b2)
        return logits, (emb.shape, c_emb, c_pre, c_norm, c_h, c_out)

    def backward(self, dlogits: Tensor, cache: Any) -> None:
        """dlogits (B, V): adds the gradient of every parameter."""
        shape, c_emb, c_pre, c_norm, c_h, c_out = cache
        dh, dW2, db2 = ops.linear_backward(dlogits, c_out)
        dpre = self._normalise_backward(ops.gelu_backward(dh, c_h), c_norm)
        dflat, dW1, db1 = ops.linear_backward(dpre, c_pre)
        dC = ops.embedding_backward(dflat.reshape(shape), c_emb)
        found = {"C": dC, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
        for name, grad in found.items():
            getattr(self, f"d{name}").add_(grad)


def net(
    vocab_size: int,
    seed: int,
    activation: str,
    start: str,
    normalise: bool,
    dtype: torch.dtype = torch.float32,
) -> MLP:
    """The net of a stage before its first step.

    *Plain* is the first start of the lectures: every weight and bias from a normal law
    of deviation one. *Scaled* is that of the package, with the gain of the activation.
    Batch normalisation has the unbiased variance, as in the lectures.
    """
    g = Generator().manual_seed(seed)
    kind = MLP if activation == "tanh" else WithGELU
    model = kind(
        vocab_size,
        g,
        block=BLOCK,
        n_embd=E,
        n_hidden=H,
        normalise=normalise,
        correction=int(normalise),
        momentum=0.01,
        dtype=dtype,
    )
    if start == "plain":
        model.W1 *= math.sqrt(BLOCK * E) / (5 / 3)
        model.W2 *= math.sqrt(H) / 0.1
        for bias in (model.b1, model.b2):
            bias.copy_(torch.randn(len(bias), generator=g, dtype=dtype))
    else:
        model.W1 *= GAIN[activation] / (5 / 3)
    return model


def by_pairs(model: MLP, X: Tensor, Y: Tensor) -> float:
    """The gradient by the pairs of the package; returns the loss."""
    model.zero_grad()
    logits, cache = model.forward(X)
    loss, c_loss = ops.cross_entropy(logits, Y)
    model.backward(ops.cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
    return loss.item()


def by_hand(m: MLP, X: Tensor, Y: Tensor) -> float:
    """The same written out, line by line; returns the loss."""
    n = len(X)
    flat = m.C[X].flatten(1)  # (N, T*E)
    a = flat @ m.W1 + m.b1  # (N, H)
    mu = a.mean(0)
    c = a - mu
    v = c.square().sum(0) / (n - 1)
    s = (v + 1e-5) ** -0.5
    r = c * s
    h = (m.gamma * r + m.beta).tanh()
    z = h @ m.W2 + m.b2  # (N, V)
    k = (z - z.amax(1, keepdim=True)).exp()
    p = k / k.sum(1, keepdim=True)
    loss = -p[torch.arange(n), Y].log().mean()
    m._move_running(mu, v, n)

    dz = p.clone()
    dz[torch.arange(n), Y] -= 1
    dz /= n
    m.dW2.copy_(h.T @ dz)
    m.db2.copy_(dz.sum(0))
    du = (1 - h * h) * (dz @ m.W2.T)  # (N, H)
    m.dgamma.copy_((r * du).sum(0))
    m.dbeta.copy_(du.sum(0))
    dr = m.gamma * du
    dv = -0.5 * (v + 1e-5) ** -1.5 * (c * dr).sum(0)
    dc = s * dr + 2 * c * dv / (n - 1)
    da = dc - dc.sum(0) / n
    m.dW1.copy_(flat.T @ da)
    m.db1.copy_(da.sum(0))
    demb = (da @ m.W1.T).view(-1, E)  # (N*T, E)
    m.dC.zero_().index_add_(0, X.flatten(), demb)
    return loss.item()


class Thread:
    """The data, made once."""

    def __init__(self) -> None:
        self.words = data.load("names")
        self.vocab = data.Vocab.of(self.words)
        self.parts = data.split(self.words, seed=42)
        self.rows = [data.windows(p, self.vocab, BLOCK) for p in self.parts]
        far = data.windows(self.parts[0], self.vocab, 5)
        self.judge = KneserNey(len(self.vocab), *far, block=5, discount=0.9)
        self.tried: dict = json.loads(KEPT.read_text()) if KEPT.exists() else {}

    def nats(self, items: list[str]) -> float:
        """Nats per character of names under Kneser-Ney with five characters."""
        return nll(self.judge, *data.windows(items, self.vocab, 5))

    def names(self, model: MLP, seed: int) -> dict:
        """A thousand drawn names: some, how many are new, how good they are."""
        g = Generator().manual_seed(2000 + seed)
        drawn, known = sample(model, self.vocab, 1000, g), set(self.parts[0])
        new = [name for name in drawn if name not in known]
        return {
            "first": drawn[:10],
            "new": len(new) / len(drawn),
            "nats": round(self.nats(drawn), 4),
            "nats_of_new": round(self.nats(new), 4),
        }

    def train(
        self,
        stage: tuple,
        rate: float,
        seed: int,
        dtype: torch.dtype = torch.float32,
    ) -> tuple[dict, list[float]]:
        """One run, and the losses of its minibatches; no dev loss if it blows up."""
        number, _, activation, start, optimiser, normalise, _ = stage
        model = net(len(self.vocab), seed, activation, start, normalise, dtype)
        flat = Flat(model)
        fast = Fast(model, flat) if has_fast_form(model) else None
        rule, losses, dev = OPTIMISERS[optimiser](flat), [], {}
        gradient = by_hand if number == 6 else by_pairs
        g = Generator().manual_seed(1000 + seed)
        (X, Y), held = self.rows[:2]
        with torch.inference_mode():
            for i in range(STEPS):
                rows = data.minibatch(X, Y, SIZE, g)
                losses.append(fast.gradient(*rows) if fast else gradient(model, *rows))
                if not math.isfinite(losses[-1]):
                    return {"seed": seed, "dev": math.inf}, losses
                rule.step(rate * (1 + math.cos(math.pi * i / STEPS)) / 2)
                if i + 1 in MOMENTS:
                    dev[str(i + 1)] = round(nll(model, *held), 4)
            run = {
                "seed": seed,
                "first": round(losses[0], 4),
                "train": round(nll(model, X, Y), 4),
                "dev": dev[str(STEPS)],
                "dev_after": dev,
                "test": round(nll(model, *self.rows[2]), 4),
                "names": self.names(model, seed),
            }
        run["parameters"] = flat.p.numel()
        return run, losses

    def best_rate(self, stage: tuple) -> tuple[float, dict]:
        """The best rate with the tuning seed: a larger and a smaller one are worse."""
        rates, tried = RATES[stage[4]], {}

        def dev(i: int) -> float:
            key = " ".join(map(str, (*stage[:-1], rates[i])))
            if key not in self.tried:
                self.tried[key] = self.train(stage, rates[i], TUNING_SEED)[0]["dev"]
                KEPT.parent.mkdir(exist_ok=True)
                KEPT.write_text(json.dumps(self.tried, indent=1))
            tried[i] = self.tried[key]
            return tried[i]

        best = rates.index(stage[6])
        while True:
            near = [i for i in (best - 1, best, best + 1) if 0 <= i < len(rates)]
            better = min(near, key=dev)
            if better == best:
                # a run that left the numbers has no loss
                kept = {i: None if math.isinf(d) else d for i, d in tried.items()}
                return rates[best], {str(rates[i]): kept[i] for i in sorted(kept)}
            best = better


def apart(first: list[float], second: list[float]) -> dict:
    """Largest difference of two runs' minibatch losses up to some steps."""
    gaps = [abs(a - b) for a, b in zip(first, second, strict=True)]
    return {str(n): float(f"{max(gaps[:n]):.1e}") for n in (1, 10, 100, 1_000, STEPS)}


def entry(thread: Thread, stage: tuple, found: list[dict], curves: dict) -> dict:
    """All runs of a stage, and what they have in common; fills ``curves``."""
    number, chapter, activation, start, optimiser, normalise, _ = stage
    tuning: dict = {}
    if number == 6:  # the rate of the stage that it repeats
        rate = next(e["rate"] for e in found if e["stage"] == 5)
    else:
        rate, tuning = thread.best_rate(stage)
    runs = []
    for seed in SEEDS:
        run, curves[number, activation, seed] = thread.train(stage, rate, seed)
        runs.append(run)
    kept = {
        "stage": number,
        "chapter": chapter,
        "activation": activation,
        "start": start,
        "optimiser": optimiser,
        "normalise": normalise,
        "rate": rate,
        "tuning": tuning,
        "parameters": [run.pop("parameters") for run in runs][0],
        "mean": {
            k: round(mean(r[k] for r in runs), 4) for k in ("train", "dev", "test")
        },
        "spread": round(stdev(r["dev"] for r in runs), 4),
        "runs": runs,
    }
    if number == 6:
        before = next(s for s in STAGES if s[0] == 5)
        exact = [thread.train(s, rate, 0, torch.float64)[1] for s in (before, stage)]
        pairs = [[curves[k, "tanh", seed] for k in (5, 6)] for seed in SEEDS]
        kept["apart_from_stage_5"] = {
            "float32": [apart(*pair) for pair in pairs],
            "float64, seed 0": apart(*exact),
        }
    return kept


def main() -> None:
    """Train all, and write the file after every stage."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    started = time.process_time()
    thread, found, curves = Thread(), [], {}
    names = ("train", "dev", "test")
    rows = {k: len(r[1]) for k, r in zip(names, thread.rows, strict=True)}
    known = set(thread.parts[0])
    unseen = [name for name in thread.parts[1] if name not in known]
    record = {
        "label": "one thread",
        "model": "net() in book/_results/thread.py",
        "settings": {
            "block": BLOCK,
            "n_embd": E,
            "n_hidden": H,
            "steps": STEPS,
            "batch": SIZE,
            "rate": "falls to zero along a cosine",
            "seeds": SEEDS,
            "tuning_seed": TUNING_SEED,
            "correction": 1,
            "momentum": 0.01,
        },
        **provenance(thread.words, rows, name="names"),
        "command": "make results",
        "judge": {
            "model": "Kneser-Ney, 5 characters, discount 0.9, of the train part",
            "dev_names": round(thread.nats(thread.parts[1]), 4),
            "dev_names_not_in_train": round(thread.nats(unseen), 4),
            "dev_share_not_in_train": round(len(unseen) / len(thread.parts[1]), 4),
        },
    }
    for stage in STAGES:
        found.append(entry(thread, stage, found, curves))
        record["cpu_seconds"] = round(time.process_time() - started, 1)
        record["stages"] = sorted(found, key=lambda e: e["stage"])
        write("thread", record)
        told = found[-1]
        print(*stage[:3], told["rate"], told["mean"], file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

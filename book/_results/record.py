"""Train the models whose results the book quotes, and write one file for each.

Run by ``make results``; with the word ``ngram``, only what is counted (seconds). A file
holds everything that is needed to repeat the run: the settings, the checksum of the
data, the versions, the machine, the time and the curve.
The data are the lectures' list of names, downloaded once or taken from ``CHARLM_DATA``.
"""

import hashlib
import json
import math
import platform
import random
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean

import numpy
import torch
from torch import Generator

import charlm
from charlm import data
from charlm.models import MLP, KneserNey, NGram
from charlm.sample import nll
from charlm.train import sgd

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
STEPS, SIZE, CURVE = 200_000, 32, 1_000
MODELS = {
    "mlp-batchnorm": {"label": "with batch normalisation", "normalise": True},
    "mlp-plain": {"label": "without", "normalise": False},
}


def rate(step: int) -> float:
    """From 0.1 down to zero along a cosine."""
    return 0.05 * (1 + math.cos(math.pi * step / STEPS))


def train(job: tuple[str, int]) -> dict:
    """One run; the result is plain numbers."""
    name, seed = job
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    words = data.load("makemore")
    vocab = data.Vocab.of(words)
    parts = data.split(words, seed=42)
    X, Y = data.windows(parts[0], vocab, block=3)
    Xdev, Ydev = data.windows(parts[1], vocab, block=3)
    g = Generator().manual_seed(seed)
    model = MLP(len(vocab), g, normalise=MODELS[name]["normalise"], correction=1)
    started = time.process_time()
    losses = sgd(model, X, Y, STEPS, rate, SIZE, g)
    seconds = time.process_time() - started
    return {
        "seed": seed,
        "train": round(nll(model, X, Y), 4),
        "dev": round(nll(model, Xdev, Ydev), 4),
        "cpu_seconds": round(seconds, 1),
        "curve": [
            round(mean(losses[i : i + CURVE]), 4) for i in range(0, STEPS, CURVE)
        ],
        "parameters": sum(p.numel() for _, p, _ in model.named()),
        "data_rows": {"train": len(X), "dev": len(Xdev)},
    }


def code_version() -> str:
    """A hash of the package's source, and the commit it was taken from."""
    digest = hashlib.sha256()
    for path in sorted(Path(charlm.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    return f"{digest.hexdigest()[:12]} at {commit.stdout.strip() or 'no commit'}"


def made() -> dict:
    """What a record was made with: code, versions, machine."""
    return {
        "code": code_version(),
        "versions": {
            "charlm": charlm.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "machine": f"{platform.machine()}, one thread per run",
    }


def card(command: str, trial: bool) -> str:
    """Where to compute: "cpu" for a trial; without a card the program ends."""
    if trial:
        return "cpu"
    if not torch.cuda.is_available():
        print(
            f"{command}: PyTorch {torch.__version__} finds no graphics processor of "
            "NVIDIA here, and this is recorded on one; give --cpu to try the program "
            "in a small size, which records nothing",
            file=sys.stderr,
        )
        sys.exit(2)
    return "cuda"


def provenance(
    words: list[str], rows: dict | None = None, name: str = "makemore"
) -> dict:
    """What is needed to repeat a run on these items, besides its settings."""
    found = {
        "name": name,
        "items": len(words),
        "sha256_of_items": hashlib.sha256("\n".join(words).encode()).hexdigest(),
        "split": "seed 42, 80/10/10",
    }
    return {"data": found | ({"rows": rows} if rows else {}), **made()}


def write(name: str, record: dict) -> None:
    """Write ``name``.json beside this file."""
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


def bigram_net(C: torch.Tensor, strength: float) -> dict:
    """Where the bigram net ends that adds ``strength`` times the mean of W squared.

    C (V, V) are its counts. By Newton's method, row by row.
    """
    V, N = len(C), C.sum()
    n, weight = C.sum(1, keepdim=True), 2 * strength / V**2
    W = (C + 0.5).log()
    W -= W.mean(1, keepdim=True)
    for _ in range(30):
        P = W.softmax(1)
        gradient = (n * P - C) / N + weight * W
        H = P.diag_embed() - P.unsqueeze(2) * P.unsqueeze(1)
        H = (n / N).unsqueeze(2) * H + weight * torch.eye(V, dtype=C.dtype)
        W -= torch.linalg.solve(H, gradient)
    assert gradient.abs().max() < 1e-12
    loss = -(C * W.log_softmax(1)).sum().item() / N.item()
    total = loss + strength * (W**2).mean().item()
    return {"strength": strength, "nll": round(loss, 4), "with decay": round(total, 4)}


def one_by_one(logp: torch.Tensor) -> float:
    """The mean of minus these numbers, added up in float32 from first to last."""
    total = numpy.add.accumulate(logp.float().numpy(), dtype=numpy.float32)[-1]
    return round(float(-total / numpy.float32(len(logp))), 6)


def remembered(parts: list[list[str]], vocab: data.Vocab) -> dict:
    """Dev losses with the dev names taken out of the training names, and controls.

    ``others`` are three runs without as many training names drawn at random.
    """
    dev = data.windows(parts[1], vocab, block=5)
    known = set(parts[1])
    without = [name for name in parts[0] if name not in known]

    def losses(names: list[str]) -> dict:
        train = data.windows(names, vocab, block=5)
        models = {
            "bigram": NGram(len(vocab), *train, block=1, alpha=0.1),
            "kneser-ney 5": KneserNey(len(vocab), *train, block=5, discount=0.9),
        }
        return {name: round(nll(model, *dev), 4) for name, model in models.items()}

    return {
        "taken out": len(parts[0]) - len(without),
        "all": losses(parts[0]),
        "without": losses(without),
        "others": [
            losses(random.Random(seed).sample(parts[0], len(without))) for seed in SEEDS
        ],
    }


def counting() -> None:
    """Count, and write one file: bigrams, orders, Kneser-Ney, repeated names."""
    torch.set_num_threads(1)
    words = data.load("makemore")
    vocab = data.Vocab.of(words)
    V, keys = len(vocab), ("train", "dev", "test")
    X, Y = data.windows(words, vocab, block=1)
    models = {f"alpha {a}": NGram(V, X, Y, alpha=a) for a in (0, 1)}
    whole = {key: nll(model, X, Y) for key, model in models.items()}
    looped = {
        key: one_by_one(model.forward(X)[0][torch.arange(len(Y)), Y])
        for key, model in models.items()
    }

    def orders(items: list[str]) -> dict:
        parts = [data.windows(p, vocab, block=5) for p in data.split(items, seed=42)]
        found: dict = {"add-alpha": [], "kneser-ney": []}
        for block in range(6):
            models = {
                "add-alpha": NGram(V, *parts[0], block=block, alpha=0.1),
                "kneser-ney": KneserNey(V, *parts[0], block=block, discount=0.9),
            }
            for name, model in models.items():
                losses = (round(nll(model, *part), 4) for part in parts)
                found[name].append(dict(zip(keys, losses, strict=True)))
        return found

    started = time.process_time()
    parts = data.split(words, seed=42)
    train = set(parts[0])
    rows = {
        key: len(data.windows(part, vocab, block=1)[1])
        for key, part in zip(keys, parts, strict=True)
    }
    record = {
        "label": "counting",
        "model": "charlm.models.ngram",
        "settings": {"blocks": [0, 1, 2, 3, 4, 5], "alpha": 0.1, "discount": 0.9},
        **provenance(words, rows),
        "command": "make results",
        "bigram_on_the_whole_file": {k: round(v, 4) for k, v in whole.items()},
        "bigram_added_up_in_float32": looped,
        "net_with_decay": bigram_net(models["alpha 0"].counts.double(), 0.01),
        "orders": orders(words),
        "distinct_names_only": orders(list(dict.fromkeys(words))),
        "repeats": {
            "distinct": len(set(words)),
            **{
                f"{key}_names": {
                    "all": len(part),
                    "also_in_train": sum(name in train for name in part),
                }
                for key, part in zip(keys[1:], parts[1:], strict=True)
            },
            "dev_names_taken_out_of_train": remembered(parts, vocab),
        },
        "cpu_seconds": round(time.process_time() - started, 1),
    }
    write("ngram", record)
    best = record["orders"]["kneser-ney"][-1]
    print(f"ngram.json: Kneser-Ney dev {best['dev']}", file=sys.stderr)


def main() -> None:
    """Count; then train the networks, in two processes; write the files."""
    counting()
    if "ngram" in sys.argv[1:]:
        return
    words = data.load("makemore")
    jobs = [(name, seed) for name in MODELS for seed in SEEDS]
    with ProcessPoolExecutor(2) as pool:
        results = dict(zip(jobs, pool.map(train, jobs), strict=True))
    for name, model in MODELS.items():
        runs = [results[name, seed] for seed in SEEDS]
        record = {
            "label": model["label"],
            "model": "charlm.models.MLP",
            "settings": {
                "normalise": model["normalise"],
                "correction": 1,
                "block": 3,
                "n_embd": 10,
                "n_hidden": 200,
                "steps": STEPS,
                "batch": SIZE,
                "rate": "from 0.1 to 0 along a cosine",
                "optimiser": "plain gradient descent on hand-written gradients",
            },
            **provenance(words, runs[0].pop("data_rows")),
            "command": "make results",
            "parameters": runs[0].pop("parameters"),
            "mean": {
                key: round(mean(run[key] for run in runs), 4)
                for key in ("train", "dev", "cpu_seconds")
            },
            "runs": runs,
        }
        for run in runs[1:]:
            del run["parameters"], run["data_rows"]
        write(name, record)
        print(f"{name}.json: dev {record['mean']['dev']}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Train a small GPT on the bundled names and write down what its heads look at.

``python book/_results/heads.py``, about half a minute on one thread. All gradients are
those of the package.
"""

import json

import torch
from record import provenance, write
from torch import Generator

from charlm import data
from charlm.models import GPT
from charlm.sample import nll
from charlm.train import TrainConfig, fit

SIZES = {"block": 16, "n_embd": 32, "n_head": 4, "n_layer": 2}
SETTINGS = {"steps": 2000, "batch": 64, "lr": 6e-3, "decay": 0.1}
NAMES = ("marianna", "elisabetta", "jonathan")


def weights(model: GPT, ix: torch.Tensor) -> torch.Tensor:
    """Attention weights of all heads: ix (B, T)  ->  (layers, B, heads, T, T)."""
    _, cache = model.forward(ix, training=False)
    return torch.stack([attend[1][2][-1] for attend, _ in cache[3]])


def seen(A: torch.Tensor) -> str:
    """A (T, T)  ->  what each position may look at, row by row, as JSON."""
    rows = [[round(a, 5) for a in row[: t + 1]] for t, row in enumerate(A.tolist())]
    return json.dumps(rows, separators=(",", ":"))


def main() -> None:
    """One run, and the maps of a few names."""
    torch.set_num_threads(1)
    names = data.corpus("names")
    model = GPT(len(names.vocab), Generator().manual_seed(1), **SIZES)
    fit(model, names.encode(model, "train"), config=TrainConfig(**SETTINGS))
    maps = {}
    for name in NAMES:
        ix = torch.tensor([[0, *names.vocab.encode(name)]])
        A = weights(model, ix)[:, 0]  # (layers, heads, T, T)
        maps[name] = [[seen(head) for head in layer] for layer in A]
    found = {
        "label": "attention weights of a small GPT",
        **provenance(data.load("names"), name="names"),
        "command": "python book/_results/heads.py",
        "sizes": SIZES,
        "settings": SETTINGS,
        "dev": round(nll(model, *names.encode(model, "dev")), 4),
        "maps": maps,
    }
    write("heads", found)


if __name__ == "__main__":
    main()

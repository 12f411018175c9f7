"""The table of a bigram model with smoothing: a row of it, and its loss."""

import torch
from torch import Generator

from charlm.data import corpus
from charlm.models import Bigram, NGram
from charlm.sample import nll

ALPHAS = [round(10 ** (k / 3), 4) for k in range(-6, 10)]

names = corpus("names")
V = len(names.vocab)
PARTS = {part: names.encode(Bigram(V, Generator()), part) for part in ("train", "dev")}


def counts(part: str) -> list[int]:
    """V * V numbers, row by row: how often each symbol follows each."""
    found = torch.zeros(V, V, dtype=torch.int64)
    model = NGram(V, *PARTS[part], block=1)
    found[model.contexts] = model.counts
    return found.flatten().tolist()


def data() -> dict:
    """What the script needs."""
    found = {part: counts(part) for part in PARTS}
    return {"symbols": list(names.vocab.symbols), "alphas": ALPHAS} | found


def probes():
    """Settings, and what charlm computes for them."""
    for after, alpha in ((".", 0), ("q", 6), ("a", 12), ("z", 15)):
        model = NGram(V, *PARTS["train"], block=1, alpha=ALPHAS[alpha])
        logp, _ = model.forward(torch.tensor([[names.vocab.symbols.index(after)]]))
        losses = {part: nll(model, *PARTS[part]) for part in PARTS}
        yield (
            {"after": after, "alpha": alpha},
            {"p": logp[0].exp().tolist()} | losses,
        )

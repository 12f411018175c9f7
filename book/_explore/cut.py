"""What temperature, top-k and top-p leave of a distribution, and what a beam keeps."""

import torch
from torch import Generator

from charlm import ops
from charlm.data import corpus
from charlm.models import Bigram, NGram
from charlm.sample import beam, narrow

LONGEST = 5

names = corpus("names")
V = len(names.vocab)
x, y = names.encode(Bigram(V, Generator()), "train")
model = NGram(V, x, y, block=1, alpha=1)


def data() -> dict:
    """What the script needs."""
    counts = torch.zeros(V, V, dtype=torch.int64)
    counts[model.contexts] = model.counts
    return {
        "symbols": list(names.vocab.symbols),
        "counts": counts.flatten().tolist(),
        "longest": LONGEST,
    }


def probes():
    """Settings, and what charlm computes for them."""
    for after, temperature, k, p, width in (
        ("a", 1.0, 27, 0.9, 3),
        (".", 0.5, 27, 1.0, 1),
        ("n", 2.0, 8, 0.75, 5),
        ("q", 3.0, 27, 0.5, 2),
        ("e", 0.1, 3, 0.95, 4),
    ):
        ix = torch.tensor([[names.vocab.symbols.index(after)]])
        logits, _ = model.forward(ix)
        kept = narrow(logits.double(), temperature, k, p)
        found = beam(model, names.vocab, width, LONGEST)
        yield (
            {
                "after": after,
                "temperature": temperature,
                "k": k,
                "p": p,
                "width": width,
            },
            {
                "q": ops.softmax(kept)[0][0].tolist(),
                "names": [list(one) for one in found],
            },
        )

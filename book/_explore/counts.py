"""The matrix of the bigram net along its training, beside the log counts."""

import torch
from torch import Generator

from charlm import ops
from charlm.data import corpus
from charlm.models import Bigram, NGram
from charlm.sample import nll

RATE = 50.0
STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)

names = corpus("names")
V = len(names.vocab)
x, y = names.encode(Bigram(V, Generator()), "train")
model = NGram(V, x, y, block=1, alpha=0)


def counts() -> torch.Tensor:
    """(V, V): how often each symbol follows each."""
    found = torch.zeros(V, V, dtype=torch.int64)
    found[model.contexts] = model.counts
    return found


def data() -> dict:
    """What the script needs."""
    return {
        "symbols": "".join(names.vocab.symbols),
        "counts": counts().flatten().tolist(),
        "rate": RATE,
        "steps": STEPS,
        "counted": nll(model, x, y),
    }


def probes():
    """charlm's net, over all pairs one by one, from a matrix of zeros."""
    net = Bigram(V, Generator(), dtype=torch.float64)
    net.W.zero_()
    for step in range(11):
        net.zero_grad()
        logits, cache = net.forward(x)
        loss, c_loss = ops.cross_entropy(logits, y)
        if step in STEPS:
            found = {"W": net.W.flatten().tolist(), "loss": loss.item()}
            yield {"step": STEPS.index(step)}, found
        net.backward(ops.cross_entropy_backward(torch.ones_like(loss), c_loss), cache)
        net.W -= RATE * net.dW

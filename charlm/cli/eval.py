"""``charlm eval``."""

import math
from argparse import Namespace
from typing import Any

from ..data import PARTS, corpus, encode
from ..sample import nll
from ..train import checkpoint
from .output import say


def run(args: Namespace) -> int:
    """Losses of all parts, or the probability of given texts."""
    found = checkpoint.read(args.file)
    model, vocab = found.model(), found.vocab
    if args.name:
        return _probabilities(args, model, vocab)
    head = found.head["data"]
    data = corpus(head["source"], head["running"])
    if data.digest != head["sha256"]:
        raise ValueError(
            f"{args.file}: was trained on other data than {head['source']} holds now; "
            "measure it with the data of its training"
        )
    measured = {part: nll(model, *data.encode(model, part)) for part in PARTS}
    rows = [
        f"{part:6s} {loss:.4f} nats  {loss / math.log(2):.4f} bits  "
        f"perplexity {math.exp(loss):.3f}"
        for part, loss in measured.items()
    ]
    say(args, {"nats": measured}, "per character:", *rows)
    return 0


def _probabilities(args: Namespace, model: Any, vocab: Any) -> int:
    entries = []
    for name in args.name:
        X, Y = encode(model, [name], vocab)
        count = int((Y >= 0).sum())
        nats = nll(model, X, Y) * count
        entries.append({"name": name, "nats": nats, "probability": math.exp(-nats)})
    lines = [
        f"{e['name']:20s} {e['nats']:7.3f} nats  probability {e['probability']:.3g}"
        for e in entries
    ]
    say(args, {"names": entries}, *lines)
    return 0

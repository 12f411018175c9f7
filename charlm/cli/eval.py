"""``charlm eval``."""

import math
from argparse import Namespace

from ..sample import log_likelihood, nll
from ..train import checkpoint, on
from .output import say
from .source import corpus_of

LONGEST = 10_000  # symbols of a text to score


def run(args: Namespace) -> int:
    """Losses of data, by parts if it was trained on them, or of given texts."""
    found = checkpoint.read(args.file)
    if args.name and args.data is not None:
        raise ValueError("--name and --data: give one of them")
    if args.name:
        return _probabilities(args, found)
    data = corpus_of(found, args.data, "measure", whole=True)
    if data.digest == found.head["data"]["sha256"]:
        data = corpus_of(found, args.data, "measure")
    elif args.data is None:
        raise ValueError(
            f"{args.file}: was trained on other data than {data.source} holds now; "
            "measure it on a file: --data FILE"
        )
    raw = found.model()
    rows = {part: data.encode(raw, part) for part in data.parts}
    model = on(raw, args.device)
    measured = {part: nll(model, *pair) for part, pair in rows.items()}
    lines = [
        f"{part:6s} {loss:.4f} nats  {loss / math.log(2):.4f} bits  "
        f"perplexity {_exp(loss):.3f}"
        for part, loss in measured.items()
    ]
    say(args, {"nats": measured}, "per character:", *lines)
    return 0


def _probabilities(args: Namespace, found: checkpoint.Checkpoint) -> int:
    model, vocab = on(found.model(), args.device), found.vocab
    running = found.head["data"]["running"]
    entries = []
    for name in args.name:
        if running and not name or len(name) > LONGEST:
            raise ValueError(f"--name: {len(name):,} symbols; give 1 to {LONGEST:,}")
        nats = -log_likelihood(model, vocab, name, ended=not running)
        entries.append({"name": name, "nats": nats, "probability": math.exp(-nats)})
    lines = [
        f"{e['name']:20s} {e['nats']:7.3f} nats  probability {e['probability']:.3g}"
        for e in entries
    ]
    say(args, {"names": entries}, *lines)
    return 0


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf

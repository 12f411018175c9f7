"""How much of a loss on repeated names is memory: count without them.

Run by ``make results``; writes ``memory.json``. The lectures' list holds names several
times, so that some dev names stand in train. Models that count are counted three
times: from all of train, from train without those names, and, as a control, from train
without as many other entries, drawn at random. All are measured on the dev names in
question, and on the rest of dev.
"""

import random

import torch
from record import provenance, write

from charlm import data
from charlm.models import KneserNey, NGram
from charlm.sample import nll


def lists(words: list[str]) -> tuple[dict, dict]:
    """(what is counted from, what is measured), names by label."""
    train, dev, _ = data.split(words, seed=42)
    known = set(train) & set(dev)
    without = [w for w in train if w not in known]
    others = [w for w in train if w in known]
    others += random.Random(0).sample(without, len(without) - len(others))
    return (
        {"all": train, "without them": without, "without others": others},
        {
            "repeated": [w for w in dev if w in known],
            "others": [w for w in dev if w not in known],
        },
    )


def losses(vocab: data.Vocab, items: list[str], measured: dict) -> dict:
    """Model -> list -> loss, counted from these items."""
    V = len(vocab)
    X, Y = data.windows(items, vocab, block=5)
    models = {
        "counts-1": NGram(V, X, Y, block=1, alpha=0.5),
        "counts-3": NGram(V, X, Y, block=3, alpha=0.1),
        "kneser-ney": KneserNey(V, X, Y, block=5, discount=0.9),
    }
    held = {on: data.windows(kept, vocab, block=5) for on, kept in measured.items()}
    return {
        name: {on: round(nll(model, *pair), 4) for on, pair in held.items()}
        for name, model in models.items()
    }


def main() -> None:
    """Count three times, measure twice, and write one file."""
    torch.set_num_threads(1)
    words = data.load("makemore")
    vocab = data.Vocab.of(words)
    parts, measured = lists(words)
    found = {part: losses(vocab, items, measured) for part, items in parts.items()}
    write(
        "memory",
        {
            "label": "memory of repeated names",
            **provenance(words, {p: len(items) for p, items in parts.items()}),
            "command": "make results",
            "loss": {
                model: {part: rows[model] for part, rows in found.items()}
                for model in found["all"]
            },
        },
    )


if __name__ == "__main__":
    main()

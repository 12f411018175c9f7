"""How far the models of the page to try them on lie apart from seed to seed.

Run by ``make results``; writes ``playground.json``. The page trains one MLP and one GPT;
what it says of them has to hold for others like them. Bundled names, three seeds, the
settings of the page.
"""

import time

import torch
from record import provenance, write
from torch import Generator

from charlm import data
from charlm.config import TrainConfig
from charlm.corpus import corpus
from charlm.models import GPT, MLP, NGram
from charlm.sample import narrow, scores
from charlm.train import fit

SEEDS = (1, 2, 3)


def measure(seed: int) -> dict:
    """What the page looks at, for models from one seed."""
    started = time.process_time()
    names = corpus("names")
    vocab, V = names.vocab, len(names.vocab)

    def g() -> Generator:
        return Generator().manual_seed(seed)

    mlp = MLP(V, g(), normalise=False)
    gpt = GPT(V, g(), block=16, n_embd=32, n_head=4, n_layer=2)
    for model, config in (
        (mlp, TrainConfig(steps=8000, batch=64, lr=4e-3, decay=0.02, seed=seed)),
        (gpt, TrainConfig(steps=3500, batch=64, lr=6e-3, decay=0.1, seed=seed)),
    ):
        fit(model, names.encode(model, "train"), config=config)
    bigram = NGram(V, *names.encode(mlp, "train"), block=1, alpha=1)
    models = {"Bigram": bigram, "MLP": mlp, "GPT": gpt}

    def p(name: str, text: str, **settings) -> torch.Tensor:
        ix = torch.tensor([[0, *vocab.encode(text)]])
        return narrow(scores(models[name], ix), **settings)[0].softmax(-1)

    def entropy(q: torch.Tensor) -> float:
        return -torch.xlogy(q, q).sum().item()

    first = [p(name, "") for name in models]
    apart = max((first[0] - q).abs().sum().item() / 2 for q in first[1:])
    fronts = [n[:4] for n in names.parts["dev"] if len(n) >= 4][:50]
    ends = sum(p("GPT", f + "mar")[0].item() for f in fronts) / len(fronts)
    narrowed = {
        n: entropy(p(n, "ma")) - entropy(p(n, "ma", temperature=2, top_k=3))
        for n in models
    }
    X, Y = names.encode(gpt, "dev")
    late = (Y >= 0) & (torch.arange(X.shape[1]) >= 3)
    _, cache = gpt.forward(X, training=False)
    heads = []
    for attend, _ in cache[3]:
        for P in attend[1][2][-1].unbind(1):
            heads.append(
                [P.diagonal(-d, 1, 2)[late[:, d:]].mean().item() for d in range(2)]
            )
    return {
        "seed": seed,
        "first apart": round(apart, 4),
        "end after mar": round(p("GPT", "mar")[0].item(), 4),
        "end after four letters and mar": round(ends, 4),
        "narrowed": {n: round(x, 4) for n, x in narrowed.items()},
        "most on itself": round(max(h[0] for h in heads), 4),
        "most on the one before": round(max(h[1] for h in heads), 4),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    """Three seeds, one file."""
    torch.set_num_threads(1)
    words = data.load("names")
    write(
        "playground",
        {
            "label": "the models to try, from three seeds",
            **provenance(words, name="names"),
            "command": "make results",
            "runs": [measure(seed) for seed in SEEDS],
        },
    )


if __name__ == "__main__":
    main()

"""The bigram's loss of the lectures' list, its terms added as the lectures add them.

Run by ``make results``; writes ``sums.json``. One addition after the other in float32,
as in the loop of the first lecture, and in float64; and what the page on floating
point predicts for the loop without running it.
"""

import torch
from record import provenance, write

from charlm import data


def main() -> None:
    """Add in three ways, and write one file."""
    torch.set_num_threads(1)
    words = data.load("makemore")
    vocab = data.Vocab.of(words)
    X, Y = data.windows(words, vocab, 1)
    V, x = len(vocab), X[:, 0]
    counts = torch.zeros(V, V).index_put((x, Y), torch.ones(len(Y)), accumulate=True)
    rows = {}
    for add in (0, 1):
        P = counts + add
        terms = -(P / P.sum(1, keepdim=True)).log()[x, Y]
        total = torch.zeros(())
        for term in terms:
            total = total + term
        running = terms.double().cumsum(0)
        grid = 2.0 ** (running.log2().floor() - 23)
        predicted = ((terms.double() / grid).round() * grid).sum()
        n = len(Y)
        rows[f"alpha {add}"] = {
            "float32, one by one": round((total / n).item(), 6),
            "predicted": round(predicted.item() / n, 6),
            "float32, torch.sum": round((terms.sum() / n).item(), 6),
            "float64": round(terms.double().mean().item(), 6),
        }
    write(
        "sums",
        {
            "label": "sums in float32",
            **provenance(words, {"all": len(Y)}),
            "command": "make results",
            "loss": rows,
        },
    )


if __name__ == "__main__":
    main()

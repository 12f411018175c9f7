"""The place of one letter in a small trained net: loss, probabilities, gradients."""

from collections import Counter
from functools import cache

import torch
from torch import Generator, Tensor

from charlm import ops
from charlm.data import corpus
from charlm.models import MLP
from charlm.train import sgd

T, E, H = 3, 2, 12
STEPS, ROWS = 1_500, 64
USES = (2, 1, 2, 1)  # of the letter, in the contexts to choose from


@cache
def trained() -> tuple[str, int, list[str], dict[str, Tensor]]:
    """Symbols, the commonest letter, contexts with it, parameters of two digits."""
    names = corpus("names")
    V = len(names.vocab)
    net = MLP(V, Generator().manual_seed(0), T, E, H, normalise=False)
    X, Y = names.encode(net, "train")
    rates = [1.0] * (STEPS * 4 // 5) + [0.1] * (STEPS // 5)
    draws = Generator().manual_seed(1)
    sgd(net, X, Y, STEPS, rates.__getitem__, ROWS, draws)
    letter = torch.bincount(Y[Y > 0]).argmax().item()
    symbols = "".join(names.vocab.symbols)
    common = Counter(map(tuple, X.tolist())).most_common()
    found: list[str] = []
    for uses in USES:
        text = (
            "".join(symbols[i] for i in c) for c, _ in common if c.count(letter) == uses
        )
        found.append(next(c for c in text if c not in found))
    kept = {name: p.double().round(decimals=2) for name, p, _ in net.named()}
    return symbols, letter, found, kept


def data() -> dict:
    """What the script needs."""
    symbols, letter, contexts, P = trained()
    arrays = {name: p.tolist() for name, p in P.items()}
    return {"symbols": symbols, "letter": letter, "contexts": contexts} | arrays


def probes():
    """Settings, and what charlm computes for them."""
    symbols, letter, contexts, P = trained()
    moves = ((0.0, 0.0), (0.5, -1.0), (-1.5, 0.25), (2.0, 2.0))
    for context, wanted, move in zip(contexts, symbols[:4], moves, strict=True):
        C = P["C"].clone()
        C[letter] += torch.tensor(move)
        ix = torch.tensor([[symbols.index(c) for c in context]])
        emb, c_emb = ops.embedding(ix, C)
        a, c_a = ops.linear(emb.reshape(1, T * E), P["W1"], P["b1"])
        r, c_r = ops.tanh(a)
        z, c_z = ops.linear(r, P["W2"], P["b2"])
        loss, c_loss = ops.cross_entropy(z, torch.tensor([symbols.index(wanted)]))
        dz = ops.cross_entropy_backward(torch.ones_like(loss), c_loss)
        dr, _, _ = ops.linear_backward(dz, c_z)
        df, _, _ = ops.linear_backward(ops.tanh_backward(dr, c_r), c_a)
        dC = ops.embedding_backward(df.reshape(1, T, E), c_emb)
        across, up = C[letter].tolist()
        yield (
            {"context": context, "wanted": wanted, "across": across, "up": up},
            {
                "p": ops.softmax(z)[0][0].tolist(),
                "loss": loss.item(),
                "df": df.reshape(T, E).tolist(),
                "dC": dC[letter].tolist(),
            },
        )

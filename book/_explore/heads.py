"""What the heads of a trained GPT look at, as ``book/_results/heads.py`` wrote it."""

import json
from pathlib import Path

import torch

RESULTS = Path(__file__).parent.parent / "_results" / "heads.json"


def maps() -> dict[str, list]:
    """Name -> layers -> heads -> rows; row t has the weights of positions 0 to t."""
    found = json.loads(RESULTS.read_text(encoding="utf8"))["maps"]
    return {
        name: [[json.loads(head) for head in layer] for layer in layers]
        for name, layers in found.items()
    }


def data() -> dict:
    """What the script needs."""
    return {"maps": maps()}


def probes():
    """Settings, and what charlm computes for them."""
    for name, layers in maps().items():
        heads = [head for layer in layers for head in layer]
        for at, rows in enumerate(heads):
            T = len(rows)
            A = torch.zeros(T, T, dtype=torch.float64)
            for t, row in enumerate(rows):
                A[t, : t + 1] = torch.tensor(row)
            places = torch.arange(T, dtype=torch.float64)
            back = places - A @ places / A.sum(1)  # (T)
            H = -torch.special.xlogy(A, A).sum(1)  # (T)
            yield (
                {"name": name, "head": at, "reads": T - 1},
                {"back": back[1:].mean().item(), "reads": H[1:].exp().mean().item()},
            )

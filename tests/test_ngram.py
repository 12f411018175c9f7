"""Counting models against the same thing written slowly, and against known numbers."""

import math
import os
from collections import Counter, defaultdict

import pytest
import torch

from charlm import data, sample
from charlm.models import KneserNey, NGram

ITEMS = ["anna", "ann", "nan", "hanna", "ana", "ha"]


@pytest.fixture
def small():
    vocab = data.Vocab.of(ITEMS)
    return vocab, *data.windows(ITEMS, vocab, 3)


def every_context(V, length):
    return torch.cartesian_prod(*[torch.arange(V)] * length).reshape(-1, length)


@pytest.mark.parametrize("context", [0, 1, 2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
def test_ngram_equals_a_dictionary(small, context, alpha):
    vocab, X, Y = small
    V = len(vocab)
    counts = defaultdict(Counter)
    for x, y in zip(X.tolist(), Y.tolist(), strict=True):
        counts[tuple(x[len(x) - context :])][y] += 1
    contexts = every_context(V, 3)
    p = NGram(X, Y, V, context, alpha).forward(contexts)[0].exp()
    for row, x in zip(p.tolist(), contexts.tolist(), strict=True):
        seen = counts[tuple(x[3 - context :])]
        total = sum(seen.values()) + alpha * V
        wanted = [(seen[w] + alpha) / total if total else 1 / V for w in range(V)]
        assert row == pytest.approx(wanted, rel=1e-12)


def slow_kneser_ney(X, Y, V, context, d):
    """The definition, by sets and recursion."""
    T = X.shape[1]
    top = Counter(
        (*x[T - context :], y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)
    )
    levels = {context: top}
    for k in range(context - 1, -1, -1):
        levels[k] = Counter(gram[1:] for gram in levels[k + 1])

    def p(w, c):
        rows = {g[-1]: n for g, n in levels[len(c)].items() if g[:-1] == c}
        lower = p(w, c[1:]) if c else 1 / V
        if not rows:
            return lower
        total = sum(rows.values())
        return (max(rows.get(w, 0) - d, 0) + d * len(rows) * lower) / total

    return p


@pytest.mark.parametrize("context", [0, 1, 2, 3])
@pytest.mark.parametrize("discount", [0.0, 0.5, 0.9, 1.0])
def test_kneser_ney_equals_its_definition(small, context, discount):
    vocab, X, Y = small
    V = len(vocab)
    slow = slow_kneser_ney(X, Y, V, context, discount)
    contexts = every_context(V, 3)
    p = KneserNey(X, Y, V, context, discount).forward(contexts)[0].exp()
    torch.testing.assert_close(p.sum(1), torch.ones(len(p), dtype=torch.float64))
    for row, x in zip(p.tolist(), contexts.tolist(), strict=True):
        wanted = [slow(w, tuple(x[3 - context :])) for w in range(V)]
        assert row == pytest.approx(wanted, rel=1e-12)


def test_probabilities_sum_to_one_on_the_bundled_names():
    names = data.load("names")[::40]
    vocab = data.Vocab.of(names)
    X, Y = data.windows(names, vocab, 4)
    g = torch.Generator().manual_seed(0)
    ix = torch.randint(len(vocab), (200, 4), generator=g)
    for model in (NGram(X, Y, 27, 2, 0.1), KneserNey(X, Y, 27, 4)):
        total = model.forward(ix)[0].exp().sum(1)
        torch.testing.assert_close(total, torch.ones(200, dtype=torch.float64))


def test_they_can_be_sampled_and_measured(small):
    vocab, X, Y = small
    g = torch.Generator().manual_seed(1)
    model = NGram(X, Y, len(vocab), 3, alpha=0.0)
    names = sample.sample(model, vocab, 20, g)
    # without smoothing nothing is made that was not seen: every piece is in the list
    pieces = {f"..{i}."[k : k + 3] for i in ITEMS for k in range(len(i) + 1)}
    for name in names:
        assert {f"..{name}."[k : k + 3] for k in range(len(name) + 1)} <= pieces
    loss = sample.nll(model, X, Y)
    assert 0 < loss < math.log(len(vocab))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X, Y: NGram(X, Y, 4, 9), "contexts of 9 symbols.*windows have 3"),
        (lambda X, Y: NGram(X, Y[:2], 4, 1), "as many targets"),
        (lambda X, Y: NGram(X, Y, 4, 1, alpha=-1), "alpha is -1"),
        (lambda X, Y: KneserNey(X, Y, 4, 2, 1.5), "discount is 1.5; give 0 to 1"),
        (lambda X, Y: NGram(X, Y, 2**40, 1), "cannot be numbered"),
    ],
)
def test_errors_name_what_is_wrong(small, make, words):
    _, X, Y = small
    with pytest.raises(ValueError, match=words):
        make(X, Y)


@pytest.mark.skipif(
    "CHARLM_DATA" not in os.environ, reason="CHARLM_DATA names no copy of the lectures'"
)
def test_known_numbers_on_the_lectures_names():
    names = data.load("makemore")
    vocab = data.Vocab.of(names)
    X, Y = data.windows(names, vocab, 1)
    assert sample.nll(NGram(X, Y, 27, 1, 0), X, Y) == pytest.approx(2.4540, abs=5e-5)
    assert sample.nll(NGram(X, Y, 27, 1, 1), X, Y) == pytest.approx(2.4546, abs=5e-5)
    train, dev, test = (data.windows(s, vocab, 5) for s in data.split(names, 42))
    kneser_ney = KneserNey(*train, 27)
    assert sample.nll(kneser_ney, *dev) == pytest.approx(1.9836, abs=1e-4)
    assert sample.nll(kneser_ney, *test) == pytest.approx(1.9869, abs=1e-4)

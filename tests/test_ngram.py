"""Counting models: against slow dictionaries, as distributions, and at their limits."""

import math
from collections import Counter, defaultdict

import pytest
import torch
from torch import Generator

from charlm import data
from charlm.models import KneserNey, NGram
from charlm.sample import nll, sample

NAMES = data.load("names")[::40]
VOCAB = data.Vocab.of(NAMES)
V = len(VOCAB)


def windows(block):
    return data.windows(NAMES, VOCAB, block)


def some_contexts(X, count=200):
    """Some that were seen and some at random, most of them unseen."""
    g = Generator().manual_seed(1)
    rows = torch.randint(len(X), (count,), generator=g)
    drawn = torch.randint(V, (count, X.shape[1]), generator=g)
    return torch.cat([X[rows], drawn])


def slow_ngram(X, Y, alpha):
    followers = defaultdict(Counter)
    for context, target in zip(X.tolist(), Y.tolist(), strict=True):
        followers[tuple(context)][target] += 1

    def p(context):
        c = followers[context]
        n = sum(c.values())
        if n + alpha == 0:
            return [1 / V] * V
        return [(c[v] + alpha) / (n + V * alpha) for v in range(V)]

    return p


def slow_kneser_ney(X, Y, d):
    """By the definition: a gram of each length, and the set of what came before it."""
    K = X.shape[1]
    grams = [(*c, t) for c, t in zip(X.tolist(), Y.tolist(), strict=True)]
    count = [None] * (K + 1)
    count[K] = Counter(grams)
    for k in range(K):
        before = defaultdict(set)
        for gram in grams:
            before[gram[K - k :]].add(gram[K - k - 1])
        count[k] = {gram: len(symbols) for gram, symbols in before.items()}
    followers = [defaultdict(dict) for _ in count]
    for k, table in enumerate(count):
        for gram, c in table.items():
            followers[k][gram[:-1]][gram[-1]] = c

    def p(context):
        below = p(context[1:]) if context else [1 / V] * V
        seen = followers[len(context)].get(context)
        if not seen:
            return below
        n = sum(seen.values())
        return [
            (max(seen.get(v, 0) - d, 0) + d * len(seen) * below[v]) / n
            for v in range(V)
        ]

    return p


@pytest.mark.parametrize("block", [1, 2, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
def test_ngram_equals_the_dictionary(block, alpha):
    X, Y = windows(block)
    contexts = some_contexts(X)
    found = NGram(V, X, Y, alpha=alpha).forward(contexts)[0].exp()
    slow = slow_ngram(X, Y, alpha)
    rows = [slow(tuple(c)) for c in contexts.tolist()]
    expected = torch.tensor(rows, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("block", [1, 2, 3, 5])
@pytest.mark.parametrize("discount", [0.3, 0.9, 1.0])
def test_kneser_ney_equals_the_dictionary(block, discount):
    X, Y = windows(block)
    contexts = some_contexts(X)
    found = KneserNey(V, X, Y, discount=discount).forward(contexts)[0].exp()
    slow = slow_kneser_ney(X, Y, discount)
    rows = [slow(tuple(c)) for c in contexts.tolist()]
    expected = torch.tensor(rows, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("block", range(6))
@pytest.mark.parametrize("kind", [NGram, KneserNey])
def test_every_context_has_a_distribution(kind, block):
    X, Y = windows(5)
    model = kind(V, X, Y, block=block)
    p = model.forward(some_contexts(X))[0].exp()
    assert p.shape == (400, V)
    assert (p > 0).all()
    torch.testing.assert_close(p.sum(1), torch.ones(400).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [NGram, KneserNey])
def test_a_shorter_block_reads_the_end_of_longer_windows(kind):
    long, short = kind(V, *windows(5), block=2), kind(V, *windows(2))
    X5, X2 = windows(5)[0], windows(2)[0]
    assert torch.equal(long.forward(X5)[0], short.forward(X2)[0])
    assert torch.equal(long.forward(X2)[0], short.forward(X2)[0])


def test_smoothing_goes_to_the_counts_and_to_the_uniform():
    X, Y = windows(2)
    contexts = some_contexts(X)
    p = {a: NGram(V, X, Y, alpha=a).forward(contexts)[0].exp() for a in (0, 1e-9, 1e9)}
    torch.testing.assert_close(p[1e-9], p[0], rtol=0, atol=1e-7)
    uniform = torch.full_like(p[0], 1 / V)
    torch.testing.assert_close(p[1e9], uniform, rtol=0, atol=1e-6)


def test_maximum_likelihood_is_the_best_table():
    X, Y = windows(1)
    best = nll(NGram(V, X, Y, alpha=0.0), X, Y)
    losses = [nll(NGram(V, X, Y, alpha=a), X, Y) for a in (0.01, 0.1, 1.0, 10.0)]
    assert losses == sorted(losses)
    assert best < losses[0]
    entropy = 0.0
    for c in NGram(V, X, Y).counts.double():
        seen = c[c > 0]
        entropy -= (seen * (seen / seen.sum()).log()).sum().item() / len(Y)
    assert math.isclose(best, entropy, rel_tol=1e-12)


def test_seen_and_unseen():
    X, Y = torch.tensor([[0], [0], [1]]), torch.tensor([1, 1, 2])
    ml = NGram(3, X, Y, alpha=0.0)
    logp, _ = ml.forward(torch.tensor([[0], [1], [2]]))
    zero, third = -math.inf, -math.log(3)
    assert logp[0].tolist() == [zero, 0, zero]
    assert logp[1].tolist() == [zero, zero, 0]
    assert logp[2].tolist() == pytest.approx([third] * 3)
    assert ml.counts.tolist() == [[0, 2, 0], [0, 0, 1]]
    assert nll(ml, torch.tensor([[0]]), torch.tensor([0])) == math.inf
    kn = KneserNey(3, X, Y, discount=0.5)
    empty = kn.levels[0][1]
    unseen = kn.forward(torch.tensor([[2]]))[0].exp()
    torch.testing.assert_close(unseen, empty, rtol=1e-14, atol=0)
    # continuation counts: 1 came after one symbol, 2 after one, 0 after none
    assert empty[0].tolist() == pytest.approx([1 / 6, 5 / 12, 5 / 12])


def test_one_follower_in_many_places_counts_once():
    """A symbol that is frequent after one context only gets no more than its due."""
    X, Y = torch.tensor([[0]] * 50 + [[1], [2]]), torch.tensor([1] * 50 + [2, 2])
    empty = KneserNey(3, X, Y, discount=0.0).levels[0][1][0]
    assert empty.tolist() == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_lower_order_keeps_the_marginals():
    """What continuation counts are for, exact when they are not smoothed again."""
    X, Y = windows(1)
    d = 0.7
    counts = NGram(V, X, Y).counts.double()
    types = (counts > 0).double()
    lower = types.sum(0) / types.sum()
    joint = (counts - d).clamp_min(0) + d * types.sum(1, keepdim=True) * lower
    torch.testing.assert_close(joint.sum(0), counts.sum(0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", [NGram, KneserNey])
@pytest.mark.parametrize("block", [0, 1, 4])
def test_names_are_drawn(kind, block):
    model = kind(V, *windows(5), block=block)
    names = sample(model, VOCAB, 50, Generator().manual_seed(2))
    assert names == sample(model, VOCAB, 50, Generator().manual_seed(2))
    assert len(set(names)) > 10
    VOCAB.encode("".join(names))


def test_inputs_are_not_changed():
    X, Y = windows(3)
    before = X.clone(), Y.clone()
    for kind in (NGram, KneserNey):
        model = kind(V, X, Y)
        first = model.forward(X)[0].clone()
        model.forward(X)[0].zero_()
        assert torch.equal(model.forward(X)[0], first)
    assert torch.equal(X, before[0])
    assert torch.equal(Y, before[1])


X3, Y3 = windows(3)


@pytest.mark.parametrize("kind", [NGram, KneserNey])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"X": X3[:, 0]}, "as data.windows does"),
        ({"Y": Y3[1:]}, "targets \\(N\\)"),
        ({"X": X3[:0], "Y": Y3[:0]}, "at least one row"),
        ({"block": 4}, "make longer windows"),
        ({"block": -1}, "a block from 0"),
        ({"vocab_size": 5}, "give its real size"),
        ({"X": X3 - 1}, "symbols from -1"),
        ({"X": X3.float()}, "give integers"),
        ({"vocab_size": 2**20, "block": 3}, "give a smaller block"),
    ],
)
def test_what_does_not_fit_is_refused(kind, change, says):
    with pytest.raises(ValueError, match=says):
        kind(**{"vocab_size": V, "X": X3, "Y": Y3, **change})


@pytest.mark.parametrize("alpha", [-0.1, math.nan, math.inf])
def test_alpha_is_checked(alpha):
    with pytest.raises(ValueError, match="alpha is .*; give a number from 0 on"):
        NGram(V, X3, Y3, alpha=alpha)


@pytest.mark.parametrize("discount", [-0.1, 1.1, math.nan])
def test_the_discount_is_checked(discount):
    with pytest.raises(ValueError, match="discount is .*; give a number from 0 to 1"):
        KneserNey(V, X3, Y3, discount=discount)


@pytest.mark.parametrize("kind", [NGram, KneserNey])
def test_as_many_symbols_as_fit_into_one_number(kind):
    X, Y = torch.tensor([[1] * 62, [0] * 62]), torch.tensor([1, 0])
    with pytest.raises(ValueError, match="give a smaller block"):
        kind(2, X, Y)
    p = kind(2, X, Y, block=61).forward(X)[0].exp()
    assert (p[0, 1] > 0.9).item()
    assert (p[1, 0] > 0.9).item()


def test_the_usual_smoothing_is_better_than_little_or_much():
    names = data.load("names")[1::40]
    X, Y = data.windows(names, VOCAB, 2)
    usual = nll(NGram(V, *windows(2)), X, Y)
    for alpha in (0.001, 1.1):
        assert usual < nll(NGram(V, *windows(2), alpha=alpha), X, Y)


@pytest.mark.parametrize("kind", [NGram, KneserNey])
def test_strange_contexts_are_refused(kind):
    model = kind(V, X3, Y3)
    with pytest.raises(ValueError, match="this model reads 3 symbols"):
        model.forward(X3[:, :2])
    with pytest.raises(ValueError, match="this model reads 3 symbols"):
        model.forward(X3[0])
    with pytest.raises(ValueError, match="give integers"):
        model.forward(X3 + 0j)
    for wrong in (X3 + V, torch.full_like(X3, V)):
        with pytest.raises(ValueError, match="encode with the same one"):
            model.forward(wrong)
    assert model.forward(X3[:0])[0].shape == (0, V)

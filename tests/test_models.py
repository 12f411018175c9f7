"""Whole models against the same models made of PyTorch's own modules."""

import math

import pytest
import references
import torch
import twins

from charlm import data, gradcheck, layers, models, ops
from charlm.models import (
    GPT,
    GRU,
    LSTM,
    MLP,
    RNN,
    Attention,
    Bigram,
    Block,
    ConvTree,
    Ensemble,
    KneserNey,
    NGram,
    Tree,
    WaveNet,
)

F64 = torch.float64


def build(name, g):
    """A small model of ours and its twin."""
    V = 11
    if name == "bigram":
        return Bigram(V, g, dtype=F64), twins.Bigram(V)
    if name.startswith("mlp"):
        norm = "norm" in name
        model = MLP(V, g, block=3, n_embd=4, n_hidden=7, normalise=norm, dtype=F64)
        return model, twins.MLP(V, 3, 4, 7, norm)
    if name.endswith("tree"):
        kind, levels = ("ConvTree", 2) if "conv" in name else ("Tree", 3)
        correction = int("unbiased" in name)
        made = {"n_embd": 3, "n_hidden": 5, "levels": levels, "correction": correction}
        model = getattr(models, kind)(V, g, dtype=F64, **made)
        return model, getattr(twins, kind)(V, 3, 5, levels, correction)
    if name == "wavenet":
        model = WaveNet(V, g, n_residual=4, n_skip=6, levels=3, dtype=F64)
        return model, twins.WaveNet(V, 4, 6, 3)
    if name in RECURRENT:
        kind, options, twin = RECURRENT[name]
        model = kind(V, g, n_embd=3, n_hidden=5, dtype=F64, **options)
        return model, twin(V, 3, 5)
    _, positions, tied = name.split("-")
    args = {"n_embd": 8, "n_head": 2, "n_layer": 2, "block": 9}
    tied = tied == "tied"
    model = GPT(V, g, positions=positions, tied=tied, dtype=F64, **args)
    return model, twins.GPT(V, 9, 8, 2, 2, positions, tied, references.rope)


def of_torch(kind, truncate=None):
    return lambda *sizes: twins.Recurrent(*sizes, kind, truncate)


def of_paper(*sizes):
    return twins.PaperGRU(*sizes, references.gru_cell)


RECURRENT = {
    "rnn": (RNN, {}, of_torch("RNN")),
    "rnn cut": (RNN, {"truncate": 2}, of_torch("RNN", 2)),
    "gru": (GRU, {}, of_torch("GRU")),
    "gru before": (GRU, {"reset": "before"}, of_paper),
    "lstm": (LSTM, {"forget": 1.0}, of_torch("LSTM")),
    "lstm cut": (LSTM, {"truncate": 3}, of_torch("LSTM", 3)),
}
MODELS = ["bigram", "mlp", "mlp norm", "tree", "conv tree", "wavenet", *RECURRENT]
MODELS += ["unbiased tree", "unbiased conv tree"]
MODELS += [f"gpt-{p}-tied" for p in ("learned", "sinusoid", "rope")]
MODELS += ["gpt-learned-untied"]


def inputs(name, model, rows, length, g):
    """Symbols, and a shape for the gradient of the scores."""
    T = length if model.causal else model.block
    return torch.randint(11, (rows, T), generator=g)


def spread(model, g):
    """Parameters away from their special initial values: gains of 1, biases of 0."""
    for _, p, _ in model.named():
        p += 0.3 * torch.randn(p.shape, generator=g, dtype=p.dtype)


# one row cannot be normalised over the batch, but one row of a longer text can
ROWS = {"mlp norm": (2, 5), "tree": (2, 5), "conv tree": (2, 5)}
ROWS |= {f"unbiased {name}": ROWS[name] for name in ("tree", "conv tree")}


@pytest.mark.parametrize("length", [1, 5, 9])
@pytest.mark.parametrize("few", [True, False], ids=["few rows", "rows"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_equal_those_of_the_twin(name, few, length, g):
    model, twin = build(name, g)
    spread(model, g)
    twins.fill(twin, model)
    ix = inputs(name, model, ROWS.get(name, (1, 5))[not few], length, g)
    logits, cache = model.forward(ix)
    reference = twin(ix)
    torch.testing.assert_close(logits, reference, rtol=1e-9, atol=1e-10)
    dlogits = torch.randn(logits.shape, generator=g, dtype=F64)
    model.backward(dlogits, cache)
    reference.backward(dlogits)
    found = twins.grads(twin)
    scale = max(d.abs().max() for d in found.values())
    for n, _, d in model.named():
        assert d.shape == found[n].shape
        assert (d - found[n]).abs().max() <= 1e-8 * found[n].abs().max() + 1e-13 * scale


@pytest.mark.parametrize("name", ["mlp norm", "tree", "unbiased tree"])
def test_one_row_in_evaluation_equals_the_twin(name, g):
    """Batch normalisation has no statistics of one row; running ones it has."""
    model, twin = build(name, g)
    spread(model, g)
    twins.fill(twin, model)
    warm = inputs(name, model, 8, 3, g)
    model.forward(warm)
    for layer in twin.modules():  # after one batch, as ours are
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = 0.1 if "tree" in name else 0.001
    twin(warm)
    twin.eval()
    ix = inputs(name, model, 1, 3, g)
    logits, cache = model.forward(ix, training=False)
    reference = twin(ix)
    torch.testing.assert_close(logits, reference.detach(), rtol=1e-9, atol=1e-10)
    dlogits = torch.randn(logits.shape, generator=g, dtype=F64)
    model.zero_grad()
    model.backward(dlogits, cache)
    twin.zero_grad()
    reference.backward(dlogits)
    found = twins.grads(twin)
    for n, _, d in model.named():
        assert (d - found[n]).abs().max() <= 1e-8 * found[n].abs().max(), n


# what truncation leaves of a gradient is no slope of the loss
@pytest.mark.parametrize("name", [m for m in MODELS if not m.endswith("cut")])
def test_gradients_equal_the_slope_along_random_directions(name, g):
    """The whole model, by its loss alone: no autograd, four evaluations a direction."""
    model, _ = build(name, g)
    spread(model, g)
    ix = inputs(name, model, 4, 7, g)
    parameters = tuple(p.clone() for _, p, _ in model.named())

    def loss(*values):
        for (_, p, _), value in zip(model.named(), values, strict=True):
            p.copy_(value)
        return model.forward(ix)

    logits, cache = model.forward(ix)
    dy = gradcheck.upstream(logits)
    model.zero_grad()
    model.backward(dy, cache)
    ours = [d.clone() for _, _, d in model.named()]
    for _ in range(3):
        along = gradcheck.directions(parameters, g)
        # a small step, so that no ReLU crosses its kink
        slope = gradcheck.projection(loss, parameters, dy, along, h=1e-5)
        mine = sum((d * v).sum().item() for d, v in zip(ours, along, strict=True))
        assert abs(mine - slope) <= 1e-7 * max(d.abs().max() for d in ours)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_add_up_until_they_are_reset(name, g):
    model, _ = build(name, g)
    ix = inputs(name, model, 3, 4, g)
    logits, cache = model.forward(ix)
    dy = gradcheck.upstream(logits)
    model.backward(dy, cache)
    once = [d.clone() for _, _, d in model.named()]
    model.backward(dy, cache)
    for d, one in zip([d for _, _, d in model.named()], once, strict=True):
        torch.testing.assert_close(d, 2 * one)
    model.zero_grad()
    assert not any(d.any() for _, _, d in model.named())


def test_the_two_variances_train_differently(g):
    """Otherwise a test of the one would pass with the other."""
    found = []
    for name in ("tree", "unbiased tree"):
        model, _ = build(name, torch.Generator().manual_seed(0))
        ix = inputs(name, model, 5, 8, torch.Generator().manual_seed(1))
        logits, cache = model.forward(ix)
        model.backward(gradcheck.upstream(logits), cache)
        found.append([d for _, _, d in model.named()])
    apart = [(a - b).abs().max() / b.abs().max() for a, b in zip(*found, strict=True)]
    assert max(apart) > 1e-2


def count(model):
    return sum(p.numel() for _, p, _ in model.named())


def test_the_tree_at_every_position_is_the_tree_at_each(g):
    """In evaluation: every place of a name by one pass, and by its own window."""
    tree = Tree(27, g, n_embd=4, n_hidden=6, dtype=F64)
    conv = ConvTree(27, torch.Generator(), n_embd=4, n_hidden=6, dtype=F64)
    spread(tree, g)
    names = ["ada", "emilia", "bo"]
    vocab = data.Vocab("." + "abcdefghijklmnopqrstuvwxyz")
    X, Y = data.windows(names, vocab, tree.block)
    tree.forward(X)  # running statistics that are not the initial ones
    for (_, p, _), (_, q, _) in zip(conv.named(), tree.named(), strict=True):
        p.copy_(q)
    for (_, s), (_, t) in zip(conv.statistics(), tree.statistics(), strict=True):
        s.copy_(t)
    rows, targets = data.pack(names, vocab)
    every, c_every = conv.forward(rows, training=False)
    each, c_each = tree.forward(X, training=False)
    kept = targets >= 0
    assert torch.equal(targets[kept], Y)
    torch.testing.assert_close(every[kept], each)
    dy = torch.randn(each.shape, generator=g, dtype=F64)
    tree.zero_grad()
    tree.backward(dy, c_each)
    upstream = torch.zeros_like(every)
    upstream[kept] = dy
    conv.backward(upstream, c_every)
    for (n, _, d), (_, _, e) in zip(conv.named(), tree.named(), strict=True):
        torch.testing.assert_close(d, e, msg=n)


def test_sizes_are_the_published_ones(g):
    assert count(MLP(27, g)) == 12_297
    assert count(MLP(27, g, normalise=False)) == 11_897
    assert count(Tree(27, g)) == 76_579
    assert count(GPT(27, g, tied=False)) == 204_544
    assert count(GPT(27, g)) == 204_544 - 27 * 64
    assert count(Bigram(27, g)) == 27 * 27
    assert {count(K(27, g)) // 100 for K in (RNN, GRU, LSTM)} == {117, 118}


@pytest.mark.parametrize("name", MODELS)
def test_the_first_loss_is_near_that_of_a_guess(name, g):
    V = 27
    made = {"mlp": MLP, "mlp norm": MLP, "bigram": Bigram, "tree": Tree}
    made["conv tree"] = ConvTree
    plain = name.removeprefix("unbiased ")
    if plain in made:
        options = {"normalise": False} if name == "mlp" else {}
        options |= {"correction": 1} if plain != name else {}
        model = made[plain](V, g, **options)
    elif name in RECURRENT:
        model = RECURRENT[name][0](V, g, **RECURRENT[name][1])
    elif name == "wavenet":
        model = WaveNet(V, g)
    else:
        model = GPT(V, g, positions=name.split("-")[1], tied="untied" not in name)
    T = model.block
    ix = torch.randint(V, (64, T), generator=g)
    logits, _ = model.forward(ix)
    targets = torch.randint(V, logits.shape[:-1], generator=g)
    assert abs(ops.cross_entropy(logits, targets)[0] - torch.tensor(27.0).log()) < 0.1


@pytest.mark.parametrize(
    "name", [m for m in MODELS if m[:3] in ("gpt", "wav") or m in RECURRENT]
)
def test_no_position_sees_what_comes_later(name, g):
    model, _ = build(name, g)
    spread(model, g)
    ix = torch.randint(11, (2, 8), generator=g)
    changed = ix.clone()
    changed[:, 5:] = (ix[:, 5:] + 1) % 11
    a, b = model.forward(ix)[0], model.forward(changed)[0]
    torch.testing.assert_close(a[:, :5], b[:, :5], rtol=0, atol=1e-13)
    assert (a[:, 5:] - b[:, 5:]).abs().max() > 1e-3


def test_each_use_of_a_tied_table_adds_its_part(g):
    model, _ = build("gpt-learned-tied", g)
    other, _ = build("gpt-learned-untied", g)
    named = {n: p for n, p, _ in other.named()}
    for n, p, _ in model.named():
        named[n].copy_(p)
    named["head.W"].copy_(model.wte.C.T)
    ix = torch.randint(11, (2, 6), generator=g)
    logits, cache = model.forward(ix)
    dy = gradcheck.upstream(logits)
    model.backward(dy, cache)
    other.backward(dy, other.forward(ix)[1])
    both = other.wte.dC + other.head.dW.T
    torch.testing.assert_close(model.wte.dC, both, rtol=1e-12, atol=1e-13)
    assert other.head.dW.abs().max() > 1e-3


def test_errors_name_what_is_wrong(g):
    with pytest.raises(ValueError, match="reads at most 4"):
        GPT(11, g, block=4, n_embd=4, n_head=2).forward(torch.zeros(1, 5).long())
    with pytest.raises(ValueError, match="'absolute'; choose 'learned'"):
        GPT(11, g, positions="absolute")
    with pytest.raises(ValueError, match="5 features cannot be cut into 2 heads"):
        GPT(11, g, n_embd=5, n_head=2)
    with pytest.raises(ValueError, match="reads 8: make windows"):
        Tree(11, g).forward(torch.zeros(2, 3).long())
    with pytest.raises(ValueError, match="'behind'; choose 'before' or 'after'"):
        GRU(11, g, reset="behind")


def test_heads_are_rotated_in_pairs_of_features(g):
    models.shapes("gpt", 11, n_embd=6, n_head=2)
    with pytest.raises(ValueError, match="heads of 3 features cannot be rotated"):
        models.shapes("gpt", 11, n_embd=6, n_head=2, positions="rope")


def test_attention_alone_knows_no_positions_and_keeps_the_size(g):
    attention = Attention(64, 2, g, dtype=F64)
    x = torch.randn(1, 4, 64, generator=g, dtype=F64)
    y, other = (attention.forward(x[:, p])[0] for p in ([0, 1, 2, 3], [1, 0, 2, 3]))
    torch.testing.assert_close(y[:, 2:], other[:, 2:])
    assert attention.proj.W.std().item() == pytest.approx(1 / 8, rel=0.06)


def test_what_is_not_told_to_evaluate_trains(g):
    drop = layers.Sequential([layers.Dropout(0.5, g)])
    block = Block(8, 2, g, dropout=0.5, rotate=False, gain=1.0, dtype=F64)
    gpt = GPT(11, g, n_embd=8, n_head=2, n_layer=1, dropout=0.5, dtype=F64)
    assert gpt.generator is g, "which training seeds anew for each minibatch"
    x = torch.randn(2, 6, 8, generator=g, dtype=F64)
    ix = torch.randint(11, (2, 6), generator=g)
    for layer, given in ((drop, x), (block, x), (gpt, ix)):
        assert not torch.equal(layer.forward(given)[0], layer.forward(given)[0])
        still = [layer.forward(given, training=False)[0] for _ in range(2)]
        assert torch.equal(*still)


def test_the_usual_tree_has_the_variance_of_its_batch():
    ix = torch.arange(32).view(4, 8) % 11
    made = [Tree(11, torch.Generator().manual_seed(0), **o) for o in TREES]
    usual, plain, unbiased = (tree.forward(ix)[0] for tree in made)
    assert torch.equal(usual, plain)
    assert not torch.allclose(usual, unbiased)
    assert [tree.correction for tree in made] == [0, 0, 1]


TREES = {}, {"correction": 0}, {"correction": 1}


@pytest.mark.parametrize(
    ("name", "good", "bad", "due"),
    [
        ("n_hidden", [3], [2.5, True, None, "3"], "a whole number"),
        ("truncate", [2, None], [2.5, False], "a whole number"),
        ("forget", [1, 0.5, -3e38, 3e38], [math.nan, math.inf, True, "1"], "a finite"),
        ("forget", [0, 1], [4e38, -4e38], "-3e"),
    ],
)
def test_options_are_of_the_kind_of_their_defaults(name, good, bad, due):
    for value in good:
        models.shapes("lstm", 11, **{name: value})
    for value in bad:
        with pytest.raises(ValueError, match=f"{name} is .*; give {due}"):
            models.shapes("lstm", 11, **{name: value})


def test_switches_and_words_are_told_from_numbers():
    models.shapes("gpt", 11, dropout=0, tied=False)
    for kind, name, value, due in (
        ("mlp", "normalise", 1, "True or False"),
        ("gpt", "positions", 3, "a word"),
        ("gpt", "dropout", "0", "a finite number"),
    ):
        with pytest.raises(ValueError, match=f"{kind}: {name} is .*; give {due}"):
            models.shapes(kind, 11, **{name: value})


def test_build_by_name(g):
    assert count(models.build("mlp", 27, g, normalise=False)) == 11_897
    with pytest.raises(ValueError, match="n_hidden is 0; give at least 1"):
        models.build("mlp", 27, g, n_hidden=0)
    with pytest.raises(ValueError, match="choose one of bigram, mlp, rnn"):
        models.build("elman", 27, g)
    with pytest.raises(ValueError, match="gpt: .*n_hidden"):
        models.build("gpt", 27, g, n_hidden=5)


def test_an_ensemble_is_the_mean_of_probabilities(g):
    one, two = (GPT(11, g, block=6, n_embd=8, n_head=2, n_layer=1) for _ in range(2))
    for model in (one, two):
        spread(model, g)
    ix = torch.randint(11, (3, 5), generator=g)
    p, q = (m.forward(ix, training=False)[0].double().softmax(-1) for m in (one, two))
    both = Ensemble([one, two]).forward(ix)[0].exp()
    torch.testing.assert_close(both, (p + q) / 2, rtol=1e-6, atol=1e-9)
    most = Ensemble([one, two], weights=[3, 1]).forward(ix)[0].exp()
    torch.testing.assert_close(most, 0.75 * p + 0.25 * q, rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="all of them causal or none"):
        Ensemble([one, MLP(11, g)])
    with pytest.raises(ValueError, match="give one each"):
        Ensemble([one], weights=[1, 2])


SMALL = {"n_embd": 2, "n_hidden": 3}
KINDS = {
    Bigram: {},
    MLP: {"block": 2, **SMALL},
    RNN: SMALL,
    GRU: SMALL,
    LSTM: SMALL,
    Tree: {"levels": 1, **SMALL},
    ConvTree: {"levels": 1, **SMALL},
    WaveNet: {"n_residual": 2, "n_skip": 2, "levels": 1},
    GPT: {"block": 3, "n_embd": 2, "n_head": 1, "n_layer": 1},
}


@pytest.mark.parametrize("kind", [*KINDS, NGram, KneserNey], ids=lambda k: k.__name__)
def test_what_is_causal_predicts_at_every_position(kind, g):
    """And what is not at the end of its window alone; an ensemble is as its models."""
    if kind in KINDS:
        model = kind(3, g, **KINDS[kind])
    else:
        model = kind(3, torch.zeros(2, 2).long(), torch.zeros(2).long())
    one = Ensemble([model])
    ix = torch.zeros(1, one.block, dtype=torch.long)
    logp, _ = one.forward(ix)
    assert logp.shape == ((*ix.shape, 3) if one.causal else (1, 3))


def test_an_ensemble_of_windows_reads_each_its_own(g):
    short, long = MLP(11, g, block=2), MLP(11, g, block=5)
    both = Ensemble([short, long])
    assert both.block == 5
    ix = torch.randint(11, (4, 5), generator=g)
    p = short.forward(ix[:, 3:], training=False)[0].double().softmax(-1)
    q = long.forward(ix, training=False)[0].double().softmax(-1)
    torch.testing.assert_close(both.forward(ix)[0].exp(), (p + q) / 2)

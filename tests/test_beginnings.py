"""First weights: how large they are in every layer and model, and which are set."""

import math

import pytest
import torch
from torch import Generator

from charlm import layers, models
from charlm.layers import init

F64 = torch.float64


def drawn(*shape, dtype=F64):
    return torch.randn(shape, generator=Generator().manual_seed(5), dtype=dtype)


def seeded():
    return Generator().manual_seed(5)


def test_weights_are_normal_numbers_over_the_root_of_the_inputs():
    wanted = drawn(12, 5) / math.sqrt(12)
    torch.testing.assert_close(init.normal(12, 5, 1.0, seeded(), F64), wanted)
    torch.testing.assert_close(init.normal(12, 5, 3.0, seeded(), F64), 3 * wanted)
    torch.testing.assert_close(layers.Linear(12, 5, seeded(), dtype=F64).W, wanted)
    gained = layers.Linear(12, 5, seeded(), gain=3.0, dtype=F64)
    torch.testing.assert_close(gained.W, 3 * wanted)
    # a filter of 4 taps over 3 features reads 12 numbers
    filtering = layers.CausalConv(4, 3, 5, 2, seeded(), dtype=F64)
    torch.testing.assert_close(filtering.W, wanted.view(4, 3, 5))
    table = layers.Embedding(12, 5, seeded(), dtype=F64)
    assert torch.equal(table.C, drawn(12, 5))
    table = layers.Embedding(12, 5, seeded(), deviation=0.5, dtype=F64)
    assert torch.equal(table.C, drawn(12, 5) * 0.5)


@pytest.mark.parametrize(
    ("pair", "gates"),
    [("rnn_cell", 1), ("gru_cell", 3), ("gru_cell_after", 3), ("lstm_cell", 4)],
)
def test_a_cell_has_columns_for_each_of_its_gates(pair, gates):
    cell = layers.Recurrent(pair, 6, 4, seeded(), dtype=F64)
    assert cell.W.shape == (6, 4 * gates)
    assert cell.U.shape == (4, 4 * gates)
    assert cell.b.shape == (4 * gates,)
    assert not cell.b.any()
    names = ["W", "U", "b"] + ["v"] * (pair == "gru_cell_after")
    assert [n for n, _, _ in cell.named()] == names
    if len(names) == 4:
        assert cell.v.tolist() == [0] * 4
    torch.testing.assert_close(cell.W, drawn(6, 4 * gates) / math.sqrt(6))
    g = seeded()
    torch.randn((6, 4 * gates), generator=g, dtype=F64)
    second = torch.randn((4, 4 * gates), generator=g, dtype=F64)
    torch.testing.assert_close(cell.U, second / 2)


def one(width):
    return 1 / math.sqrt(width)


SIZES = {
    "bigram": ({}, {"W": 0.01}),
    "mlp": (
        {"n_embd": 30, "n_hidden": 50},
        {"C": 1.0, "W1": 5 / 3 * one(90), "W2": 0.1 * one(50)},
    ),
    "rnn": (
        {"n_embd": 25, "n_hidden": 36},
        {
            "embed.C": 1.0,
            "cell.W": one(25),
            "cell.U": one(36),
            "head.W": 0.1 * one(36),
        },
    ),
    "tree": (
        {"n_embd": 30, "n_hidden": 40, "levels": 2},
        {
            "stack.0.C": 1.0,
            "stack.2.W": one(60),
            "stack.6.W": one(80),
            "stack.9.W": 0.1 * one(40),
        },
    ),
    "wavenet": (
        {"n_residual": 25, "n_skip": 36, "levels": 2},
        {
            "embed.C": 1.0,
            "blocks.0.conv.W": one(50),
            "blocks.0.out.W": one(25),
            "blocks.1.conv.W": one(50),
            "blocks.1.out.W": one(25),
            "head.W": 0.1 * one(36),
        },
    ),
    "gpt": (
        {"n_embd": 40, "n_head": 2, "n_layer": 3, "block": 30, "tied": False},
        {"wte.C": 0.02, "wpe.C": 0.02, "head.W": 0.1 * one(40)}
        | {
            f"blocks.{i}.{name}.W": size
            for i in range(3)
            for name, size in (
                ("attend.1.qkv", one(40)),
                ("attend.1.proj", one(40) / math.sqrt(6)),
                ("think.1", one(40)),
                ("think.3", one(160) / math.sqrt(6)),
            )
        },
    ),
}


@pytest.mark.parametrize("kind", SIZES)
def test_how_large_the_first_weights_of_a_model_are(kind):
    """Gains are 1, biases 0, tables and matrices of the deviation that is said."""
    options, sizes = SIZES[kind]
    model = models.build(kind, 40, seeded(), **options)
    found = {}
    for name, p, d in model.named():
        assert not d.any()
        last = name.rpartition(".")[2]
        if last in ("gamma", "beta", "b", "b1", "b2"):
            assert (p == (last == "gamma")).all(), name
        else:
            found[name] = p.std().item()
    assert found.keys() == sizes.keys()
    for name, size in sizes.items():
        assert found[name] == pytest.approx(size, rel=0.12), name


def test_the_forget_gate_begins_as_it_is_told():
    model = models.LSTM(7, seeded(), n_embd=3, n_hidden=4, forget=1.5)
    assert model.cell.b.tolist() == [0] * 4 + [1.5] * 4 + [0] * 8
    assert not models.LSTM(7, seeded()).cell.b.any()


def test_statistics_begin_as_those_of_a_standard_normal():
    for model in (models.MLP(7, seeded()), models.Tree(7, seeded(), levels=1)):
        for name, t in model.statistics():
            assert (t == name.endswith("var")).all()
            assert t.shape == (200 if isinstance(model, models.MLP) else 128,)


@pytest.mark.parametrize(
    ("kind", "block", "size"),
    [
        (models.Bigram, 1, 729),
        (models.MLP, 3, 12_297),
        (models.RNN, 64, 11_880),
        (models.GRU, 64, 11_761),
        (models.LSTM, 64, 11_712),
        (models.Tree, 8, 76_579),
        (models.ConvTree, 8, 76_579),
        (models.WaveNet, 8, 24_603),
        (models.GPT, 16, 202_816),
    ],
)
def test_the_usual_sizes(kind, block, size):
    model = kind(27, seeded())
    assert model.block == block
    count = sum(p.numel() for _, p, _ in model.named())
    assert count == size


@pytest.mark.parametrize("model", [*models.KINDS.values(), models.Tree])
def test_a_causal_model_has_scores_at_every_position(model):
    made = model(6, seeded())
    scores, _ = made.forward(torch.zeros(2, made.block, dtype=torch.long))
    assert scores.shape == ((2, made.block, 6) if made.causal else (2, 6))


def test_what_build_lets_through():
    """Both ends of every range, and a switch that is off is no number."""
    for kind, name, good, bad in (
        ("mlp", "n_hidden", (1,), (0, -1, 10**7 + 1)),
        ("mlp", "correction", (0, 1), (-1,)),
        ("gpt", "n_layer", (1,), (0, 1001)),
        ("wavenet", "levels", (1,), (0, 17)),
    ):
        for value in good:
            models.shapes(kind, 5, **{name: value})
        for value in bad:
            with pytest.raises(ValueError, match=f"{kind}: {name} is {value}; give at"):
                models.shapes(kind, 5, **{name: value})
    assert "gamma" not in models.shapes("mlp", 5, normalise=False)
    models.shapes("gpt", 5, n_layer=1000, n_embd=4, n_head=1)
    models.shapes("wavenet", 5, levels=16, n_residual=2, n_skip=2)
    with pytest.raises(ValueError, match="^bigram: has no block; it has dtype$"):
        models.build("bigram", 5, seeded(), block=3)


def test_what_build_refuses_besides():
    for share in (0.0, 1.0):
        models.shapes("mlp", 5, momentum=share)
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"momentum is {share}; give a share, 0"):
            models.shapes("mlp", 5, momentum=share)
    with pytest.raises(ValueError, match=r"n_layer is 1001; give at most 1,000$"):
        models.shapes("gpt", 5, n_layer=1001)
    with pytest.raises(ValueError, match=r"n_layer is 0; give at least 1$"):
        models.shapes("gpt", 5, n_layer=0)
    with pytest.raises(ValueError, match=r"mlp: n_hidden is 2.5; give a whole number"):
        models.build("mlp", 5, seeded(), n_hidden=2.5)


@pytest.mark.parametrize("kind", models.KINDS)
def test_the_generator_alone_decides_the_first_weights(kind):
    one, same = (models.build(kind, 6, seeded()).named() for _ in range(2))
    other = models.build(kind, 6, Generator().manual_seed(6)).named()
    assert all(
        torch.equal(p, q) for (_, p, _), (_, q, _) in zip(one, same, strict=True)
    )
    assert not torch.equal(one[0][1], other[0][1])


@pytest.mark.parametrize("kind", models.KINDS)
def test_shapes_are_those_of_the_model_itself(kind):
    options = SIZES.get(kind, ({"n_embd": 3, "n_hidden": 4}, {}))[0]
    model = models.build(kind, 6, seeded(), **options)
    made = {n: tuple(p.shape) for n, p, _ in model.named()}
    made |= {n: tuple(t.shape) for n, t in model.statistics()}
    assert models.shapes(kind, 6, **options) == made


def test_an_ensemble_weighs_and_limits_its_models():
    one, two = (models.GPT(7, seeded(), block=b, n_embd=4, n_head=1) for b in (3, 6))
    both = models.Ensemble([one, two])
    assert (both.block, both.causal) == (3, True)
    assert models.Ensemble([models.MLP(7, seeded(), block=4)]).block == 4
    torch.testing.assert_close(both.log_weights.exp(), torch.full((2,), 0.5, dtype=F64))
    weights = models.Ensemble([one, two], [0, 5]).log_weights.exp()
    assert weights.tolist() == [0, 1]
    for wrong in ([], [1], [1, -1], [3, -1], [0, 0], [1, 1, 1]):
        with pytest.raises(ValueError, match="give one each, none below 0"):
            models.Ensemble([one, two], wrong)
    with pytest.raises(ValueError, match="give at least one model"):
        models.Ensemble([])

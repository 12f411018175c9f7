"""Training: it learns, it repeats bit for bit, and each setting does what it says."""

import math

import pytest
import torch
from torch import Generator

from charlm import data, sample
from charlm.models import GPT, MLP, Bigram, ConvTree, NGram, Tree, WaveNet
from charlm.train import Flat, Plain, TrainConfig, Trainer, fit

NAMES = data.load("names")[::60]
VOCAB = data.Vocab.of(NAMES)
TRAIN, DEV, _ = data.split(NAMES, seed=1)


def make(kind, seed=0, **options):
    g = Generator().manual_seed(seed)
    small = {
        Bigram: {},
        MLP: {"n_hidden": 16},
        Tree: {"n_embd": 4, "n_hidden": 16},
        ConvTree: {"n_embd": 4, "n_hidden": 16},
        WaveNet: {"n_residual": 8, "n_skip": 8},
        GPT: {"n_embd": 8, "n_head": 2, "n_layer": 1},
    }[kind]
    model = kind(len(VOCAB), g, **small | options)
    return model, data.encode(model, TRAIN, VOCAB), data.encode(model, DEV, VOCAB)


def vector(model):
    return torch.cat([p.flatten() for _, p, _ in model.named()])


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam", "adamw", "muon"])
def test_every_optimiser_learns(optimiser):
    model, train, dev = make(ConvTree)
    lr = {"sgd": 0.5, "momentum": 0.1, "muon": 0.02}.get(optimiser, 0.01)
    before = sample.nll(model, *dev)
    config = TrainConfig(epochs=6, batch=16, lr=lr, optimiser=optimiser)
    result = fit(model, train, dev, config)
    assert abs(before - math.log(len(VOCAB))) < 0.1
    assert result.best < 2.85
    assert sample.nll(model, *dev) == pytest.approx(result.best, abs=1e-6)


@pytest.mark.parametrize("kind", [Bigram, MLP, Tree, ConvTree, WaveNet, GPT])
def test_every_model_learns_and_repeats_bit_for_bit(kind):
    ends = []
    for _ in range(2):
        model, train, dev = make(kind)
        config = TrainConfig(steps=40, batch=16, lr=0.02, token_dropout=0.05)
        result = fit(model, train, dev, config)
        ends.append((vector(model), result.losses, result.dev))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1:] == ends[1][1:]
    assert sum(ends[0][1][-5:]) < sum(ends[0][1][:5])


def test_another_seed_is_another_run():
    losses = []
    for seed in (0, 1):
        model, train, dev = make(MLP)
        losses.append(fit(model, train, dev, TrainConfig(steps=5, seed=seed)).losses)
    assert losses[0][0] != losses[1][0]


def test_an_epoch_sees_every_row_once():
    model, train, _ = make(GPT)
    trainer = Trainer(model, train, config=TrainConfig(batch=7, epochs=2))
    rows = len(train[0])
    for epoch in range(2):
        seen = []
        for k in range(rows // 7):
            X, Y = trainer.batch(epoch * (rows // 7) + k)
            assert (Y >= 0).any(0).all(), "cut to the longest text"
            seen += [tuple(y[y >= 0].tolist()) for y in Y]
        assert len(seen) == rows // 7 * 7
        assert len(set(seen)) == len(seen)


def test_dropout_is_the_same_whenever_a_step_is_done():
    """Batch i, its dropped symbols and its masks depend on the seed and i alone."""
    gradients = []
    for first in (0, 7):
        model, train, _ = make(GPT, dropout=0.2)
        config = TrainConfig(batch=16, token_dropout=0.2, steps=20)
        trainer = Trainer(model, train, config=config)
        trainer.batch(first)
        trainer.gradient(*trainer.batch(7))
        gradients.append(trainer.flat.g.clone())
    assert torch.equal(*gradients)
    assert gradients[0].any()


def test_the_best_is_kept():
    model, train, dev = make(MLP, n_hidden=64)
    config = TrainConfig(epochs=40, batch=16, lr=0.03, schedule="constant", evals=20)
    result = fit(model, train, dev, config)
    assert result.dev[-1][1] > result.best + 0.02, "no overfitting, no test"
    assert sample.nll(model, *dev) == pytest.approx(result.best, abs=1e-6)


def test_patience_ends_a_run_that_no_longer_gains():
    model, train, dev = make(MLP, n_hidden=64)
    config = TrainConfig(
        epochs=40, batch=16, lr=0.03, schedule="constant", evals=40, patience=3
    )
    result = fit(model, train, dev, config)
    steps = [s for s, _ in result.dev]
    assert result.steps < 40 * (len(train[0]) // 16)
    best = min(result.dev, key=lambda d: d[1])[0]
    assert steps.index(best) == len(steps) - 4


def test_the_average_of_parameters_is_what_is_kept():
    model, train, dev = make(MLP, normalise=False)
    config = TrainConfig(steps=60, lr=0.05, schedule="constant", ema=0.9, evals=1)
    seen = []
    trainer = Trainer(
        model, train, dev, config, [lambda t, _: seen.append(t.flat.p.clone())]
    )
    trainer.run()
    mean = make(MLP, normalise=False)[0]
    mean = vector(mean)
    for i, p in enumerate(seen):
        mean = torch.lerp(mean, p, 1 - min(0.9, (i + 1) / (i + 10)))
    torch.testing.assert_close(vector(model), mean)
    assert not torch.equal(vector(model), seen[-1])


def test_callbacks_see_every_step():
    model, train, dev = make(MLP)
    seen = []

    def look(trainer, progress):
        seen.append((progress.step, progress.measured, progress.length))

    config = TrainConfig(steps=10, evals=2, clip=1e9)
    fit(model, train, dev, config, [look])
    assert [s for s, _, _ in seen] == list(range(1, 11))
    assert [s for s, m, _ in seen if m] == [5, 10]
    assert all(length > 0 for _, _, length in seen)


def test_a_loss_that_blows_up_is_named():
    model, train, _ = make(MLP, normalise=False)
    config = TrainConfig(steps=200, lr=1e38, optimiser="sgd", warmup=0.0)
    with pytest.raises(
        ValueError, match=r"loss of step \d+ is .*lr below 1e\+38.*clip"
    ):
        fit(model, train, config=config)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"optimiser": "sdg"}, "optimiser is 'sdg'; choose one of adam, adamw"),
        ({"schedule": "sine"}, "schedule is 'sine'; choose one of"),
        ({"batch": 0}, "batch is 0; give at least 1"),
        ({"steps": 0}, "steps is 0"),
        ({"epochs": 0}, "epochs is 0; give more than 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"decay": -1}, "decay is -1"),
        ({"warmup": 1.0}, "warmup is 1.0; give at least 0, below 1"),
        ({"smoothing": -0.1}, "smoothing is -0.1"),
        ({"token_dropout": 1.0}, "token_dropout is 1.0"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"patience": -1}, "patience is -1"),
    ],
)
def test_settings_out_of_range_are_named(setting, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig(**setting)


def test_a_batch_larger_than_the_data_is_named():
    model, train, _ = make(GPT)
    with pytest.raises(ValueError, match="batch of 9999 rows, and the data have"):
        Trainer(model, train, config=TrainConfig(batch=9999))


def test_counting_sets_the_bar():
    """A trained bigram net comes to the counts, from above."""
    model, train, dev = make(Bigram)
    result = fit(
        model, train, dev, TrainConfig(epochs=100, batch=64, lr=0.1, keep_best=False)
    )
    counts = sample.nll(NGram(len(VOCAB), *train, 1, alpha=0.0), *train)
    assert counts < sample.nll(model, *train) < counts + 0.02
    assert result.best < 2.9


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("kind", [WaveNet, MLP])
def test_a_run_never_ends_with_parameters_that_are_no_numbers(kind, fast):
    """Not even where the last step alone leaves the range."""
    for steps in (1, 2, 3, 30):
        model, train, dev = make(kind)
        config = TrainConfig(
            steps=steps,
            lr=1e38,
            optimiser="sgd",
            warmup=0.0,
            schedule="constant",
            keep_best=False,
            fast=fast,
        )
        try:
            fit(model, train, dev, config)
            told = ""
        except ValueError as error:
            told = str(error)
        assert "grown out of range" in told or vector(model).isfinite().all()
        assert told or steps < 30


def test_a_loss_that_is_no_number_is_not_the_best():
    model, train, dev = make(MLP)
    trainer = Trainer(model, train, dev, TrainConfig(steps=4, evals=4))
    trainer.run()
    best = trainer.result.best
    trainer.flat.p.fill_(math.nan)
    with torch.inference_mode():
        assert math.isnan(trainer._measure())
    assert trainer.result.best == best


@pytest.mark.parametrize(
    ("name", "value"), [("X", -1), ("X", 99), ("Y", 99), ("Y", -2)]
)
def test_data_the_model_has_no_symbols_for_are_refused_at_once(name, value):
    model, (X, Y), _ = make(MLP)
    wrong = X.clone(), Y.clone()
    wrong["XY".index(name)].view(-1)[-1] = value
    with pytest.raises(ValueError, match=f"{name} holds symbols .*; encode the data"):
        Trainer(model, wrong)


@pytest.mark.parametrize("kind", [Bigram, MLP, Tree, WaveNet, GPT])
def test_steps_that_are_trusted_are_those_that_are_not(kind):
    """Contracts are held once for each shape of minibatch, and change nothing."""
    found = []
    for forget in (False, True):
        model, train, _ = make(kind)
        trainer = Trainer(model, train, config=TrainConfig(steps=6, fast=False))
        if forget:
            trainer.way.gone_through = type("Never", (set,), {"add": lambda *_: None})()
        trainer.run()
        found.append(vector(model))
    assert torch.equal(*found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_half_types_are_never_trusted(dtype):
    """What fitted in one step may be out of their range in the next."""
    model = Bigram(len(VOCAB), Generator(), dtype=dtype)
    X, Y = (t[:4] for t in data.encode(model, TRAIN, VOCAB))
    way = Plain(model, Flat(model))
    way.gradient(X, Y)
    assert way.gone_through == ({(dtype, X.shape)} if dtype == torch.float32 else set())

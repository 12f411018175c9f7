"""What a run is, exactly: its length, minibatches, measurements, waiting, its end."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Generator

from charlm import ops
from charlm.models import GPT, MLP, Bigram, ConvTree
from charlm.train import Flat, TrainConfig, Trainer, World, device, optim, trainer
from charlm.train.batches import Batches, mix
from charlm.train.fast import Fast
from charlm.train.timing import rehearse

V = 5


def rows(count, block=3, seed=0):
    g = Generator().manual_seed(seed)
    X = torch.randint(V, (count, block), generator=g)
    return X, torch.randint(V, (count,), generator=g)


def texts(count, seed=0):
    g = Generator().manual_seed(seed)
    X = torch.randint(1, V, (count, 6), generator=g)
    Y = torch.randint(1, V, (count, 6), generator=g)
    for i in range(count):
        Y[i, 1 + i % 6 :] = -1
    return X, Y


def mlp(**options):
    g = Generator().manual_seed(1)
    return MLP(V, g, block=3, n_embd=2, n_hidden=4, **options)


def begin(config, dev=None, model=None, **more):
    return Trainer(model or mlp(normalise=False), rows(23), dev, config, **more)


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        ({"epochs": 1}, 5),
        ({"epochs": 3}, 15),
        ({"epochs": 2.5}, 12),
        ({"epochs": 0.001}, 1),
        ({"epochs": 3, "steps": 4}, 4),
        ({}, 50),
    ],
)
def test_the_length_of_a_run(settings, total):
    """23 rows hold five minibatches of 4."""
    found = begin(TrainConfig(batch=4, **settings))
    assert found.total == total
    if total < 20:
        assert found.run().steps == total == len(found.result.losses)


@pytest.mark.parametrize(
    ("evals", "steps"),
    [(3, [3, 6, 9, 10]), (1, [10]), (0, []), (99, list(range(1, 11)))],
)
def test_when_it_is_measured(evals, steps):
    found = begin(TrainConfig(steps=10, batch=4, evals=evals), rows(5))
    assert [step for step, _ in found.run().dev] == steps
    without = begin(TrainConfig(steps=10, batch=4, evals=evals))
    assert without.run().dev == []
    assert math.isnan(without.result.best)


def order(seed, epoch, count=40, batch=8):
    """Rows in the order in which an epoch sees them."""
    X = torch.arange(count).unsqueeze(1)
    config = TrainConfig(batch=batch, seed=seed)
    found = Batches((X, X.flatten()), config, Generator(), World())
    per_epoch = count // batch
    parts = [found(epoch * per_epoch + k)[0] for k in range(per_epoch)]
    return torch.cat(parts).flatten().tolist()


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert all(sorted(one) == list(range(40)) for one in orders)
    assert len({tuple(one) for one in orders}) == len(orders)


def test_minibatches_are_those_of_recorded_runs():
    """The numbers were drawn once; other ones would be other runs."""
    assert order(0, 0)[:5] == [5, 36, 12, 17, 11]
    assert order(3, 2)[:5] == [25, 36, 5, 20, 17]
    assert mix(3, 2, 1) == 12_000_045


def test_a_step_knows_its_minibatch_whatever_was_asked_before():
    def at(*steps):
        found = Batches(rows(23), TrainConfig(batch=4), Generator(), World())
        return [found(i)[0].tolist() for i in steps][-1]

    for i in (0, 4, 5, 11):
        assert at(i) == at(7, i) == at(12, 2, i)


def test_symbols_are_dropped_at_random_and_targets_never():
    X = torch.full((400, 6), 3)
    Y = torch.full((400,), 2)
    config = TrainConfig(batch=200, token_dropout=0.3)
    found = Batches((X, Y), config, Generator(), World())
    one, two = found(0)[0], found(1)[0]
    assert set(one.flatten().tolist()) == {0, 3}
    assert (one == 0).double().mean().item() == pytest.approx(0.3, abs=0.05)
    assert not torch.equal(one, two)
    assert torch.equal(found(0)[0], one)
    assert (found(0)[1] == 2).all()
    # every process of a run drops others
    second = SimpleNamespace(rank=1, part=lambda rows: rows)
    other = Batches((X, Y), config, Generator(), second)
    assert not torch.equal(other(0)[0], one)


def test_texts_are_cut_to_the_longest_of_the_minibatch():
    X, Y = texts(12)
    found = Batches((X, Y), TrainConfig(batch=3), Generator(), World())
    for i in range(4):
        x, y = found(i)
        assert x.shape == y.shape
        assert y.shape[1] == (y >= 0).sum(1).max()


def test_texts_of_a_compiled_run_are_cut_to_a_few_lengths():
    """To 4 of 6 symbols, as long as none of a minibatch has more."""
    X, Y = texts(12)
    Y[:, 3:] = -1
    config = TrainConfig(batch=3, compile=True)
    x, y = Batches((X, Y), config, Generator(), World())(0)
    assert x.shape == y.shape == (3, 4)


def test_the_end_of_a_text_is_among_its_targets():
    """The boundary, 0, which the longest text of a minibatch ends with."""
    X = torch.tensor([[0, 2, 3, 0]] * 2)
    Y = torch.tensor([[2, 3, 0, -1], [2, 0, -1, -1]])
    x, y = Batches((X, Y), TrainConfig(batch=2), Generator(), World())(0)
    assert sorted(y.tolist()) == [[2, 0, -1], [2, 3, 0]]
    assert x.tolist() == [[0, 2, 3]] * 2


def test_the_noise_of_a_step_is_that_of_recorded_runs():
    """Of the seed, the process and the step; drawn from for dropped symbols alone."""
    for dropout, drawn_from in ((0.0, False), (0.3, True)):
        noise = Generator()
        config = TrainConfig(batch=4, seed=3, token_dropout=dropout)
        second = SimpleNamespace(rank=1, part=lambda rows: rows)
        Batches(rows(23), config, noise, second)(5)
        assert noise.initial_seed() == 4 * (4 * 1_000_003 + 5) + 2
        fresh = Generator().manual_seed(noise.initial_seed())
        assert torch.equal(noise.get_state(), fresh.get_state()) != drawn_from


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_that_of_the_loss_asked_for(smoothing, fast):
    config = TrainConfig(batch=8, smoothing=smoothing, fast=fast)
    found = begin(config)
    X, Y = found.batch(0)
    loss = found.gradient(X, Y)
    model = mlp(normalise=False)
    logits, cache = model.forward(X)
    wanted, c_loss = ops.cross_entropy(logits, Y, smoothing)
    model.backward(ops.cross_entropy_backward(torch.ones_like(wanted), c_loss), cache)
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    whole = torch.cat([d.flatten() for _, _, d in model.named()])
    torch.testing.assert_close(found.flat.g, whole)
    assert isinstance(found.way, Fast) == (fast and not smoothing)


@pytest.mark.parametrize("name", optim.OPTIMISERS)
def test_the_optimiser_is_the_one_asked_for_with_its_decay(name):
    found = begin(TrainConfig(batch=4, optimiser=name, decay=0.1)).optimiser
    wanted = optim.OPTIMISERS[name](Flat(mlp()), decay=0.1)
    assert (type(found), found.decay) == (type(wanted), 0.1)
    assert found.vectors == wanted.vectors


def test_rates_are_those_of_the_schedule_at_the_middle_of_a_step():
    rates = []
    config = TrainConfig(steps=4, batch=4, lr=0.8, schedule="linear", warmup=0.25)
    begin(config, callbacks=[lambda _, p: rates.append(p.lr)]).run()
    assert rates == pytest.approx([0.8 * x for x in (0.5, 5 / 6, 0.5, 1 / 6)])


def test_a_long_gradient_is_shortened_and_its_length_told():
    lengths, moved = [], []
    config = TrainConfig(
        steps=1, batch=8, lr=1.0, optimiser="sgd", schedule="constant", warmup=0,
        clip=1e-3,
    )  # fmt: skip
    found = begin(config, callbacks=[lambda _, p: lengths.append(p.length)])
    found.gradient(*found.batch(0))
    wanted, before = found.flat.g.norm().item(), found.flat.p.clone()
    found.run()
    moved = (found.flat.p - before).norm().item()
    assert lengths == [pytest.approx(wanted)]
    assert moved == pytest.approx(1e-3, rel=1e-4)


def measuring(monkeypatch, losses):
    """Let the dev losses be these, one after the other."""
    given = iter(losses)
    monkeypatch.setattr(trainer, "nll", lambda *_: next(given))


LOSSES = [3.0, 2.0, 2.5, 2.0, 1.5, 1.6, 1.7, 1.8, 1.0, 1.0]


@pytest.mark.parametrize(("patience", "steps"), [(0, 10), (1, 3), (2, 4), (3, 8)])
def test_patience_counts_measurements_without_a_gain(patience, steps, monkeypatch):
    """A loss equal to the best is no gain; a gain begins the count anew."""
    measuring(monkeypatch, LOSSES)
    config = TrainConfig(steps=10, batch=4, evals=10, patience=patience)
    found = begin(config, rows(5))
    result = found.run()
    assert result.steps == steps
    assert result.dev == list(enumerate(LOSSES[:steps], 1))
    assert result.best == min(LOSSES[:steps])


@pytest.mark.parametrize("keep_best", [True, False, None])
@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_a_run_ends_with_its_best_or_with_its_last(keep_best, ema, monkeypatch):
    """With its best where nobody has said."""
    measuring(monkeypatch, [3.0, 1.0, 2.0, math.nan])
    seen, means = [], []

    def look(found, _):
        seen.append(found.flat.p.clone())
        means.append(found.mean.clone() if ema else None)

    said = {} if keep_best is None else {"keep_best": keep_best}
    config = TrainConfig(steps=4, batch=4, evals=4, ema=ema, **said)
    found = begin(config, rows(5), callbacks=[look])
    found.run()
    chosen = 3 if keep_best is False else 1
    wanted = means[chosen] if ema else seen[chosen]
    assert torch.equal(found.flat.p, wanted)
    assert found.result.best == 1.0


def test_an_average_is_kept_where_nothing_is_measured():
    """Of the first parameters as well; short in the first steps, as the past is."""
    seen = []
    look = [lambda found, _: seen.append(found.flat.p.clone())]
    found = begin(TrainConfig(steps=12, batch=4, ema=0.4), callbacks=look)
    mean = found.flat.p.clone()
    found.run()
    for i, p in enumerate(seen, 1):
        past = min(0.4, i / (i + 9))
        mean = past * mean + (1 - past) * p
    torch.testing.assert_close(found.mean, mean)
    assert torch.equal(found.flat.p, found.mean)
    assert begin(TrainConfig(ema=0.0, batch=4)).mean is None


def test_a_state_taken_over_is_the_state(monkeypatch):
    measuring(monkeypatch, LOSSES)
    config = TrainConfig(steps=10, batch=4, evals=10, patience=5, ema=0.5)
    double = {"normalise": False, "dtype": torch.float64}  # losses of all digits
    one = begin(config, rows(5), mlp(**double))
    one.total = 7  # stopped while it waits
    one.run()
    assert one.waited == 2
    tensors, run = one.state()
    two = begin(config, rows(5), mlp(**double))
    two.load(tensors, run)
    assert (two.waited, two.result) == (2, one.result)
    assert two.state()[1] == run
    for name, t in two.state()[0].items():
        assert torch.equal(t, tensors[name]), name
    # and goes on waiting where it was
    measuring(monkeypatch, [9.0] * 9)
    assert two.run().steps == 10


def test_a_state_without_measurements(monkeypatch):
    one = begin(TrainConfig(steps=2, batch=4))
    one.run()
    tensors, run = one.state()
    assert run["best"] is None
    assert not any(name.startswith("best.") for name in tensors)
    two = begin(TrainConfig(steps=9, batch=4))
    two.load(tensors, run)
    assert math.isnan(two.result.best)
    assert torch.equal(
        two.best["p"], two.flat.p * 0 + begin(TrainConfig(batch=4)).flat.p
    )


def test_callbacks_are_told_where_a_resumed_run_stands(monkeypatch):
    measuring(monkeypatch, [2.0, 1.5])
    config = TrainConfig(steps=4, batch=4, evals=2)
    one = begin(config, rows(5))
    one.total = 2
    one.run()
    told = []

    def look(_, p):
        told.append((p.step, p.total, p.dev, p.measured, p.loss))

    two = begin(config, rows(5), callbacks=[look])
    two.load(*one.state())
    two.result.seconds = 100.0
    two.run()
    assert [t[:4] for t in told] == [(3, 4, 2.0, False), (4, 4, 1.5, True)]
    assert [t[4] for t in told] == two.result.losses[2:]
    assert 100 < two.result.seconds < 160


def test_a_rehearsal_leaves_everything_as_it_was():
    model = mlp()
    found = begin(TrainConfig(steps=3, batch=4), rows(5), model)
    before = {n: t.clone() for n, t in found.state()[0].items()}
    assert 0 < rehearse(found) < 60
    assert found.result.steps == 0
    for name, t in found.state()[0].items():
        assert torch.equal(t, before[name]), name


@pytest.mark.parametrize(
    ("model", "batch", "size", "fits"),
    [
        (lambda: mlp(), 1, 1, False),
        (lambda: mlp(), 2, 1, True),
        (lambda: mlp(), 3, 2, False),
        (lambda: mlp(), 4, 2, True),
        (lambda: mlp(normalise=False), 1, 1, True),
        (lambda: mlp(normalise=False), 1, 2, False),
        (lambda: mlp(normalise=False), 23, 1, True),
        (lambda: mlp(normalise=False), 24, 1, False),
    ],
)
def test_how_few_rows_and_how_many_a_minibatch_may_have(model, batch, size, fits):
    world = SimpleNamespace(size=size, rank=0, first=True)
    config = TrainConfig(batch=batch)
    if fits:
        Trainer(model(), rows(23), config=config, world=world)
        return
    with pytest.raises(ValueError, match=f"train: a batch of {batch} rows") as found:
        Trainer(model(), rows(23), config=config, world=world)
    of_parts = "for each of its 2 parts" in str(found.value)
    assert of_parts == (size == 2), "what is too small is told of parts if there are"


def test_normalisation_over_positions_may_have_one_row():
    model = ConvTree(V, Generator(), n_embd=2, n_hidden=3)
    found = Trainer(model, texts(6), config=TrainConfig(batch=1, steps=1))
    assert found.run().steps == 1


@pytest.mark.parametrize(("model", "low"), [(Bigram, 0), (GPT, -1)])
def test_the_first_and_the_last_symbol_are_read(model, low):
    small = {"n_embd": 4, "n_head": 1, "n_layer": 1, "block": 6} if low else {}
    X, Y = texts(6) if low else rows(6, 1)
    X[0, 0], X[1, 0] = 0, V - 1
    Y.view(-1)[0] = V - 1
    for train, dev in (((X, Y), None), (texts(6) if low else rows(6, 1), (X, Y))):
        Trainer(model(V, Generator(), **small), train, dev, TrainConfig(batch=2))
    X[2, 0] = V
    with pytest.raises(
        ValueError, match=f"X holds symbols from 0 to {V}, .* 0 to {V - 1}; encode"
    ):
        Trainer(model(V, Generator(), **small), train, (X, Y), TrainConfig(batch=2))


def test_a_model_elsewhere_is_the_model(monkeypatch):
    """All of it is moved; what goes in and comes out is on the processor."""
    model = mlp()
    ix = rows(4)[0]
    wanted = model.forward(ix, training=False)[0]
    assert device.on(model, "cpu") is model
    found = device.On(model, "cpu")
    assert torch.equal(found.forward(ix)[0], wanted)
    assert (found.block, found.causal) == (model.block, model.causal) == (3, False)
    # another type stands for another place
    monkeypatch.setattr(device, "check_device", lambda device: device)
    assert isinstance(device.on(model, torch.float64), device.On)
    every = [p for _, p, _ in model.named()] + [t for _, t in model.statistics()]
    assert {t.dtype for t in every} == {torch.float64}


def test_a_device_that_is_not_there_is_refused():
    assert device.check_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="--device tpu: PyTorch finds no such"):
        device.check_device("tpu")

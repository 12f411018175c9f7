"""Parts, processes and 16 bits: the step of the whole in 32, and what breaks it."""

from types import SimpleNamespace

import pytest
import torch
from torch import Generator

from charlm import data, ops
from charlm.cli import main
from charlm.data import corpus
from charlm.models import KINDS, build
from charlm.train import (
    Half,
    LossScale,
    TrainConfig,
    Trainer,
    World,
    mean_of,
    optim,
    parallel,
    weighted,
)
from charlm.train import trainer as training
from charlm.train.checkpoint import read, store
from charlm.train.config import HALVES

NAMES = data.load("names")[::60]
VOCAB = data.Vocab.of(NAMES)
SMALL = {
    "mlp": {"n_hidden": 16},
    "tree": {"n_embd": 4, "n_hidden": 16},
    "rnn": {"n_embd": 4, "n_hidden": 8},
    "gru": {"n_embd": 4, "n_hidden": 8},
    "lstm": {"n_embd": 4, "n_hidden": 8},
    "wavenet": {"n_residual": 8, "n_skip": 8},
    "gpt": {"n_embd": 8, "n_head": 2, "n_layer": 1},
}
NORMED = {"mlp", "tree"}  # by statistics of the batch
each_kind = pytest.mark.parametrize("kind", KINDS)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
each_half = pytest.mark.parametrize("precision", ["float16", "bfloat16"])


def begin(kind, options=None, world=None, **settings):
    g, more = Generator().manual_seed(1), SMALL.get(kind, {}) | (options or {})
    model = build(kind, len(VOCAB), g, **more)
    config = TrainConfig(**{"steps": 12, "batch": 16, "lr": 0.02} | settings)
    return Trainer(model, data.encode(model, NAMES, VOCAB), None, config, world=world)


def gradient(trainer):
    with torch.inference_mode():
        loss = trainer.gradient(*trainer.batch(0))
    return trainer.flat.g.clone(), loss


def apart(a, b):
    return float((a - b).norm() / b.norm())


@each_kind
def test_parts_are_the_whole(kind):
    """Of unequal numbers of targets; where a batch is normalised, parts are not."""
    double = {"dtype": torch.float64}
    whole, loss = gradient(begin(kind, double))
    parts, loss_of_parts = gradient(begin(kind, double, accumulate=3))
    if kind in NORMED:
        assert apart(parts, whole) > 1e-2
    else:
        assert apart(parts, whole) < 1e-12
        assert loss_of_parts == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_what_processes_add_up_is_the_whole(accumulate):
    double = {"dtype": torch.float64}
    whole, loss = gradient(begin("gpt", double))
    sums = []

    def add(found):
        sums.append(found.clone())
        return found

    for rank in range(2):
        part = lambda rows, rank=rank: rows[rank::2]  # noqa: E731
        world = SimpleNamespace(size=2, rank=rank, first=not rank, part=part, add=add)
        gradient(begin("gpt", double, world, accumulate=accumulate))
    g, mean = mean_of(sum(sums))
    assert len(sums) == 2
    assert apart(g, whole) < 1e-12
    assert mean == pytest.approx(loss, rel=1e-12)


def test_which_parts_are_added_up():
    """Those of one process, and the processes; a whole is taken as it is."""
    seen, added = [], []

    def add(sums):
        added.append(sums)
        return sums

    for size, parts, rows in (1, 1, [4]), (1, 2, [2, 2]), (2, 1, [4]), (2, 2, [2, 2]):
        world = SimpleNamespace(size=size, rank=0, part=lambda rows: rows, add=add)
        trainer = begin("bigram", None, world, batch=4, accumulate=parts)
        trainer.way.gradient = lambda X, Y: seen.append(len(X)) or 1.0
        trainer.gradient(*trainer.batch(0))
        assert seen == rows
        assert len(added) == (size * parts > 1)
        seen.clear()
        added.clear()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_process_of_several_takes_its_rows(device, monkeypatch):
    """Every row is somebody's; each has the graphics processor of its number."""
    joined, chosen, left = [], [], []
    monkeypatch.setattr(parallel.dist, "init_process_group", joined.append)
    monkeypatch.setattr(parallel.dist, "destroy_process_group", lambda: left.append(1))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    rows, parts = torch.arange(10), []
    for rank in range(3):
        found = {"WORLD_SIZE": "3", "RANK": str(rank), "LOCAL_RANK": str(rank + 4)}
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        world = World(device)
        assert (world.size, world.rank, world.first) == (3, rank, rank == 0)
        parts.append(world.part(rows).tolist())
        world.close()
    assert parts == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    on_gpu = device == "cuda"
    assert joined == ["nccl" if on_gpu else "gloo"] * 3
    assert chosen == ([4, 5, 6] if on_gpu else [])
    assert len(left) == 3


def test_sums_of_parts_give_the_mean_of_all():
    terms = torch.randn(7, 4, generator=Generator().manual_seed(1)).double()
    sums = sum(
        weighted(part.mean(0), part.mean().item(), len(part))
        for part in terms.split([1, 4, 2])
    )
    g, loss = mean_of(sums)
    assert torch.allclose(g, terms.mean(0), rtol=1e-14)
    assert loss == pytest.approx(terms.mean().item(), rel=1e-14)


@each_half
@each_kind
def test_the_gradient_is_that_of_64_bits_to_the_digits_of_16(kind, precision):
    digits = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[precision]
    for options in [
        {},
        *({"attention": a} for a in ("tiled", "fused") if kind == "gpt"),
    ]:
        low = begin(kind, options, precision=precision)
        high = begin(kind, {"dtype": torch.float64}, fast=False)
        high.flat.p.copy_(low.flat.p)
        (half, loss_of_half), (double, loss) = gradient(low), gradient(high)
        assert loss_of_half == pytest.approx(loss, rel=4 * digits)
        error = apart(half.double(), double)
        assert 0 < error < 16 * digits, f"{options}: {error:.1e}"


@each_half
@pytest.mark.parametrize("device", DEVICES)
def test_what_is_read_often_adds_up_in_32_bits(device, precision):
    """In 16 bits, one after the other, 4,096 ones would be 256 or 2,048."""
    ones = torch.ones(4096, 1, dtype=HALVES[precision], device=device)
    ix = torch.zeros(4096, dtype=torch.long, device=device)
    _, cache = ops.embedding(ix, ones[:2])
    assert ops.embedding_backward(ones, cache)[0].item() == 4096
    assert ops.scatter_add(ones.mT, ix[None], 1)[0].item() == 4096
    _, cache = ops.gather(ones[:1], ix[None])
    assert ops.gather_backward(ones.mT, cache).item() == 4096


@each_half
@each_kind
def test_parameters_and_statistics_stay_in_32_bits_and_are_the_model_s(kind, precision):
    trainer = begin(kind, precision=precision)
    statistics = [t.clone() for _, t in trainer.model.statistics()]
    trainer.run()
    assert {p.dtype for _, p, _ in trainer.model.named()} == {torch.float32}
    for before, (name, now) in zip(statistics, trainer.model.statistics(), strict=True):
        assert now.dtype == torch.float32, name
        assert not torch.equal(before, now), name


def test_a_power_of_two_changes_no_bit():
    """In the range of bfloat16, which is that of float32."""
    found = []
    for power in (-20, 0, 20):
        trainer = begin("gpt")
        scale = LossScale(2.0**power, patience=0)
        trainer.way = Half(trainer.model, trainer.flat, 0.0, "bfloat16", scale)
        found.append(gradient(trainer)[0])
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])


def test_what_is_small_is_zero_in_float16_without_a_scale():
    zeros = []
    for power in (-12, 12):
        trainer = begin("gpt")
        scale = LossScale(2.0**power, patience=0)
        trainer.way = Half(trainer.model, trainer.flat, scale=scale)
        zeros.append(int((gradient(trainer)[0] == 0).sum()))
    exact = int((gradient(begin("gpt", fast=False))[0] == 0).sum())
    assert zeros[0] > zeros[1] + 100
    assert zeros[1] < exact + 20


def test_a_step_out_of_range_is_left_out():
    trainer = begin("gpt", precision="float16", optimiser="adamw", steps=1)
    trainer.scale.factor = LossScale(2.0**32).factor
    before = trainer.flat.p.clone()
    trainer.run()
    assert torch.equal(trainer.flat.p, before)
    assert trainer.optimiser.t == 0
    assert trainer.scale.skipped == 1
    assert trainer.scale.factor == 2.0**31


def test_the_factor_is_found_by_trial():
    scale, fine = LossScale(8.0, patience=3), torch.ones(4)
    found = [(scale.fits(fine), scale.factor, scale.good) for _ in range(7)]
    assert found == [
        (True, factor, k) for k, factor in enumerate([8, 8, 16, 16, 16, 32, 32], 1)
    ]
    for bad in (torch.inf, -torch.inf, torch.nan):
        assert not scale.fits(torch.tensor([1.0, bad]))
    assert (scale.factor, scale.good, scale.skipped) == (4, 0, 3)
    scale.factor = 2.0**-24
    with pytest.raises(ValueError, match="no factor of the loss.*bfloat16"):
        scale.fits(torch.tensor([torch.nan]))
    stays = LossScale(8.0, patience=0)
    assert not stays.fits(torch.tensor([torch.inf]))
    assert stays.factor == 8


def test_a_factor_stays_between_the_least_and_the_most():
    """2^-24 and 2^32; nobody has said another than 2^16, doubled after 1,000."""
    for factor in (2.0**-24, 2.0**32):
        assert LossScale(factor).factor == factor
    top = LossScale(2.0**32, patience=1)
    assert top.fits(torch.ones(1))
    assert top.factor == 2.0**32
    assert (LossScale().factor, LossScale().patience) == (2.0**16, 1000)


BAD_FACTORS = [3.0, 0.0, -2.0, 2.0**-25, 2.0**33, float("nan")]


@pytest.mark.parametrize("factor", BAD_FACTORS)
def test_a_factor_that_is_no_power_of_two_is_named(factor):
    with pytest.raises(ValueError, match="give a power of two"):
        LossScale(factor)


def test_parameters_of_other_types_are_named():
    with pytest.raises(ValueError, match="parameters are torch.float64.*in float32"):
        begin("bigram", {"dtype": torch.float64}, precision="float16")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"precision": "half"}, "precision is 'half'; choose one of bfloat16, float16"),
        ({"accumulate": 0}, "accumulate is 0; give at least 1"),
        ({"accumulate": 9}, r"16 rows.* 18, 2 for each of its 9 parts"),
    ],
)
def test_settings_that_do_not_go_are_named(setting, words):
    with pytest.raises(ValueError, match=words):
        begin("mlp", **setting)


@each_half
def test_a_resumed_run_in_16_bits_ends_as_an_uninterrupted_one(precision, tmp_path):
    """The factor moves before and after the stop."""
    file, path = tmp_path / "run.safetensors", tmp_path / "names.txt"
    path.write_text("\n".join(NAMES))
    text, options = corpus(path), SMALL["gpt"] | {"dropout": 0.1}
    settings = {"steps": 30, "precision": precision, "accumulate": 2, "clip": 1.0}

    def fresh(callbacks=()):
        model = build("gpt", len(text.vocab), Generator().manual_seed(1), **options)
        parts = [text.encode(model, part) for part in ("train", "dev")]
        config = TrainConfig(batch=16, lr=0.02, evals=3, **settings)
        trainer = Trainer(model, *parts, config, callbacks)
        if trainer.scale:
            trainer.scale.factor = 2.0**32
        return trainer

    def halt(trainer, progress):
        if progress.step == 7:
            store(file, trainer, text, "gpt", options)
            raise InterruptedError

    whole = fresh()
    whole.run()
    with pytest.raises(InterruptedError):
        fresh([halt]).run()
    rest = read(file).trainer(text)
    rest.run()
    a, b = (run.state()[0] for run in (whole, rest))
    assert all(torch.equal(a[name], b[name]) for name in a | b)
    if whole.scale:
        assert whole.scale.skipped > 7


def test_the_command_line_trains_in_16_bits_and_in_parts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    args = (
        "train --data names.txt --model gpt --n-embd 8 --n-head 2 --n-layer 1".split()
    )
    args += "--steps 4 --batch 8 --precision float16 --accumulate 2".split()
    assert main(args) == 0, capsys.readouterr().err
    assert main(["info", "charlm-model.safetensors"]) == 0
    assert "float16" in capsys.readouterr().out
    assert main(["eval", "charlm-model.safetensors", "--data", "names.txt"]) == 0


def mean_of_means(monkeypatch, trainer):
    equal = lambda g, loss, count: weighted(g, loss, 1)  # noqa: E731
    monkeypatch.setattr(training, "weighted", equal)


def sums_not_divided(monkeypatch, trainer):
    monkeypatch.setattr(training, "mean_of", lambda sums: (sums[:-2], 0.0))


def accumulated_without_weights(monkeypatch, trainer):
    mean_of_means(monkeypatch, trainer)
    sums_not_divided(monkeypatch, trainer)


def clipped_before_unscaling(monkeypatch, trainer):
    limit = lambda g, longest: optim.clip(g, longest / trainer.scale.factor)  # noqa: E731
    monkeypatch.setattr(training, "clip", limit)


def scale_forgotten(monkeypatch, trainer):
    right = trainer.way.gradient

    def scaled(X, Y):
        loss = right(X, Y)
        trainer.flat.g.mul_(trainer.scale.factor)
        return loss

    monkeypatch.setattr(trainer.way, "gradient", scaled)


def nothing(monkeypatch, trainer):
    pass


SLIPS = {  # and with which limits the step shows them: a limit hides any factor
    nothing: set(),
    mean_of_means: {0.0, 0.5},
    accumulated_without_weights: {0.0, 0.5},
    sums_not_divided: {0.0},
    scale_forgotten: {0.0},
    clipped_before_unscaling: {0.5},
}


@pytest.mark.parametrize("slip", SLIPS, ids=lambda f: f.__name__)
def test_a_step_in_parts_and_16_bits_is_the_step_of_the_whole(slip, monkeypatch):
    """The right program passes; each wrong one is caught by the same question."""
    seen = set()
    for limit in (0.0, 0.5):
        usual = {"optimiser": "sgd", "lr": 0.1, "clip": limit, "steps": 1, "warmup": 0}
        plain = begin("gpt", **usual, fast=False)
        begun = plain.flat.p.clone()
        plain.run()
        with monkeypatch.context() as patch:
            trainer = begin("gpt", **usual, precision="float16", accumulate=3)
            slip(patch, trainer)
            trainer.run()
        if apart(trainer.flat.p - begun, plain.flat.p - begun) > 16 * 2.0**-11:
            seen.add(limit)
    assert seen == SLIPS[slip]

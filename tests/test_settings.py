"""Settings, schedules, plans and what is said of them, at the ends of their ranges."""

import math
import re
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch

from charlm.data import Corpus, Vocab
from charlm.models import shapes
from charlm.train import (
    Fast,
    Job,
    Plain,
    Progress,
    Result,
    TrainConfig,
    schedule,
    timing,
)
from charlm.train.opening import by_frequency, duration, opening
from charlm.train.plan import plan, schedule_run
from charlm.train.timing import median_seconds


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("batch", [1, 10**6], [0, -1]),
        ("steps", [1, 10**9, None], [0, 10**9 + 1]),
        ("evals", [0], [-1]),
        ("patience", [0], [-1]),
        ("seed", [0, 2**31 - 1], [-1, 2**31]),
        ("epochs", [1e-9, 1e6], [0, -1, 1e6 + 0.5, math.inf, math.nan]),
        ("lr", [1e-300, 3e38], [0, -1, 4e38, math.inf, math.nan]),
        ("decay", [0, 3e38], [-1e-9, 4e38, math.inf, math.nan]),
        ("clip", [0, 3e38], [-1e-9, 4e38, math.inf, math.nan]),
        ("warmup", [0, 0.999], [-1e-9, 1, math.nan]),
        ("smoothing", [0, 0.999], [-1e-9, 1, math.nan]),
        ("token_dropout", [0, 0.999], [-1e-9, 1, math.nan]),
        ("ema", [0, 0.999], [-1e-9, 1, math.nan]),
    ],
)
def test_what_a_setting_may_be(name, good, bad):
    for value in good:
        assert getattr(TrainConfig(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(ValueError, match=re.escape(f"{name} is {value}; give ")):
            TrainConfig(**{name: value})


def test_what_a_run_is_that_nobody_has_set():
    """Other values would make other runs of programs that rely on these."""
    assert asdict(TrainConfig()) == {
        "epochs": 10.0,
        "steps": None,
        "batch": 64,
        "lr": 5e-3,
        "optimiser": "adamw",
        "decay": 0.0,
        "schedule": "cosine",
        "warmup": 0.1,
        "clip": 0.0,
        "smoothing": 0.0,
        "token_dropout": 0.0,
        "ema": 0.0,
        "evals": 10,
        "compile": False,
        "patience": 0,
        "keep_best": True,
        "accumulate": 1,
        "precision": "float32",
        "fast": True,
        "seed": 0,
    }


def test_what_is_known_before_the_first_step():
    found = asdict(Progress())
    assert [name for name, v in found.items() if v != v] == ["loss", "length", "dev"]
    started = {"step": 0, "total": 0, "lr": 0, "measured": False, "seconds": 0}
    assert {name: found[name] for name in started} == started
    one, two = Result(), Result()
    one.losses.append(1.0)
    one.dev.append((1, 1.0))
    assert (two.losses, two.dev, two.steps, two.seconds) == ([], [], 0, 0)
    assert math.isnan(two.best)


def test_schedules_at_their_corners():
    assert [schedule.constant(x) for x in (0, 0.3, 1)] == [1, 1, 1]
    assert schedule.cosine(0.25) == pytest.approx(0.5 + math.sqrt(0.125))
    assert schedule.cosine(1.5) == pytest.approx(0)
    assert [schedule.linear(x) for x in (0, 0.75, 1, 1.5)] == [1, 0.25, 0, 0]
    assert [schedule.step(x) for x in (0, 0.499, 0.5, 1)] == [1, 1, 0.1, 0.1]
    cycle = [schedule.one_cycle(x) for x in (0, 0.15, 0.3, 0.65, 1)]
    assert cycle == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert schedule.warm(schedule.linear, 0)(0) == 1
    risen = schedule.warm(schedule.linear, 0.5)
    assert [risen(x) for x in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.5, 1, 0.5, 0]
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"warm-up of {share} of the run; give"):
            schedule.warm(schedule.linear, share)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (1.6, "2 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (36_000, "10.0 h"),
    ],
)
def test_how_long_is_said_as_people_say_it(seconds, words):
    assert duration(seconds) == words


def words(sizes, running=False):
    """Data whose longest item has that many symbols."""
    items = ["".join("abcde"[i % 5] for i in range(n)) for n in sizes]
    parts = {"train": items, "dev": items[:1], "test": items[:1]}
    return Corpus("own", running, Vocab(".abcde"), parts, "")


SMALL = {"n_hidden": 20, "momentum": 0.1}


@pytest.mark.parametrize(
    ("kind", "size", "running", "chosen"),
    [
        ("mlp", 40, False, SMALL),
        ("mlp", 9_999, False, SMALL),
        ("mlp", 10_000, False, {}),
        ("rnn", 40, False, {}),
        ("mlp", 500, True, SMALL | {"block": 3}),
        ("mlp", 2, True, SMALL | {"block": 2}),
        ("mlp", 9_999, True, SMALL | {"block": 3}),
        ("mlp", 10_000, True, {"block": 8}),
        ("gpt", 500, True, {"block": 64}),
        ("rnn", 500, True, {"block": 64}),
        ("gru", 63, True, {"block": 63}),
        ("gru", 500, True, {"block": 64}),
        ("lstm", 64, True, {"block": 64}),
        ("wavenet", 500, True, {"levels": 3}),
        ("wavenet", 8, True, {"levels": 3}),
        ("tree", 7, True, {"levels": 2}),
        ("tree", 3, True, {"levels": 1}),
        ("tree", 1, True, {"levels": 1}),
        ("wavenet", 500, False, {}),
        ("bigram", 500, True, {}),
    ],
)
def test_the_context_that_the_data_choose(kind, size, running, chosen):
    found = plan(words([size], running), kind, {}, {})
    assert found.options == chosen
    said = " ".join(found.reasons)
    if "levels" in chosen:
        short = f"levels {chosen['levels']}, as the text is short"
        assert said == (short if chosen["levels"] < 3 else "")
    elif kind == "mlp" and size < 10_000:
        why = f"n_hidden 20, momentum 0.1, as there are {size:,} characters"
        assert said.startswith(why)
    elif chosen:
        assert said == f"block {chosen['block']}, as the data are running text"


def test_a_gpt_reads_long_items_to_their_end():
    """Those up to 255 symbols, which leaves a place for the mark before them."""
    for size, block in (15, None), (16, 17), (255, 256), (256, None):
        found = plan(words([4, size]), "gpt", {}, {})
        assert found.options == ({"block": block} if block else {})
        why = f"block {block}, as the longest item has {size} symbols"
        assert found.reasons == ([why] if block else [])


def test_a_context_that_was_given_stays():
    assert plan(words([40]), "gpt", {"block": 50}, {}).options == {"block": 50}
    options = {"levels": 4}
    assert plan(words([40], True), "wavenet", options, {}).options == options


@pytest.mark.parametrize(
    ("rows", "batch", "steps"),
    [
        (3, 3, 100),
        (8, 8, 100),
        (31, 8, 300),
        (36, 9, 400),
        (255, 63, 400),
        (256, 64, 400),
        (64 * 20, 64, 2_000),
        (64 * 199, 64, 2_000),
        (64 * 200, 64, 2_000),
        (64 * 201, 64, 2_010),
        (64 * 2_000, 64, 20_000),
        (64 * 9_000, 64, 20_000),
    ],
)
def test_the_minibatch_and_the_length_that_the_data_choose(rows, batch, steps):
    found = schedule_run(plan(words([5]), "bigram", {}, {}), {}, rows)
    config = found.config
    assert (config.batch, config.steps) == (batch, steps)
    assert (config.patience, config.evals) == (5, 20)
    said = "\n".join(found.reasons)
    assert (f"batch {batch}, as there are {rows} rows" in said) == (rows < 256)
    often = f"{steps:,} steps, so that all is seen {steps * batch / rows:.3g} times"
    assert (often in said) == (steps != 10 * max(1, rows // batch))


def test_a_length_that_was_given_stays():
    start = plan(words([5]), "bigram", {}, {})
    for settings in ({"epochs": 3.0}, {"steps": 7}):
        begun = plan(words([5]), "bigram", {}, settings)
        found = schedule_run(begun, settings | {"batch": 64}, 9)
        assert found.config == TrainConfig(**settings)
        assert found.reasons == []
    given = {"patience": 2, "evals": 7, "batch": 64}
    found = schedule_run(start, given, 64).config
    assert (found.patience, found.evals, found.batch) == (2, 7, 64)


def test_a_model_larger_than_the_memory_is_refused(monkeypatch):
    from charlm.data import memory

    count = sum(math.prod(s) for s in shapes("mlp", 6, n_hidden=20).values())
    for free, fits in ((32 * count, True), (32 * count - 1, False)):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        if fits:
            plan(words([5]), "mlp", {}, {})
        else:
            with pytest.raises(ValueError, match=f"mlp: {count:,} parameters would"):
                plan(words([5]), "mlp", {}, {})


def test_the_opening_says_what_will_be_done():
    from charlm.train import new

    job = new(words([5] * 30), "mlp", {"n_hidden": 4}, {"steps": 40, "batch": 4})
    lines = opening(job, 3.0)
    count = job.trainer.flat.p.numel()
    assert lines == [
        f"model: mlp, {count:,} parameters (--n-hidden 4 --momentum 0.1)",
        "data: own, 32 items, 160 characters, 6 symbols; 30 train, 1 dev, 1 test",
        "run: 40 steps of 4 rows, about 2 min",
        "note: momentum 0.1, as there are 150 characters",
    ]
    job.trainer.result.steps = 30
    waiting = {"steps": 40, "batch": 4, "patience": 3, "evals": 8}
    other = new(words([5] * 30), "bigram", {}, waiting)
    other.trainer.result.steps = 30
    other = Job(other.data, "bigram", {}, other.trainer, ["odd"])
    assert opening(other, 3.0)[0] == "model: bigram, 36 parameters"
    assert opening(other, 3.0)[2:] == [
        "run: 10 steps of 4 rows, about 33 s, or until 3 of 8 measurements in a row "
        "bring no gain",
        "note: odd",
    ]


def test_the_opening_says_why_nothing_is_compiled():
    from charlm.train import new

    job = new(words([5] * 30), "bigram", {}, {"steps": 4, "batch": 4, "compile": True})
    assert not [line for line in opening(job, 1.0) if "compiled" in line]
    job.trainer.way.why = "no compiler"
    note = "note: the steps are not compiled, as PyTorch cannot: no compiler"
    assert note in opening(job, 1.0)


def test_what_is_not_measured_takes_no_time():
    """A measurement goes forward only: a third of a step for as many rows."""
    from charlm.train import new

    data = words([5] * 300)
    data.parts["dev"] *= 4  # 24 rows
    measured = new(data, "bigram", {}, {"steps": 60, "batch": 4, "evals": 30})
    assert opening(measured, 1.0)[2] == "run: 60 steps of 4 rows, about 2 min"
    measured.trainer.dev = None
    assert opening(measured, 1.0)[2] == "run: 60 steps of 4 rows, about 60 s"
    never = new(data, "bigram", {}, {"steps": 60, "batch": 4, "evals": 0})
    assert opening(never, 1.0)[2] == "run: 60 steps of 4 rows, about 60 s"


def test_what_guessing_by_frequency_costs():
    """Each symbol counted once more; what is not counted has no target."""
    data = [torch.tensor(Y) for Y in ([1, 1, 2, -1], [1, 3, -1])]
    pairs = [(None, Y) for Y in data]
    trainer = SimpleNamespace(train=pairs[0], dev=pairs[1])
    wanted = (math.log(7 / 3) + math.log(7 / 1)) / 2  # 1, 3, 2 and 1 of seven
    assert by_frequency(trainer) == pytest.approx(wanted, rel=1e-12)


def test_the_opening_counts_characters_of_running_text():
    from charlm.train import new

    parts = {"train": ["abcde" * 20], "dev": ["abcde" * 2], "test": ["abcde" * 3]}
    text = Corpus("own", True, Vocab("\0abcde"), parts, "")
    job = new(text, "bigram", {}, {"steps": 4, "batch": 4})
    said = "data: own, 125 characters, 6 symbols; 100 train, 10 dev, 15 test"
    assert opening(job, 1.0)[1] == said


def test_the_time_of_a_step_is_a_median_without_the_first_round(monkeypatch):
    now, done = [0.0], []
    # two rounds that are slow, the first of all and one more
    slow = {0: 500.0, 1: 1.0, 2: 7.0, 3: 2.0}

    def step():
        now[0] += slow[len(done) // 5] / 5
        done.append(now[0])

    monkeypatch.setattr("charlm.train.timing.time.perf_counter", lambda: now[0])
    found = median_seconds({"one": step}, rounds=3, in_a_row=5)
    assert found == {"one": pytest.approx(2.0 / 5)}
    assert len(done) == 20


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("mlp", ["plain", "optimiser alone", "fast"]),
        ("bigram", ["plain", "optimiser alone"]),
    ],
)
def test_which_steps_are_timed(kind, names, monkeypatch):
    """Of minibatches of the size asked for; the optimiser reads none."""
    batches, ways = [], []

    class Watched(timing.Trainer):
        def gradient(self, X, Y):
            batches.append(len(X))
            ways.append(type(self.way))
            return super().gradient(X, Y)

    def once(steps, rounds):
        for step in steps.values():
            step()
        return dict.fromkeys(steps, float(rounds))

    monkeypatch.setattr(timing, "Trainer", Watched)
    monkeypatch.setattr(timing, "median_seconds", once)
    found = timing.step_times(kind, words([5] * 30), 7, rounds=3)
    assert found == dict.fromkeys(names, 3.0)
    assert batches == [7] * (len(names) - 1)
    assert ways == [Plain, Fast][: len(batches)]

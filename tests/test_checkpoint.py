"""Checkpoints: a run goes on bit for bit, whenever and however it was ended."""

import json
import os
import random
import signal
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from charlm.data import corpus
from charlm.models import KINDS, build
from charlm.train import TrainConfig, Trainer, checkpoint, claim, header, resumed
from charlm.train.checkpoint import read, store

SMALL = {
    "bigram": {},
    "mlp": {"n_hidden": 8},
    "tree": {"n_embd": 3, "n_hidden": 6},
    "rnn": {"n_embd": 3, "n_hidden": 6},
    "gru": {"n_embd": 3, "n_hidden": 6, "reset": "before"},
    "lstm": {"n_embd": 3, "n_hidden": 6, "truncate": 2, "forget": 1.0},
    "wavenet": {"n_residual": 4, "n_skip": 4},
    "gpt": {"n_embd": 8, "n_head": 2, "n_layer": 1, "dropout": 0.1},
}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "names.txt"
    g = random.Random(0)
    syllables = ["an", "be", "lo", "mi", "ra", "tu", "se", "ko"]
    items = {"".join(g.choices(syllables, k=g.randint(1, 4))) for _ in range(400)}
    path.write_text("\n".join(sorted(items)))
    return path


def begin(kind, names, callbacks=(), **settings):
    data = corpus(names)
    g = torch.Generator().manual_seed(1)
    model = build(kind, len(data.vocab), g, **SMALL[kind])
    defaults = {"steps": 30, "batch": 16, "token_dropout": 0.1, "evals": 3}
    config = TrainConfig(**defaults | settings)
    parts = [data.encode(model, part) for part in ("train", "dev")]
    return data, Trainer(model, *parts, config, callbacks)


def end_state(trainer):
    tensors, run = trainer.state()
    return {k: v.clone() for k, v in tensors.items()}, run | {"seconds": 0}


def same(a, b):
    assert a[1] == b[1]
    assert set(a[0]) == set(b[0])
    for name in a[0]:
        assert torch.equal(a[0][name], b[0][name]), name


class Halt(Exception):
    pass


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adamw", "muon"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_as_an_uninterrupted_one(kind, optimiser, names, tmp_path):
    file = tmp_path / "run.safetensors"
    settings = {"optimiser": optimiser, "ema": 0.5, "decay": 0.1}
    _, whole = begin(kind, names, **settings)
    whole.run()

    def halt(trainer, progress):
        if progress.step == 17:
            store(file, trainer, data, kind, SMALL[kind])
            raise Halt

    data, part = begin(kind, names, [halt], **settings)
    with pytest.raises(Halt):
        part.run()
    rest = read(file).trainer(data)
    assert rest.result.steps == 17
    rest.run()
    same(end_state(rest), end_state(whole))


def train_and_save(names, file, kind):
    """Train, saving after every step; go on if there is a file. Runs in a child."""
    torch.set_num_threads(1)

    def keep(trainer, progress):
        store(file, trainer, data, kind, SMALL[kind])
        time.sleep(0.002)

    if file.exists():
        data = corpus(names)
        trainer = read(file).trainer(data, [keep])
    else:
        data, trainer = begin(kind, names, [keep], steps=600)
    trainer.run()
    store(file, trainer, data, kind, SMALL[kind], finished=True)


def test_twenty_kills_change_nothing(names, tmp_path):
    """kill -9 at random moments; every resume succeeds, the end is the same."""
    file, kind = tmp_path / "run.safetensors", "mlp"
    _, whole = begin(kind, names, steps=600)
    whole.run()
    g, kills, steps = random.Random(3), 0, []
    while not (file.exists() and read(file).head["finished"]):
        child = os.fork()
        if child == 0:
            try:
                train_and_save(names, file, kind)
                os._exit(0)
            except BaseException as error:
                print(error)
                os._exit(1)
        if kills < 20:
            begun = file.stat().st_mtime_ns if file.exists() else 0
            for _ in range(3000):  # a busy machine may take long to come to a step
                if file.exists() and file.stat().st_mtime_ns > begun:
                    break
                time.sleep(0.01)
            time.sleep(g.uniform(0.0, 0.1))
            os.kill(child, signal.SIGKILL)
            kills += 1
            assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it ended by itself"
            if file.exists():
                steps.append(read(file).head["run"]["steps"])
        else:
            assert os.waitpid(child, 0)[1] == 0
    assert kills == 20
    assert steps == sorted(steps)
    assert steps[-1] > 20, "the kills came too early to test anything"
    done = read(file)
    found = end_state(done.trainer(corpus(names)))[0]
    wanted = end_state(whole)[0]
    for name in wanted:
        assert torch.equal(found[name], wanted[name]), name


def test_the_model_of_a_finished_run_is_the_one_that_was_trained(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("tree", names)
    trainer.run()
    store(file, trainer, data, "tree", SMALL["tree"], finished=True)
    model = read(file).model()
    x = torch.randint(len(data.vocab), (3, 7))
    ours = trainer.model.forward(x, training=False)[0]
    assert torch.equal(model.forward(x, training=False)[0], ours)
    assert read(file).vocab == data.vocab


def test_the_model_of_an_unfinished_run_is_its_best(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("mlp", names, lr=0.3, optimiser="adamw", schedule="constant")
    trainer.run()
    trainer.flat.p.add_(1.0)  # as if it had gone on and got worse
    store(file, trainer, data, "mlp", SMALL["mlp"])
    model = read(file).model()
    best = trainer.best["p"]
    found = torch.cat([p.flatten() for _, p, _ in model.named()])
    assert torch.equal(found, best)


def test_nothing_is_left_beside_the_file(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    for _ in range(3):
        store(file, trainer, data, "bigram", {})
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def spoil(file, change):
    """Write the file again with another header."""
    with safe_open(file, framework="pt") as f:
        head = json.loads(f.metadata()["charlm"])
        tensors = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
    change(head, tensors)
    text = json.dumps(head)
    meta = {"charlm": text, "sha256": header.checksum(text, tensors)}
    save_file(tensors, file, meta)


BAD = {
    "truncated": (lambda f: f.write_bytes(f.read_bytes()[:-50]), "damaged"),
    "cut to its header": (lambda f: f.write_bytes(f.read_bytes()[:20]), "damaged"),
    "empty": (lambda f: f.write_bytes(b""), "damaged"),
    "a text": (lambda f: f.write_text("hello " * 50), "damaged"),
    "a pickle": (lambda f: torch.save({"a": 1}, f), "damaged"),
    "foreign": (
        lambda f: save_file({"a": torch.ones(2)}, f),
        "was not written by charlm",
    ),
    "newer": (
        lambda f: spoil(f, lambda h, t: h.update(format=99)),
        "format 99, and this version of charlm reads up to 2; update charlm",
    ),
    "older": (
        lambda f: spoil(f, lambda h, t: h.update(format=1)),
        "format 1 of an older charlm",
    ),
    "unknown model": (
        lambda f: spoil(f, lambda h, t: h.update(model="elman")),
        "model 'elman' is not known",
    ),
    "no settings": (
        lambda f: spoil(f, lambda h, t: h.pop("config")),
        "config missing",
    ),
    "wrong vocabulary": (
        lambda f: spoil(f, lambda h, t: h.update(symbols=".ab")),
        "W is not of shape",
    ),
    "a tensor too few": (
        lambda f: spoil(f, lambda h, t: t.pop("W")),
        r"tensors missing or unknown: \['W'\]",
    ),
    "a tensor too many": (
        lambda f: spoil(f, lambda h, t: t.update(b=torch.ones(2))),
        "tensors missing or unknown",
    ),
    "an extra axis": (
        lambda f: spoil(f, lambda h, t: t.update(W=t["W"][None])),
        "W is not of shape",
    ),
    "another type": (
        lambda f: spoil(f, lambda h, t: t.update(W=t["W"].double())),
        "W is not of shape",
    ),
    "a tensor with one number that is none": (
        lambda f: spoil(f, lambda h, t: t["W"][0].fill_(float("inf"))),
        "W holds numbers that are not finite",
    ),
    "not a number": (
        lambda f: spoil(f, lambda h, t: t["W"].fill_(float("nan"))),
        "W holds numbers that are not finite",
    ),
    "deep JSON": (
        lambda f: save_file({"a": torch.ones(1)}, f, {"charlm": "[" * 10**5}),
        "was not written by charlm",
    ),
    "an option out of range": (
        lambda f: spoil(
            f, lambda h, t: h.update(model="gpt", options={"n_layer": 9999})
        ),
        "n_layer is 9999",
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_is_named_and_left_alone(how, names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    store(file, trainer, data, "bigram", {})
    make, words = BAD[how]
    make(file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=words) as caught:
        read(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_other_data_are_refused(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    store(file, trainer, data, "bigram", {})
    with pytest.raises(ValueError, match="was trained on other data"):
        read(file).trainer(corpus("names"))


def test_a_full_disk_keeps_the_older_file(names, tmp_path, monkeypatch):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    store(file, trainer, data, "bigram", {})
    before = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(
        ValueError, match=r"No space left.*older one there is untouched"
    ):
        store(file, trainer, data, "bigram", {})
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def places(value, way=()):
    """Every way into a nested header."""
    yield way
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*way, key))


WRONG = [None, True, -1, 2.5, 10**30, 1e308, float("nan"), "", "x", [], {}, [[]]]


def test_no_tampered_header_is_believed(names, tmp_path):
    """Every value replaced by every kind of wrong one: read or refused, in one line."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("mlp", names, steps=2, batch=4, evals=1)
    trainer.run()
    store(file, trainer, data, "mlp", SMALL["mlp"])
    with safe_open(file, framework="pt") as f:
        whole = json.loads(f.metadata()["charlm"])
        tensors = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
    refused = []
    for way in places(whole):
        for wrong in WRONG:
            head = json.loads(json.dumps(whole))
            inner = head
            for key in way[:-1]:
                inner = inner[key]
            if way:
                inner[way[-1]] = wrong
            else:
                head = wrong
            text = json.dumps(head)
            meta = {"charlm": text, "sha256": header.checksum(text, tensors)}
            save_file(tensors, file, meta)
            try:
                found = read(file)
                found.model()
                found.trainer(data)
            except ValueError as error:
                refused.append(str(error))
    assert len(refused) > 200
    assert not [told for told in refused if "\n" in told or "\x1b" in told]


def test_one_flipped_bit_is_noticed(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names, steps=2, batch=4)
    store(file, trainer, data, "bigram", {})
    right, g, seen = file.read_bytes(), random.Random(0), 0
    before = read(file)
    for _ in range(150):
        i = g.randrange(len(right))
        wrong = bytearray(right)
        wrong[i] ^= 1 << g.randrange(8)
        file.write_bytes(bytes(wrong))
        try:
            found = read(file)
        except ValueError:
            seen += 1
        else:  # white space that fills the header up
            assert found.head == before.head
            for name, t in before.parameters.items():
                assert torch.equal(found.parameters[name], t)
    assert seen > 140


def test_a_file_is_a_plain_state_dict(names, tmp_path):
    """Any reader of safetensors files finds the model's parameters by their names."""
    file = tmp_path / "run.safetensors"
    for kind in KINDS:
        data, trainer = begin(kind, names, steps=2, batch=4)
        trainer.run()
        store(file, trainer, data, kind, SMALL[kind], finished=True)
        found = load_file(file)
        for name, p, _ in trainer.model.named():
            assert torch.equal(found[name], p), name
        for name, t in trainer.model.statistics():
            assert torch.equal(found[name], t), name


def test_a_finished_run_gets_more_steps(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("mlp", names, steps=20)
    trainer.run()
    store(file, trainer, data, "mlp", SMALL["mlp"], finished=True)
    with pytest.raises(ValueError, match="finished after 20 steps; give it more"):
        resumed(read(file), data, {})
    job = resumed(read(file), data, {"steps": 50})
    result = job.trainer.run()
    assert result.steps == 50
    assert len(result.losses) == 50
    assert result.losses[:20] == trainer.result.losses
    assert result.best < trainer.result.dev[0][1]


def test_a_run_that_was_killed_after_its_last_step_is_finished(names, tmp_path):
    """It has all its steps, and nobody has said that it is over."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names, steps=4)
    trainer.run()
    store(file, trainer, data, "bigram", {})
    job = resumed(read(file), data, {})
    assert job.trainer.run().losses == trainer.result.losses
    store(file, job.trainer, data, "bigram", {}, finished=True)
    with pytest.raises(ValueError, match="finished after 4 steps; give it more"):
        resumed(read(file), data, {})


def test_what_is_no_file_is_told_from_what_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.st: there is no such file; train a m"):
        read(tmp_path / "gone.st")
    with pytest.raises(ValueError, match="is no regular file; train a model first"):
        read(tmp_path)


def test_a_file_larger_than_the_memory_is_refused(names, tmp_path, monkeypatch):
    """It is held twice: as it is read, and in the model."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    store(file, trainer, data, "bigram", {})
    size = file.stat().st_size
    monkeypatch.setattr("charlm.data.memory.available", lambda: 2 * size)
    assert read(file).parameters
    monkeypatch.setattr("charlm.data.memory.available", lambda: 2 * size - 1)
    with pytest.raises(ValueError, match=r"reading it would take .* name another file"):
        read(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda h, t: t.pop("run.losses"),
        lambda h, t: t.update({"run.losses": t["run.losses"][1:]}),
        lambda h, t: t.pop("run.now.p"),
        lambda h, t: t.update({"run.more": torch.ones(2)}),
        lambda h, t: h["run"].update(steps=h["run"]["steps"] + 1),
    ],
)
def test_a_run_without_its_state_does_not_go_on(change, names, tmp_path):
    """Its model is still there to be sampled from."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names, steps=2)
    trainer.run()
    store(file, trainer, data, "bigram", {})
    spoil(file, change)
    found = read(file)
    assert found.model()
    with pytest.raises(ValueError, match="is damaged: it lacks the state of its run"):
        found.trainer(data)


def test_a_run_that_gets_more_steps_waits_anew(names, tmp_path):
    """One that was stopped goes on waiting where it was."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names, patience=3)
    trainer.run()
    trainer.waited = 2
    store(file, trainer, data, "bigram", {})
    assert read(file).trainer(data).waited == 2
    assert read(file).trainer(data, more={}).waited == 2
    assert read(file).trainer(data, more={"steps": 60}).waited == 0


@pytest.mark.parametrize("finished", [True, False])
def test_which_parameters_a_file_shows(finished, names, tmp_path):
    """Of a run that is over its own; before, those of the best measurement."""
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names, keep_best=False)
    trainer.run()
    trainer.flat.p.add_(1.0)
    store(file, trainer, data, "bigram", {}, finished=finished)
    found = read(file)
    wanted = trainer.flat.p if finished else trainer.best["p"]
    assert torch.equal(found.parameters["W"].flatten(), wanted)
    assert found.head["finished"] is finished
    assert found.head["older"] == 0


def test_a_file_of_another_format_may_be_replaced_and_none_of_others(names, tmp_path):
    file = tmp_path / "run.safetensors"
    data, trainer = begin("bigram", names)
    store(file, trainer, data, "bigram", {})
    for written in (1, 99):
        spoil(file, lambda h, t, written=written: h.update(format=written))
        assert checkpoint.peek(file)["format"] == written
        assert claim(file, overwrite=True).replaces
    for content in ({"a": torch.ones(2)}, None):
        file.write_text("a text") if content is None else save_file(content, file)
        with pytest.raises(ValueError, match="is no model of charlm, so nothing repl"):
            claim(file, overwrite=True)

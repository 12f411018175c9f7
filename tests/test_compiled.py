"""A compiled step is the plain step: same numbers, same run, and no number read."""

import math
import shutil
from types import SimpleNamespace

import pytest
import torch
from torch import Generator

from charlm import data
from charlm.cli import main
from charlm.models import GPT, LSTM, MLP, Bigram, ConvTree, WaveNet
from charlm.train import Compiled, Flat, Plain, TrainConfig, Trainer, compiled, optim
from charlm.train import checkpoint as checkpoints
from charlm.train.batches import few
from charlm.train.timing import rehearse

# PyTorch says so under Python 3.13.0 alone
pytestmark = pytest.mark.filterwarnings("default:Guards may run slower:RuntimeWarning")
V, F64 = 11, torch.float64
MODELS = {
    "bigram": lambda g, d: Bigram(V, g, dtype=d),
    "mlp": lambda g, d: MLP(V, g, n_embd=4, n_hidden=7, dtype=d),
    "tree": lambda g, d: ConvTree(V, g, n_embd=3, n_hidden=5, levels=1, dtype=d),
    "lstm": lambda g, d: LSTM(V, g, n_embd=3, n_hidden=4, dtype=d),
    "gpt": lambda g, d: GPT(V, g, n_embd=8, n_head=2, n_layer=1, dtype=d),
}
WAYS = {  # every optimiser, with and without a limit
    "bigram": ("momentum", {"clip": 0.1}),
    "mlp": ("adam", {"clip": 0.1}),
    "tree": ("sgd", {"decay": 0.1}),
    "lstm": ("muon", {"decay": 0.1, "smoothing": 0.1}),
    "gpt": ("adamw", {"clip": 10.0}),
}


@pytest.fixture
def traced(monkeypatch):
    """A step is read as one graph, as ever, and no code is written: that takes long."""
    monkeypatch.setattr(compiled, "BACKEND", "eager")


def minibatch(model, rows=5, length=2):
    g = Generator().manual_seed(2)
    T = length if model.causal else model.block
    X = torch.randint(V, (rows, T), generator=g)
    Y = torch.randint(-1, V, (rows, T) if model.causal else (rows,), generator=g)
    Y.view(-1)[0] = 3
    return X, Y


def three_steps(kind, dtype, optimiser, settings, way):
    """Losses, lengths, gradients, parameters and statistics of three steps."""
    model = MODELS[kind](Generator().manual_seed(1), dtype)
    flat, config = Flat(model), TrainConfig(**settings)
    opt = optim.OPTIMISERS[optimiser](flat, decay=config.decay)
    X, Y = minibatch(model)
    found, made = [], way(model, flat, config, opt)
    with torch.inference_mode():
        for lr in (0.03, 0.02, 0.01):
            if isinstance(made, Compiled):
                made.step(X, Y, lr)
                ((loss, length),) = made.read()
            else:
                loss, length = made.gradient(X, Y), math.nan
                if config.clip:
                    length = optim.clip(flat.g, config.clip)
                opt.step(lr)
            statistics = [t.flatten() for _, t in model.statistics()]
            told = torch.tensor([loss, length], dtype=F64)
            found += [told, flat.g.double(), torch.cat([flat.p, *statistics]).double()]
    assert opt.t == 3
    return found, made


def plainly(model, flat, config, opt):
    return Plain(model, flat, config.smoothing)


@pytest.mark.parametrize("kind", ["mlp", "tree", "lstm", "gpt"])
def test_compiled_steps_are_the_plain_ones(kind, monkeypatch):
    """In double precision to its rounding; both go their own way for three steps.

    All is done that is done to compile, short of writing code for the processor.
    """
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    wanted, _ = three_steps(kind, F64, *WAYS[kind], plainly)
    found, made = three_steps(kind, F64, *WAYS[kind], Compiled)
    assert not made.why
    assert len(made.forms) == 1
    for ours, theirs in zip(found, wanted, strict=True):
        # a gradient that is zero but for rounding is divided by Adam's eps, 1e-8
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)


@pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")),
    reason="no C++ compiler on this machine",
)
@pytest.mark.filterwarnings("default::DeprecationWarning")  # of PyTorch by itself
def test_code_for_this_processor_has_the_gradient_of_the_plain_step():
    """In single precision against the plain step in double, with that one's error."""
    settings = WAYS["bigram"]
    truth, _ = three_steps("bigram", F64, *settings, plainly)
    single, _ = three_steps("bigram", torch.float32, *settings, plainly)
    found, made = three_steps("bigram", torch.float32, *settings, Compiled)
    assert not made.why, made.why
    plain, ours = (
        [
            ((x - t).abs().max() / t.abs().max()).item()
            for x, t in zip(xs, truth, strict=True)
        ]
        for xs in (single, found)
    )
    print("errors of the plain steps", plain, "of the compiled ones", ours)
    assert all(b <= 4 * a + 1e-6 for a, b in zip(plain, ours, strict=True))


def test_copies_differ_in_what_they_are_made_of_alone():
    """All else that a model has is theirs in common; gradients are their own."""
    model = MLP(V, Generator().manual_seed(1), n_embd=2, n_hidden=3)
    model.generator, model.table = Generator(), [torch.arange(3)]
    flat = Flat(model)
    made = Compiled(model, flat, TrainConfig(), optim.AdamW(flat))
    tensors = [t + 1 for t in made.tensors]
    copy, other = made._made_of(tensors), made._parts
    assert copy.optimiser.flat is copy.flat
    kept = [t for t in vars(copy.optimiser).values() if isinstance(t, torch.Tensor)]
    kept = [copy.flat.p, copy.flat.g, *(t for _, t in copy.model.statistics()), *kept]
    assert [id(t) for t in kept] == [id(t) for t in tensors]
    for (_, p, d), window in zip(
        copy.model.named(), flat.windows(tensors[0]), strict=True
    ):
        assert p.data_ptr() == window.data_ptr()
        assert torch.equal(p, window)
        assert d.untyped_storage().nbytes() == d.nbytes, "no window"
        assert d.shape == p.shape
    assert copy.model.generator is other.model.generator is model.generator
    assert copy.model.table[0] is other.model.table[0]
    assert torch.equal(copy.model.table[0], model.table[0])
    assert other.flat.p is flat.p
    assert len({id(m) for m in (model, copy.model, other.model)}) == 3


def test_what_is_asked_of_pytorch(monkeypatch):
    """A step is followed out of inference mode, and compiled for one form of inputs."""
    seen, asked = [], {}

    def f(parts, X):
        seen.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled()))
        return parts.flat.p.sum() + X

    monkeypatch.setattr(torch, "compile", lambda f, **told: asked.update(told) or f)
    model = Bigram(V, Generator().manual_seed(1))
    flat, X = Flat(model), torch.arange(3)
    with torch.inference_mode():
        made = Compiled(model, flat, TrainConfig(), optim.SGD(flat))
        form, first = made._compiled(f, (X,))
        for found in (first, form(X)):
            torch.testing.assert_close(found, flat.p.sum() + X)
    assert set(seen) == {(False, False)}
    assert asked.pop("options").keys() <= {"guard_filter_fn", "cpp_wrapper"}
    assert asked == {"fullgraph": True, "dynamic": False, "backend": "inductor"}


@pytest.mark.skipif(
    not hasattr(torch.compiler, "skip_all_guards_unsafe"), reason="an older release"
)
def test_where_no_caller_in_cpp_compiles_the_kernels_do(monkeypatch):
    """As on processors without vectors, where PyTorch writes code that is wrong."""
    asked = []

    def compile_(f, options, **_):
        asked.append(options.get("cpp_wrapper", False))
        if asked[-1]:
            raise RuntimeError("no vectors")
        return f

    monkeypatch.setattr(torch, "compile", compile_)
    found, made = three_steps("bigram", F64, *WAYS["bigram"], Compiled)
    assert asked == [True, False]
    assert not made.why
    wanted, _ = three_steps("bigram", F64, *WAYS["bigram"], plainly)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


def test_what_a_step_frees_is_kept_for_the_next(monkeypatch):
    """The largest piece that glibc learns from: with its own head, below 32 MiB."""
    asked = []
    monkeypatch.setattr(compiled.torch, "empty", lambda n, dtype: asked.append(n))
    model = Bigram(V, Generator())
    flat = Flat(model)
    Compiled(model, flat, TrainConfig(), optim.SGD(flat))
    assert len(asked) == 1
    assert 30 * 2**20 < asked[0] < 32 * 2**20 - 4096


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError("no compiler\nwas found"), "no compiler"),
        (RuntimeError("backend='x' raised:\nOSError: none"), "OSError: none"),
        (RuntimeError("the last backend raised:"), "the last backend raised:"),
        (NotImplementedError(), "NotImplementedError"),
    ],
    ids=str,
)
def test_without_a_compiler_steps_are_taken_as_they_stand(error, why, monkeypatch):
    """And why is told in one line: the first that says more than who raised it."""

    def broken(*inputs):
        raise error

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    settings = WAYS["bigram"]
    wanted, _ = three_steps("bigram", F64, *settings, plainly)
    found, made = three_steps("bigram", F64, *settings, Compiled)
    assert made.why == why
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


def test_what_is_not_compiled_is_refused():
    model = GPT(V, Generator(), n_embd=8, n_head=2, n_layer=1, dropout=0.1)
    data = minibatch(model, 8)
    with pytest.raises(ValueError, match="compile: .* dropout masks .*; leave out"):
        Trainer(model, data, config=TrainConfig(batch=4, compile=True))
    with pytest.raises(ValueError, match="compile is given with precision 'bfloat16'"):
        TrainConfig(compile=True, precision="bfloat16")


def test_an_optimiser_that_replaces_what_it_keeps_is_refused(traced):
    class Replacing(optim.Optimiser):
        def update(self, lr):
            self.v = self.v + self.flat.g
            self.flat.p -= lr * self.v

    def way(model, flat, config, _):
        return Compiled(model, flat, config, Replacing(flat, "v"))

    with pytest.raises(ValueError, match=r"Replacing puts .* place of v; .*v.copy_"):
        three_steps("bigram", F64, "sgd", {}, way)


@pytest.mark.parametrize("longest", [1, 2, 3, 4, 5, 16, 17, 64, 250])
def test_lengths_are_few(longest):
    found = {n: few(n, longest) for n in range(1, longest + 1)}
    assert all(n <= most <= longest for n, most in found.items())
    assert all(most - n < -(-longest // 4) for n, most in found.items())
    assert longest in found.values()
    assert len(set(found.values())) <= 4


def texts(model):
    """Of 3 and of 5 symbols."""
    X, Y = minibatch(model, 12, 5)
    Y[::2, 3:] = -1
    return X, Y


def run(settings, kind=Bigram, callbacks=(), **options):
    """A trainer with short steps."""
    model = kind(V, Generator().manual_seed(1), **options)
    data = texts(model) if model.causal else minibatch(model, 12)
    base = {"batch": 2, "steps": 14, "evals": 2, "lr": 0.05}
    return Trainer(model, data, data, TrainConfig(**base | settings), callbacks)


SAME = {"clip": 0.5, "ema": 0.5, "decay": 0.1, "smoothing": 0.1}
FILTER = {"kind": WaveNet, "n_residual": 2, "n_skip": 2, "levels": 1}


def test_a_compiled_run_is_the_plain_one_and_goes_on_bit_for_bit(traced):
    whole = run({"compile": True, **SAME}, **FILTER)
    told = []
    whole.callbacks = [lambda _, p: told.append((p.step, p.loss, p.length))]
    whole.run()
    plain = run(SAME, **FILTER)
    plain.run()
    assert set(whole.way.forms) == {("_step", (2, 4)), ("_step", (2, 5))}
    assert not whole.way.why
    assert whole.result.losses == pytest.approx(plain.result.losses, rel=1e-5)
    torch.testing.assert_close(whole.flat.p, plain.flat.p, rtol=1e-4, atol=1e-5)
    # numbers are told when they are read: after ten steps, and at each measurement
    assert math.isnan(told[0][1])
    for step, loss, length in told:
        seen = max((s for s in (7, 10, 14) if s <= step), default=None)
        if seen:
            assert loss == whole.result.losses[seen - 1]
            assert length > 0

    class Halt(Exception):
        pass

    def halt(trainer, progress):
        if progress.step == 5:
            halt.state = trainer.state()
            raise Halt

    with pytest.raises(Halt):
        run({"compile": True, **SAME}, callbacks=[halt], **FILTER).run()
    assert len(halt.state[0]["losses"]) == 5
    rest = run({"compile": True, **SAME}, **FILTER)
    rest.load({n: t.clone() for n, t in halt.state[0].items()}, halt.state[1])
    rest.run()
    assert rest.result.losses == whole.result.losses
    assert torch.equal(rest.flat.p, whole.flat.p)


def test_when_numbers_are_read():
    """After ten steps, at each measurement and at the end."""

    class Counted:
        """The loss of a step is its number."""

        taken, left = 0, ()

        def step(self, X, Y, lr):
            self.taken += 1
            self.left = *self.left, (float(self.taken), 0.5)

        def read(self):
            left, self.left = self.left, ()
            return left

    def look(trainer, progress):
        known.append(len(trainer.result.losses))
        told.append(progress.loss)

    cases = (23, 0, [10, 20, 23]), (14, 2, [7, 10, 14]), (5, 2, [2, 4, 5])
    for steps, evals, read in cases:
        known, told = [], []
        trainer = run({"steps": steps, "evals": evals}, callbacks=[look])
        trainer.compiled = Counted()
        trainer.run()
        wanted = [max([0, *(s for s in read if s <= i)]) for i in range(1, steps + 1)]
        assert known == wanted
        assert told == pytest.approx([n or math.nan for n in wanted], nan_ok=True)
        assert trainer.result.losses == list(range(1, steps + 1))


def test_a_loss_that_is_no_number_is_named_with_its_step(traced):
    one = run({"compile": True, "lr": 3e38, "optimiser": "sgd"})
    other = run({"lr": 3e38, "optimiser": "sgd"})
    words = []
    for trainer in (one, other):
        with pytest.raises(ValueError, match="the loss of step .* lr below") as found:
            trainer.run()
        words.append(str(found.value))
    assert words[0] == words[1]


def test_parts_of_a_minibatch_are_averaged(traced):
    """Then only the gradient is compiled; the step is that of the whole."""
    found = []
    for settings in ({"accumulate": 2, "compile": True}, {}):
        trainer = run({"batch": 4, "steps": 3, **settings}, WaveNet, levels=1)
        trainer.run()
        found.append((torch.tensor(trainer.result.losses), trainer.flat.p.clone()))
        assert trainer.compiled is None
    assert isinstance(trainer.way, Plain)
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_rehearsal_leaves_a_compiled_run_as_it_was(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    trainer = run({"compile": True, "steps": 2})
    before = {n: t.clone() for n, t in trainer.state()[0].items()}
    assert rehearse(trainer) > 0
    assert {name for name, _ in trainer.way.forms} == {"_step"}, "no other code is made"
    for name, t in trainer.state()[0].items():
        assert torch.equal(t, before[name]), name
    assert trainer.optimiser.t == 0


def test_a_recording_is_played_with_new_inputs(monkeypatch):
    """With a processor in the place of a graphics processor: it records a function."""

    class Graph:
        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

        def replay(self):
            recorded.result.copy_(f(*recorded.inputs))

    def f(x, y):
        return x + 2 * y

    fake = SimpleNamespace(CUDAGraph=Graph, graph=lambda graph: graph)
    monkeypatch.setattr(torch, "cuda", fake)
    ones = torch.ones(3)
    recorded = compiled.Replayed(f, (ones, ones))
    first = recorded(ones, 2 * ones)
    assert recorded(5 * ones, ones).tolist() == [7, 7, 7]
    assert first.tolist() == [5, 5, 5], "a result stays when the next one comes"
    assert ones.tolist() == [1, 1, 1]


@pytest.mark.parametrize("text", [False, True])
def test_the_command_line_compiles_and_goes_on(
    text, traced, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    items = data.load("names")[::300]
    (tmp_path / "data.txt").write_text("\n".join(items))
    args = "train --data data.txt --model bigram --batch 4 --compile".split()
    args += ["--text"] if text else []
    assert main([*args, "--steps", "30", "--out", "whole"]) == 0
    said = capsys.readouterr().err
    assert "compiling the step" in said
    assert "not compiled" not in said
    whole = checkpoints.read("whole")

    real = compiled.Compiled.step
    left = iter(range(11 + 12))  # those of the rehearsal, and twelve

    def killed(self, *inputs):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(self, *inputs)

    with monkeypatch.context() as patch:
        patch.setattr(compiled.Compiled, "step", killed)
        out = ["--steps", "30", "--out", "part", "--save-every", "0"]
        assert main([*args, *out]) != 0
    assert checkpoints.read("part").head["run"]["steps"] == 12
    assert main(["train", "--data", "data.txt", "--resume", "--out", "part"]) == 0
    part = checkpoints.read("part")
    assert part.head["config"] == whole.head["config"]
    assert all(torch.equal(part.parameters[n], t) for n, t in whole.parameters.items())
    assert torch.equal(part.state["losses"], whole.state["losses"])


def broken(graph, inputs, **options):
    """A compiler that is not there."""
    raise OSError("no compiler\nwas found")


def test_the_command_line_says_why_it_does_not_compile(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compiled, "BACKEND", broken)
    (tmp_path / "names.txt").write_text("\n".join(data.load("names")[::300]))
    args = "train --data names.txt --model bigram --batch 4 --steps 4 --compile".split()
    assert main(args) == 0
    (line,) = [s for s in capsys.readouterr().err.splitlines() if "not compiled" in s]
    assert line.startswith("note: the steps are not compiled, as PyTorch cannot: ")
    assert "no compiler" in line

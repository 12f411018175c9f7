"""Attention by PyTorch's kernels is attention, forward and backward, in every type."""

from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from charlm import gradcheck, ops
from charlm.gradcheck.cases.trained import trained
from charlm.models import GPT
from charlm.ops.fused import KERNELS, fused_kernel
from charlm.train import has_fast_form

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
each_device = pytest.mark.parametrize("device", DEVICES)
SHAPES = {
    "heads": ((2, 3), 70, 70, 8),
    "longer than a tile of the kernel": ((1, 2), 600, 600, 8),
    "across": ((2,), 5, 9, 8),
}


def both(attend, back, inputs, dy, causal):
    y, cache = attend(*inputs, causal)
    return y, *back(dy, cache)


def plain(*given):
    return both(ops.attention, ops.attention_backward, *given)


def tiled(*given):
    return both(ops.tiled_attention, ops.tiled_attention_backward, *given)


def fused(*given):
    return both(ops.fused_attention, ops.fused_attention_backward, *given)


def drawn(kind, g):
    """Queries, keys, values and the gradient of what they give, in float64."""
    if kind == "trained":
        return trained(), gradcheck.upstream(trained()[2])
    lead, T, M, D = SHAPES[kind]
    q, k, v, dy = (
        torch.randn(*lead, n, D, generator=g, dtype=torch.float64) for n in (T, M, M, T)
    )
    return (q, 2 * k, v), dy


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", [*SHAPES, "trained"])
def test_it_is_plain_attention_and_attention_by_tiles(kind, causal, g):
    inputs, dy = drawn(kind, g)
    here = fused_kernel(*inputs, causal)
    assert here == ("" if kind == "across" and causal else "cpu")
    ours = fused(inputs, dy, causal)
    assert gradcheck.error(ours, plain(inputs, dy, causal)) <= 1e-13
    assert gradcheck.error(ours, tiled(inputs, dy, causal)) <= 1e-13


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["heads", "longer than a tile of the kernel"])
def test_a_type_loses_its_last_digits_alone(kind, dtype, device, g):
    """Against float64, of the same rounded inputs, and beside the plain pair.

    A few roundings to the type, and those of the scores, which are float32: an error of
    a score is one of its weight, relative to it.
    """
    inputs, dy = drawn(kind, g)
    low = [x.to(device, dtype) for x in (*inputs, dy)]
    assert fused_kernel(*low[:3], True)
    *high, dy_high = (x.cpu().double() for x in low)
    due = plain(high, dy_high, True)
    scores = (high[0] @ high[1].mT).abs().max().item() * high[0].shape[-1] ** -0.5
    most = 4 * torch.finfo(dtype).eps + scores * torch.finfo(torch.float32).eps
    for name, attend in (("plain", plain), ("fused", fused)):
        found = attend(low[:3], low[3], True)
        assert {x.dtype for x in found} == {dtype}
        error = gradcheck.error([x.cpu().double() for x in found], due)
        assert error <= most, f"{name}: {error:.1e}"


def test_what_a_kernel_keeps_is_what_the_tiles_keep(g):
    """Its output and logarithms of sums are all that the backward by tiles wants."""
    (q, k, v), dy = drawn("heads", g)
    _, cache = ops.fused_attention(q, k, v)
    y, lse = cache[-1]
    _, of_tiles = ops.tiled_attention(q, k, v)
    theirs = (*of_tiles[:-2], y, lse.unsqueeze(-1))
    found = ops.tiled_attention_backward(dy, theirs)
    assert gradcheck.error(found, fused((q, k, v), dy, True)[1:]) <= 1e-13


CARDS = [
    (torch.float32, 16, 8, "efficient"),
    (torch.bfloat16, 16, 9, "flash"),
    (torch.float16, 256, 8, "flash"),
    (torch.float16, 264, 8, ""),
    (torch.float16, 12, 8, ""),
    (torch.float16, 16, 7, ""),
    (torch.float64, 16, 9, ""),
]


@pytest.mark.parametrize(("dtype", "D", "major", "kernel"), CARDS)
def test_graphics_processors_are_asked_for_what_they_have(
    dtype, D, major, kernel, monkeypatch
):
    """Tensors without numbers: shapes and types of the calls, on any machine."""
    card = SimpleNamespace(major=major)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    with FakeTensorMode():
        x = torch.empty(2, 3, 10, D, dtype=dtype, device="cuda")
        assert fused_kernel(x, x, x, True) == kernel
        y, cache = ops.fused_attention(x, x, x)
        found = (y, *ops.fused_attention_backward(y, cache))
    assert {(t.shape, t.dtype, t.device.type) for t in found} == {
        (x.shape, dtype, "cuda")
    }


class Calls(TorchDispatchMode):
    """Calls of kernels of attention: what their arguments and results are, by name."""

    def __init__(self):
        super().__init__()
        self.given, self.results = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **kwargs or {})
        if "attention" in func.name():
            schema = func._schema
            default = [a.default_value for a in schema.arguments]  # these are left out
            names = [a.name.rstrip("_") for a in schema.arguments]
            given = zip(names, [*args, *default[len(args) :]], strict=True)
            self.given.append(dict(given))
            names = [r.name for r in schema.returns]
            self.results.append(
                dict(zip(names, found, strict=True)) if names[0] else {}
            )
        return found


PASSED_ON = {  # argument of the backward: what the forward calls it
    "flash": {
        "out": "output",
        "logsumexp": "logsumexp",
        "philox_seed": "rng_state",
        "philox_offset": "unused",
        **{n: n for n in ("cum_seq_q", "cum_seq_k", "max_q", "max_k")},
    },
    "efficient": {
        "out": "output",
        "logsumexp": "log_sumexp",
        "philox_seed": "philox_seed",
        "philox_offset": "philox_offset",
    },
}
FIXED = {"dropout_p": 0.0, "attn_bias": None, "compute_log_sumexp": True}
FIXED |= {"grad_input_mask": [True, True, True, False]}
FIXED |= {"return_debug_mask": False, "scale": None}


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kernel", PASSED_ON)
def test_every_argument_of_a_kernel_is_what_its_name_says(kernel, causal):
    """Told apart by where they are stored, as there are no numbers here."""
    where = lambda t: t.untyped_storage()._cdata if torch.is_tensor(t) else t  # noqa: E731
    dtype = {"flash": torch.bfloat16, "efficient": torch.float32}[kernel]
    forward, backward = KERNELS[kernel]
    with FakeTensorMode(), Calls() as calls:
        q, k, v, dy = (
            torch.empty(1, 2, 10, 8, dtype=dtype, device="cuda") for _ in range(4)
        )
        kept = forward(q, k, v, causal)
        grads = backward(dy, q, k, v, causal, kept)
    assert len(calls.given) == 2
    made = calls.results[0]
    known = {"query": q, "key": k, "value": v, "grad_out": dy, "is_causal": causal}
    # older PyTorch calls the state of random numbers in the result as in the argument
    passed = PASSED_ON[kernel].items()
    known |= FIXED | {name: made[of if of in made else name] for name, of in passed}
    for given in calls.given:
        for name, value in given.items():
            assert where(value) == where(known[name]), name
    assert where(kept[0]) == where(made["output"])
    if calls.results[1]:
        names = ["grad_query", "grad_key", "grad_value"]
        assert [*map(where, grads)] == [where(calls.results[1][n]) for n in names]
    assert len(grads) == 3


def test_where_no_kernel_fits_it_is_the_plain_pair(g):
    (q, k, v), dy = drawn("heads", g)
    for inputs in ((q, k, v[..., :5]), (q[..., :2, :], k, v), (q[:0], k[:0], v[:0])):
        assert fused_kernel(*inputs, True) == ""
        up = dy[: len(inputs[0]), ..., : inputs[0].shape[-2], : inputs[2].shape[-1]]
        assert all(map(torch.equal, fused(inputs, up, True), plain(inputs, up, True)))
    assert fused_kernel(*(x.to("meta") for x in (q, k, v)), True) == ""


def test_more_queries_than_keys_are_refused_of_a_causal_mask():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"fused_attention: 3 queries and 2 keys"):
        ops.fused_attention(x, x[:2], x[:2])
    y, _ = ops.fused_attention(x, x[:2], x[:2], causal=False)
    assert torch.equal(y, x)


def gradient(attention, g, **options):
    model = GPT(9, g, 12, 8, 2, 2, attention=attention, dtype=torch.float64, **options)
    for _, p, _ in model.named():
        p += 0.3 * torch.randn(p.shape, generator=g, dtype=p.dtype)
    x = torch.randint(9, (3, 12), generator=g)
    logits, cache = model.forward(x)
    model.backward(gradcheck.upstream(logits), cache)
    return logits, *(d for _, _, d in model.named())


@pytest.mark.parametrize("positions", ["learned", "rope"])
def test_a_gpt_has_the_same_gradients_by_every_attention(positions, monkeypatch):
    used = []
    for name, (forward, back) in KERNELS.items():

        def seen(*given, name=name, forward=forward):
            used.append(name)
            return forward(*given)

        monkeypatch.setitem(KERNELS, name, (seen, back))
    found = {
        kind: gradient(kind, torch.Generator().manual_seed(1), positions=positions)
        for kind in ("plain", "tiled", "fused")
    }
    assert used == ["cpu"] * 2  # once in each block
    for kind in ("tiled", "fused"):
        assert gradcheck.error(found[kind], found["plain"]) <= 1e-12, kind


def test_another_attention_is_named_and_has_no_fast_form(g):
    with pytest.raises(ValueError, match="attention='x'; choose 'plain', 'tiled' or"):
        GPT(9, g, attention="x")
    assert has_fast_form(GPT(9, g))
    assert not has_fast_form(GPT(9, g, attention="fused"))

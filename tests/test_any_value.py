"""Any number in any place: NaN, infinity, half types, indices, settings, options.

Calls of pairs are drawn from what the docstrings say, as in ``test_contracts``.
"""

import math
from dataclasses import asdict, fields
from inspect import signature

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contracts import CONTRACTS, INTEGERS, PAIRS, call_of, forward_of, right, told

from charlm import gradcheck, ops
from charlm.models import KINDS, build
from charlm.sample import draw, narrow
from charlm.train import TrainConfig, optim, schedule

every = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**31)
# the references multiply what is left out by zero, and so let NaN in
MULTIPLY = {"keep", "scatter_add", "attention", "fused_attention", "tiled_attention"}


def placed(x, value, draw):
    """The tensor with the value at some place."""
    x = x.clone()
    x.view(-1)[draw(st.integers(0, x.numel() - 1))] = value
    return x


@pytest.mark.parametrize("pair", sorted(set(PAIRS) - MULTIPLY))
def test_what_is_no_number_stays_none_wherever_it_stands(pair):
    """NaN out wherever PyTorch's operator gives NaN; an infinity never finite."""

    @every
    @given(st.data(), st.sampled_from([math.nan, math.inf, -math.inf]))
    def test(data, value):
        inputs, options = call_of(pair, data.draw)
        filled = [i for i in gradcheck.floating(inputs) if inputs[i].numel()]
        if not filled:
            return
        i = data.draw(st.sampled_from(filled))
        inputs[i] = placed(inputs[i], value, data.draw)
        y, _ = forward_of(pair, options)(*inputs)
        theirs = getattr(references, pair)(*inputs, **options)
        assert not (y.isfinite() & ~theirs.isfinite()).any(), (value, y, theirs)

    test()


@pytest.mark.parametrize("pair", INTEGERS)
def test_an_index_is_in_range_or_named(pair):
    contract = CONTRACTS[pair]
    i, argument = next((i, a) for i, a in enumerate(contract.arguments) if a.below)

    @every
    @given(st.data(), st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9))
    def test(data, value):
        inputs, options = call_of(pair, data.draw)
        if not inputs[i].numel():
            return
        inputs[i] = placed(inputs[i], value, data.draw)
        n = options.get(argument.below)
        n = inputs[1 - i].shape[0 if i == 0 else -1] if n is None else n
        if value >= n or (value < 0 and not argument.negative):
            with pytest.raises(ValueError, match=f"{argument.name}.* is {value}") as e:
                forward_of(pair, options)(*inputs)
            told(pair, e)
        elif not argument.negative or (inputs[i] >= 0).any():
            y, _ = forward_of(pair, options)(*inputs)
            inputs[i] = inputs[i].clamp_min(-1)  # as PyTorch has what does not count
            assert torch.equal(y, forward_of(pair, options)(*inputs)[0])
            right(pair, inputs, options)

    test()


BENDS = {"gate", "gelu", "lstm_cell", "gru_cell", "gru_cell_after", "rnn_cell"}
BENDS |= {"sigmoid", "silu", "softmax", "swiglu", "tanh"}


SCORED = {"attention", "tiled_attention"}


def scores(q, k):
    """Size of the largest score."""
    found = q @ k.mT * q.shape[-1] ** -0.5
    return found.abs().max().item() if found.numel() else 0


@pytest.mark.parametrize("pair", PAIRS)
def test_half_types_lose_only_their_last_bits_at_any_size(pair):
    """Result and gradients of rounded inputs, against the same in float64."""

    @every
    @given(st.data(), st.sampled_from([torch.float16, torch.bfloat16]))
    def test(data, dtype):
        inputs, options = call_of(pair, data.draw)
        where = gradcheck.floating(inputs)
        size = data.draw(st.sampled_from([1e-3, 1.0, 30.0, 1e3]))
        inputs[where[0]] = size * inputs[where[0]]
        low = [x.to(dtype) if i in where else x for i, x in enumerate(inputs)]
        high = [x.double() if i in where else x for i, x in enumerate(low)]
        forward, backward = forward_of(pair, options), ops.pairs()[pair].backward
        (y, cache), (due, c_due) = forward(*low), forward(*high)
        dy = gradcheck.upstream(due).to(dtype)
        ours = (y, *gradcheck.gradients(backward, dy, cache))
        wanted = (due, *gradcheck.gradients(backward, dy.double(), c_due))
        for a, b in zip(ours, wanted, strict=True):
            assert a.dtype == dtype
            if b.numel() and b.abs().max() < torch.finfo(dtype).max / 4:
                least = 1e-3
                if pair in BENDS and dy.numel():
                    # near a bend's end 1 - y**2 of a rounded y is off by a bit of one
                    least = dy.abs().max()
                elif pair == "fused_attention":
                    # it begins with sums of dy times a rounded y; q and k follow
                    q, k, _ = (x.abs().max() for x in high)
                    least = max(least, dy.abs().max() * due.abs().max() * max(q, k))
                error = (a.double() - b).abs().max() / max(b.abs().max(), least)
                # a rounded score is off by a bit of its size, its weight by as many
                # bits of its own; seen where all but one weight nearly vanish
                bits = max(1, scores(*high[:2])) if pair in SCORED else 1
                assert error <= 32 * torch.finfo(dtype).eps * bits

    test()


ANYTHING = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["sgd", "adamw", "cosine", "rope", "learned", "before", "float16"]),
)
NAMES = {
    "optimiser": optim.OPTIMISERS,
    "schedule": schedule.SCHEDULES,
    "precision": ("float32", "float16", "bfloat16"),
}
SHARES = {"warmup", "smoothing", "token_dropout", "ema"}
LOWEST = {"batch": 1, "steps": 1, "accumulate": 1, "evals": 0, "patience": 0, "seed": 0}


def in_range(name, value, default):
    """What the docstring of :class:`TrainConfig` says, said once more."""
    if name in NAMES:
        return isinstance(value, str) and value in NAMES[name]
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if name in LOWEST:
        none = name == "steps" and value is None
        return none or (isinstance(value, int) and value >= LOWEST[name])
    if not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return 0 <= value < 1 if name in SHARES else value >= 0


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(fields(TrainConfig)), ANYTHING)
def test_a_setting_is_in_range_or_named(field, value):
    name = field.name
    try:
        found = asdict(TrainConfig(**{name: value}))
    except ValueError as error:
        said = str(error)
        assert said.startswith(f"{name} is ")
        assert "\n" not in said
        assert "; " in said
        # what is refused though it may be a setting is too large or too small
        if in_range(name, value, field.default):
            assert not value or value > 1e6
    else:
        assert in_range(name, value, field.default)
        assert found[name] == value


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(KINDS)), st.data(), ANYTHING)
def test_an_option_of_a_model_fits_or_is_named(kind, data, value):
    takes = list(signature(KINDS[kind]).parameters)[2:]
    name = data.draw(st.sampled_from([*takes, "n_gram"]))
    if isinstance(value, int) and 100 < value <= 10_000_000:
        return  # a large model, as asked for
    small = {"n_embd": 4, "n_hidden": 4, "n_layer": 1, "n_head": 2, "levels": 1}
    options = {n: v for n, v in small.items() if n in takes} | {name: value}
    try:
        model = build(kind, 5, torch.Generator().manual_seed(0), **options)
        logits, _ = model.forward(torch.zeros(2, min(max(model.block, 1), 6)).long())
    except ValueError as error:
        said = str(error)
        assert "\n" not in said
        # by its name, or by what it is called where it counts
        other = {"dropout": "p is", "n_embd": "heads", "n_head": "heads"}
        assert name in said or other[name] in said
    else:
        assert logits.isfinite().all()


LOGITS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.just(-math.inf)


@settings(max_examples=300, deadline=None)
@given(st.lists(LOGITS, min_size=1, max_size=6), st.data())
def test_what_is_drawn_was_left_and_something_is(row, data):
    """Any scores, temperature, k and p: drawn is what ranks high, or it is refused."""
    logits = torch.tensor([row, row])
    temperature = data.draw(st.sampled_from([0.0, 1e-300, 0.1, 1.0, 7.0, math.inf]))
    top_k = data.draw(st.none() | st.integers(1, 7))
    top_p = data.draw(st.none() | st.floats(0, 1, exclude_min=True))
    g = torch.Generator().manual_seed(data.draw(SEEDS))
    narrowed = narrow(logits, temperature, top_k, top_p)
    if not narrowed.amax().isfinite():  # nothing was left, or it was divided too far
        assert not (logits / (temperature or 1.0)).amax().isfinite()
        with pytest.raises(ValueError, match="no finite numbers"):
            draw(narrowed, g)
        return
    drawn = draw(narrowed, g)
    order = logits[0] / (temperature or 1.0)
    order = order.argsort(descending=True, stable=True).tolist()
    for symbol in drawn.tolist():
        assert row[symbol] > -math.inf or temperature == math.inf
        assert order.index(symbol) < (top_k or len(row))
        if temperature == 0:
            assert symbol == order[0]


@given(st.floats() | st.integers(-3, 3))
def test_a_length_to_clip_at_is_above_zero(longest):
    g = torch.tensor([3.0, 4.0])
    if longest > 0:
        assert optim.clip(g, longest) == 5
        assert g.norm() <= min(5.0, longest) * (1 + 1e-6) + 1e-30
    else:
        with pytest.raises(ValueError, match="give more than 0"):
            optim.clip(g, longest)

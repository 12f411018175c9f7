"""Any call of any pair: a right result, or a ValueError that says what to do.

Calls are drawn from what the docstrings say, then spoilt in one place.
"""

import math
import subprocess
import sys
from contextlib import suppress
from inspect import signature
from types import ModuleType

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shapes import Letters
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
)

from charlm import gradcheck, ops
from charlm.ops.contract import Argument, Contract
from charlm.ops.guard import Kept, guard, trusted
from charlm.ops.pair import of as pairs_of

PAIRS = list(ops.pairs())
CONTRACTS = {name: Contract(pair.forward) for name, pair in ops.pairs().items()}
INTEGERS = sorted(n for n, c in CONTRACTS.items() if any(a.below for a in c.arguments))
every = settings(max_examples=60, deadline=None)
SEEDS = st.integers(0, 2**31)
SIZES = st.sampled_from([0, 1, 1, 2, 3, 4])
BAD_OPTIONS = [0, -1, 1, 3, 0.5, 1.7, -7, math.nan, math.inf, None, "two", [2], True]
BAD_TYPES = [torch.float32, torch.int64, torch.int32, torch.bool, torch.float8_e5m2]
# what a docstring cannot say in numbers; "at least" of letters in rooms of their own
LEAST = {"batchnorm": {"...": (2, 3)}, "cross_entropy": {"...": (2, 1)}}


def sizes_of(contract, draw):
    """Numbers for the letters that fit the contract, and the options in relations."""
    letters = dict.fromkeys(axis for a in contract.arguments for axis in a.axes)
    empty = {"B", *contract.intervals}
    sizes = {a: draw(SIZES) or int(a not in empty) for a in letters if a.isalpha()}
    sizes["..."] = tuple(draw(st.lists(SIZES, max_size=2)))
    sizes |= LEAST.get(contract.name, {})
    for name in contract.options:
        if name in contract.intervals:  # an option, not a length
            whole = contract.signature.parameters[name].annotation is int
            low, high = contract.intervals[name].low, contract.intervals[name].high
            low, high = max(low, -2), min(high, 3)
            sizes[name] = draw(st.integers(math.ceil(low), math.ceil(high) - 1 or 1))
            if not whole:
                sizes[name] = draw(st.sampled_from([0.25, 0.5, 0.9]))
        else:
            sizes[name] = draw(st.integers(1, 3))
    for name, relation, of in contract.relations:
        other = int(of) if of.isdigit() else sizes[of]
        least = relation == "at least"
        sizes[name] = max(sizes[name], other) if least else other * (draw(SIZES) or 1)
    if contract.name == "batchnorm":
        sizes["correction"] = draw(st.sampled_from([0, 1]))
    if "attention" in contract.name:
        sizes["M"] = max(sizes["M"], sizes["T"])
    return sizes


def shape_of(argument, sizes):
    shape = []
    for axis in argument.axes:
        if axis == "...":
            shape += sizes["..."]
        else:
            factor, _, letter = axis.partition("*")
            shape.append(
                sizes[axis] if axis in sizes else int(factor) * sizes.get(letter, 1)
            )
    return tuple(shape)


def tensor_of(argument, shape, sizes, g):
    if argument.kind == "true":
        return torch.rand(shape, generator=g) < 0.5
    if argument.kind == "integers":
        n = sizes[argument.below]
        low = -1 if argument.negative else 0
        if n <= low:
            return torch.zeros(shape, dtype=torch.int64)
        ix = torch.randint(low, n, shape, generator=g)
        if argument.negative and ix.numel():
            ix.view(-1)[0] = 0  # one has to count
        return ix
    x = torch.randn(shape, generator=g, dtype=torch.float64)
    return x.abs() if argument.name == "var" else x


def options_of(contract, sizes, inputs, draw):
    """All options, those that no docstring bounds among them."""
    options = {name: sizes[name] for name in contract.options}
    x = inputs[0]
    for name, of, _ in contract.axes:
        tensor = inputs[[a.name for a in contract.arguments].index(of)]
        options[name] = draw(st.integers(-tensor.dim(), max(tensor.dim() - 1, 0)))
    if contract.name == "view":
        options["shape"] = draw(
            st.sampled_from([(-1,), (x.numel(),), (1, x.numel(), 1)])
        )
        if not x.numel():
            options["shape"] = (0, 2)
    if contract.name == "broadcast_to":
        options["shape"] = (
            draw(SIZES),
            *(draw(SIZES) if n == 1 else n for n in x.shape),
        )
    if contract.name == "permute":
        options["order"] = tuple(draw(st.permutations(range(x.dim()))))
    for name in ("keepdim", "causal"):
        if name in contract.signature.parameters:
            options[name] = draw(st.booleans())
    return options


def call_of(pair, draw):
    """Inputs and options that fit the docstring of a pair."""
    contract = CONTRACTS[pair]
    g = torch.Generator().manual_seed(draw(SEEDS))
    sizes = sizes_of(contract, draw)
    inputs = [tensor_of(a, shape_of(a, sizes), sizes, g) for a in contract.arguments]
    options = options_of(contract, sizes, inputs, draw)
    if contract.axes and not inputs[0].dim():  # an axis to speak of, with entries
        inputs[0] = inputs[0].reshape(1)
    if any(not empty for *_, empty in contract.axes) and not inputs[0].numel():
        inputs[0] = torch.ones([n or 1 for n in inputs[0].shape]).double()
    readable = all(
        not a.below or x.numel() == 0 or sizes[a.below] > 0
        for a, x in zip(contract.arguments, inputs, strict=True)
    )
    return (inputs, options) if readable else call_of(pair, draw)


def forward_of(pair, options):
    return lambda *inputs: getattr(ops, pair)(*inputs, **options)


def right(pair, inputs, options):
    """The result equals that of PyTorch's operator, gradients those of autograd."""
    forward, inputs = forward_of(pair, options), tuple(inputs)
    y, cache = forward(*inputs)
    close = {"rtol": 1e-8, "atol": 1e-8, "equal_nan": True}
    theirs = getattr(references, pair)(*inputs, **options)
    torch.testing.assert_close(y, theirs, **close)
    dy = gradcheck.upstream(y)
    found = gradcheck.gradients(ops.pairs()[pair].backward, dy, cache)
    due = gradcheck.autograd(forward, inputs, dy)
    for ours, wanted in zip(found, due, strict=True):
        torch.testing.assert_close(ours, wanted, **close)


@pytest.mark.parametrize("pair", PAIRS)
def test_what_fits_gives_a_right_result(pair):
    @every
    @given(st.data())
    def test(data):
        right(pair, *call_of(pair, data.draw))

    test()


def spoilt(pair, inputs, options, draw):
    """The call with one thing changed: an axis, a type, an option, or no tensor."""
    contract = CONTRACTS[pair]
    inputs, options = list(inputs), dict(options)
    i = draw(st.integers(0, len(inputs) - 1))
    x = inputs[i]
    ways = ["more", "type", "none", *(["fewer", "length"] if x.dim() else [])]
    ways += ["option"] if contract.options else []
    way = draw(st.sampled_from(ways))
    if way == "more":
        inputs[i] = x.unsqueeze(draw(st.integers(0, x.dim())))
    elif way == "fewer":
        inputs[i] = x.sum(0).to(x.dtype)
    elif way == "length":
        axis, n = draw(st.integers(0, x.dim() - 1)), draw(SIZES)
        inputs[i] = torch.zeros([n if k == axis else m for k, m in enumerate(x.shape)])
        inputs[i] = inputs[i].to(x.dtype)
    elif way == "type":
        inputs[i] = x.to(draw(st.sampled_from(BAD_TYPES)))
    elif way == "none":
        inputs[i] = draw(st.sampled_from([None, 1.5, "x", [1.0], x.numpy()]))
    else:
        name = draw(st.sampled_from(contract.options))
        options[name] = draw(st.sampled_from(BAD_OPTIONS))
    return inputs, options


def told(pair, error):
    """A refusal says whose it is, what to do, and what would be right."""
    said = str(error.value)
    assert said.startswith(f"{pair}: ")
    assert said.count("\n") == 0
    fault, _, remedy = said.removeprefix(f"{pair}: ").partition("; ")
    assert fault
    assert remedy.partition(" [")[0]
    return said


@pytest.mark.parametrize("pair", PAIRS)
def test_what_does_not_fit_is_refused_or_right(pair):
    contract = CONTRACTS[pair]

    @every
    @given(st.data())
    def test(data):
        inputs, options = spoilt(pair, *call_of(pair, data.draw), data.draw)
        try:
            y, _ = getattr(ops, pair)(*inputs, **options)
        except ValueError as error:
            told(pair, pytest.ExceptionInfo.from_exception(error))
            return
        # let through: then the letters fit, as another reader of docstrings sees it
        letters = Letters()
        for argument, x in zip(contract.arguments, inputs, strict=True):
            assert letters.match(x.shape, ", ".join(argument.axes))
        if y.dtype == torch.float64:
            right(pair, inputs, options)

    test()


@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_is_broadcast(pair):
    """Every axis of every input, made one or one longer where others share it."""
    contract = CONTRACTS[pair]
    shared = [axis for a in contract.arguments for axis in a.axes]
    for case in gradcheck.cases.cases(pair):
        for i, argument in enumerate(contract.arguments):
            lead = len(case.inputs[i].shape) - len(argument.axes)
            for k, axis in enumerate(argument.axes):
                if axis == "..." or shared.count(axis) < 2:
                    continue
                at = k + lead
                for n in {1, case.inputs[i].shape[at] + 1} - {case.inputs[i].shape[at]}:
                    shape = list(case.inputs[i].shape)
                    shape[at] = n
                    wrong = list(case.inputs)
                    wrong[i] = torch.zeros(shape, dtype=wrong[i].dtype)
                    with pytest.raises(ValueError, match="; ") as error:
                        case.forward(*wrong)
                    assert contract.text in told(pair, error)


@pytest.mark.parametrize("pair", INTEGERS)
def test_integers_out_of_range_are_refused(pair):
    contract = CONTRACTS[pair]
    i, argument = next((i, a) for i, a in enumerate(contract.arguments) if a.below)
    for case in gradcheck.cases.cases(pair):
        ix = case.inputs[i]
        other = case.inputs[1 - i]
        n = case.options.get(argument.below) or other.shape[0 if i == 0 else -1]
        for value in (n, n + 5, 2**40, -1, -n, -n - 1, -(2**40)):
            for place in range(min(ix.numel(), 3)):
                wrong = ix.clone()
                wrong.view(-1)[place] = value
                inputs = [*case.inputs[:i], wrong, *case.inputs[i + 1 :]]
                if argument.negative and value < 0:
                    continue  # nothing to predict there
                with pytest.raises(ValueError, match=f"{argument.name}.* is {value}"):
                    case.forward(*inputs)


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_no_number_stays_so(pair):
    """NaN comes out wherever it comes out of torch, whose sums let none through."""
    if pair in ("keep", "scatter_add") or "attention" in pair:
        return  # there the references multiply what is left out by zero
    for case in gradcheck.cases.cases(pair):
        for i in gradcheck.floating(case.inputs):
            if case.inputs[i].numel():
                inputs = list(case.inputs)
                inputs[i] = inputs[i].clone()
                inputs[i].view(-1)[-1] = math.nan
                y, _ = case.forward(*inputs)
                theirs = getattr(references, pair)(*inputs, **case.options)
                assert y.isnan()[theirs.isnan()].all(), case.label


ELEMENTWISE = "tanh sigmoid relu leaky_relu softplus silu gelu gelu_tanh".split()


@pytest.mark.parametrize("pair", [*ELEMENTWISE, "softmax", "log_softmax"])
def test_infinities_go_the_way_they_go_in_torch(pair):
    x = torch.tensor([[math.inf, 1.0], [-math.inf, 1.0], [-math.inf, math.nan]])
    y, _ = getattr(ops, pair)(x.double())
    theirs = getattr(references, pair)(x.double())
    torch.testing.assert_close(y, theirs, equal_nan=True)


HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("size", [1.0, 300.0])
@pytest.mark.parametrize("pair", PAIRS)
def test_half_types_lose_only_their_last_bits(pair, size, dtype):
    """Result and gradients of rounded inputs, against the same in float64."""
    for case in gradcheck.cases.cases(pair):
        if case.kink:
            continue
        where = gradcheck.floating(case.inputs)
        inputs = list(case.inputs)
        inputs[where[0]] = size * inputs[where[0]]
        low = [x.to(dtype) if i in where else x for i, x in enumerate(inputs)]
        high = [x.double() if i in where else x for i, x in enumerate(low)]
        (y, cache), (due, c_due) = case.forward(*low), case.forward(*high)
        if due.numel() and not due.abs().max() < torch.finfo(dtype).max / 4:
            continue  # the type has no such numbers
        assert y.dtype == dtype
        dy = gradcheck.upstream(due).to(dtype)
        backward = ops.pairs()[pair].backward
        ours = gradcheck.gradients(backward, dy, cache)
        wanted = gradcheck.gradients(backward, dy.double(), c_due)
        for a, b in zip((y, *ours), (due, *wanted), strict=True):
            if b.numel() and b.abs().max() < torch.finfo(dtype).max / 4:
                assert a.dtype == dtype
                # of a softmax that is one or zero the gradient is a difference of equal
                # numbers, of which rounding leaves some part of the inputs
                least = 1e-3 * size
                error = (a.double() - b).abs().max() / max(b.abs().max(), least)
                assert error <= 16 * torch.finfo(dtype).eps, case.label


def test_the_norm_that_was_off_by_two():
    x, gamma = 300 * torch.randn(4, 16), torch.ones(16)
    y, _ = ops.rmsnorm(x.half(), gamma.half())
    due = references.rmsnorm(x.half().double(), gamma.double())
    assert (y - due).abs().max() <= 2 * torch.finfo(torch.half).eps * due.abs().max()


def test_rows_that_do_not_count_may_hold_anything():
    logits = torch.randn(3, 4).double()
    targets = torch.tensor([1, -1, 2])
    wanted, c = ops.cross_entropy(logits, targets)
    due = ops.cross_entropy_backward(torch.ones_like(wanted), c)
    for value in (math.nan, math.inf, -math.inf):
        logits[1] = value
        loss, c = ops.cross_entropy(logits, targets)
        assert loss == wanted
        assert torch.equal(ops.cross_entropy_backward(torch.ones_like(loss), c), due)


@pytest.mark.parametrize("pair", PAIRS)
def test_directions_have_the_shape_of_what_they_belong_to(pair):
    both = ops.pairs()[pair]
    for case in gradcheck.cases.cases(pair):
        y, cache = case.forward(*case.inputs)
        assert type(cache) is Kept
        for dy in (y.unsqueeze(0), y.sum() if y.dim() else y.expand(2), 1.0, None):
            with pytest.raises(ValueError, match=f"{pair}_backward: dy .*; give"):
                both.backward(dy, cache)
        whole = rf"{pair}_backward: dy is int64 where float64 is due; give dy\.to\("
        with pytest.raises(ValueError, match=whole):
            both.backward(y.long(), cache)
        due = gradcheck.gradients(both.backward, y.float().double(), cache)
        again = gradcheck.gradients(both.backward, y.float(), cache)
        assert all(map(torch.equal, again, due))
        dots = [case.inputs[i] for i in gradcheck.floating(case.inputs)]
        for i in range(len(dots)) if both.jvp else ():
            wrong = [d.unsqueeze(0) if k == i else d for k, d in enumerate(dots)]
            with pytest.raises(ValueError, match=f"{pair}_jvp: .*_dot is .*; give"):
                both.jvp(*wrong, cache)


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_left_out_is_what_the_reference_takes(pair):
    both = (signature(getattr(m, pair)).parameters for m in (ops, references))
    ours, theirs = ({n: p.default for n, p in ps.items()} for ps in both)
    assert ours == theirs


@pytest.mark.parametrize("pair", PAIRS)
def test_whatever_is_made_on_the_way_is_made_where_the_inputs_are(pair):
    """On a device of shapes alone, which mixes with no other."""
    both = ops.pairs()[pair]
    for case in gradcheck.cases.cases(pair):
        # there are no numbers to look at: targets to count, a single index
        with FakeTensorMode(), suppress(DataDependentOutputException):
            inputs = [
                torch.empty(x.shape, dtype=x.dtype, device="meta") for x in case.inputs
            ]
            y, cache = case.forward(*inputs)
            dots = [inputs[i] for i in gradcheck.floating(case.inputs)]
            found = gradcheck.gradients(both.backward, torch.empty_like(y), cache)
            for t in (y, both.jvp(*dots, cache), *found):
                assert t.device.type == "meta", case.label


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("pair", PAIRS)
def test_transforms_of_torch_go_through(pair):
    case = gradcheck.cases.cases(pair)[0]
    where = gradcheck.floating(case.inputs)
    moving = tuple(case.inputs[i] for i in where)

    def f(*values):
        inputs = list(case.inputs)
        for i, x in zip(where, values, strict=True):
            inputs[i] = x
        return case.forward(*inputs)[0].sum()

    places = tuple(range(len(where)))
    plain = torch.func.grad(f, argnums=places)(*moving)
    with trusted():
        again = torch.func.grad(f, argnums=places)(*moving)
    assert all(map(torch.equal, plain, again))
    value, _ = torch.func.jvp(f, moving, moving)
    assert torch.equal(value, f(*moving))
    if pair != "cross_entropy":  # counts its targets, which no batch of calls can
        one = tuple(x.unsqueeze(0) for x in moving)
        assert torch.allclose(torch.vmap(f)(*one)[0], f(*moving), equal_nan=True)
    compiled = torch.compile(f, backend="eager")
    assert torch.equal(compiled(*moving), f(*moving))
    with torch.inference_mode():
        assert torch.equal(f(*moving), value)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_compiled_code_is_of_one_piece():
    """What is held of a call is left out there; it cannot be compiled."""
    x = torch.randn(2, 3)
    f = torch.compile(lambda x: ops.tanh(x)[0], backend="eager", fullgraph=True)
    assert torch.equal(f(x), x.tanh())


def test_tensors_by_name_and_lists_as_shapes():
    x, W, b = torch.randn(3, 4), torch.randn(4, 2), torch.randn(2)
    due, _ = ops.linear(x, W, b)
    assert torch.equal(ops.linear(x, b=b, W=W)[0], due)
    assert torch.equal(ops.linear(W=W, b=b, x=x)[0], due)
    assert ops.view(x, [2, 6])[0].shape == (2, 6)
    for left_out in (lambda: ops.linear(x, W), lambda: ops.linear(W=W, x=x)):
        with pytest.raises(TypeError, match="missing"):
            left_out()
    with pytest.raises(ValueError, match="b is no tensor"):
        ops.linear(x, W, b=[1.0, 2.0])


def test_options_by_place_go_with_half_types():
    x = torch.tensor([-2.0, 3.0]).half()
    assert ops.leaky_relu(x, 0.5)[0].equal(torch.tensor([-1.0, 3.0]).half())


def test_complex_numbers_go_through():
    x, W, b = torch.randn(2, 3, dtype=torch.complex128), torch.eye(3), torch.zeros(3)
    assert torch.equal(ops.linear(x, W.to(x.dtype), b.to(x.dtype))[0], x)


def test_of_the_cache_of_another_pair_nothing_is_known():
    cache = ops.sigmoid(torch.tensor(0.0))[1]
    assert ops.tanh_jvp(torch.ones(3), cache).tolist() == [0.75] * 3


def test_without_docstrings_there_is_nothing_to_hold():
    line = "import torch; from charlm import ops; print(ops.tanh(torch.zeros(2))[0])"
    command = [sys.executable, "-OO", "-W", "ignore", "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "tensor([0., 0.])\n"


def test_uncounted_targets_and_features_without_a_pair_are_refused():
    with pytest.raises(ValueError, match="no target counts"):
        ops.cross_entropy(torch.zeros(2, 3), torch.tensor([-1, -1]))
    with pytest.raises(ValueError, match="5 features do not form pairs"):
        ops.sinusoid(2, 5, torch.zeros(()))


def test_a_symbol_that_cannot_come_costs_nothing():
    logits = torch.tensor([[0.0, -math.inf, 0.0]]).double()
    loss, _ = ops.cross_entropy(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(math.log(2))


def test_what_was_repeated_can_be_added_to():
    x = torch.zeros(1, 2)
    y, _ = ops.broadcast_to(x, (3, 2))
    y += 1
    assert y.tolist() == [[1, 1]] * 3
    assert x.tolist() == [[0, 0]]


def test_fixed_positions_are_sines_and_cosines_in_turn():
    found = ops.sinusoid(3, 4, torch.zeros(()).double())
    angle = torch.arange(3).double()[:, None] * torch.tensor(
        [1.0, 0.01], dtype=torch.float64
    )
    due = torch.zeros(3, 4).double()
    due[:, 0::2], due[:, 1::2] = angle.sin(), angle.cos()
    torch.testing.assert_close(found, due, rtol=1e-12, atol=1e-12)


def test_a_sum_over_nothing_is_zero():
    assert ops.sum_over(torch.ones(0, 4), 0)[0].tolist() == [0, 0, 0, 0]


def test_integers_elsewhere_than_on_the_processor_are_not_waited_for():
    x, ix = (torch.ones(2, 3, device="meta", dtype=t) for t in (None, torch.int64))
    assert ops.embedding(ix, x)[0].is_meta


@pytest.mark.parametrize("pair", ["gru_cell", "gru_cell_after", "lstm_cell"])
def test_cells_of_many_units(pair):
    """Four gates are five parts of few units."""
    sizes, g = {"B": 2, "I": 3, "H": 12}, torch.Generator().manual_seed(0)
    takes = CONTRACTS[pair].arguments
    right(pair, [tensor_of(a, shape_of(a, sizes), sizes, g) for a in takes], {})


def test_a_mask_is_told_from_numbers():
    x, keep = torch.randn(2, 3), torch.ones(2, 3)
    assert ops.dropout(x, keep > 0, 0.5)[0].equal(2 * x)
    with pytest.raises(
        ValueError, match="keep is float32, not bool; give a mask, as k"
    ):
        ops.dropout(x, keep, 0.5)


def test_at_zero_the_derivatives_of_relus_are_those_of_the_left():
    x, dy = torch.tensor([-1.0, 0.0, 2.0]), torch.ones(3)
    assert ops.relu_backward(dy, ops.relu(x)[1]).tolist() == [0, 0, 1]
    found = ops.leaky_relu_backward(dy, ops.leaky_relu(x, 0.5)[1])
    assert found.tolist() == [0.5, 0.5, 1]


def test_whole_numbers_are_told_from_equal_ones():
    x = torch.randn(2, 3, 4)
    ops.split_heads(x, 2)
    for wrong in (2.0, True):
        with pytest.raises(ValueError, match="give a whole number"):
            ops.split_heads(x, wrong)


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        (None, "does not say what it takes"),
        ("Says nothing.", "does not say what it takes"),
        ("x (I), n (I) integers below Q  ->  y (I).", "speaks of .*'Q'"),
        ("x (..., I) or so  ->  y (..., I).", "cannot read 'x .*or so'"),
        ("x (..., I), z (I)  ->  y (..., I).", "speaks of .*'z'"),
        ("x (..., I), n a multiple of K  ->  y (..., I).", "speaks of .*'K'"),
        ("x (3*K)  ->  y (K).", "speaks of .*'K'"),
        ("n (I), x (I)  ->  y (K).", "tensors first"),
    ],
)
def test_a_docstring_that_cannot_be_held_is_refused(doc, said):
    def f(x, n=1):
        return x, ()

    f.__doc__ = doc
    with pytest.raises(ValueError, match=said):
        Contract(f)


def test_what_comes_out_may_be_left_unsaid():
    def f(x):
        """x (I)  ->"""
        return x, ()

    assert Contract(f).text == "x (I) -> "


def test_what_a_docstring_says():
    def f(
        x,
        ix,
        targets,
        keep,
        P,
        s,
        p,
        heads=1,
        base=2.0,
        axis=0,
        *,
        other=0,
        width=4,
        free=None,
    ):
        """Speaks of all there is.

        x (..., T, E), ix (B) integers in [0, V), targets (B) integers below E,
        keep (3*T) true where it stays, P (Tmax, V), s (), p in [0, 1),
        base in (0, inf), Tmax at least T, E a multiple of heads, width even,
        axis an axis of x, other a non-empty axis of P  ->  y (..., 2*T), a kind: (B).

        And then  ->  nothing.
        """

    c = Contract(f)
    assert c.name == "f"
    assert c.text.startswith("x (..., T, E), ix (B) integers in [0, V), targets")
    assert c.text.endswith("other a non-empty axis of P -> y (..., 2*T)")
    assert c.arguments == [
        Argument("x", ("...", "T", "E")),
        Argument("ix", ("B",), "integers", "V"),
        Argument("targets", ("B",), "integers", "E", negative=True),
        Argument("keep", ("3*T",), "true"),
        Argument("P", ("Tmax", "V")),
        Argument("s", ()),
    ]
    assert c.options == ["p", "heads", "base", "axis", "other", "width"]
    assert {n: str(i) for n, i in c.intervals.items()} == {
        "p": "[0, 1)",
        "base": "(0, inf)",
    }
    assert c.relations == [
        ("Tmax", "at least", "T"),
        ("E", "a multiple of", "heads"),
        ("width", "a multiple of", "2"),
    ]
    assert c.axes == [("axis", "x", True), ("other", "P", False)]
    ends = [n in c.intervals["p"] for n in (-0.1, 0, 0.5, 1, 1.1)]
    assert ends == [False, True, True, False, False]
    assert [n in c.intervals["base"] for n in (0, 1, math.nan)] == [False, True, False]


OWN = """
seen = []

def pick(ix, x, scale=1.0):
    "ix (N) integers in [0, V), x (V, C), scale in (0, 9]  ->  y (N, C)."
    seen.append(x.dtype)
    return scale * x[ix], (ix, x.shape, scale)

def pick_backward(dy, cache):
    ix, shape, scale = cache
    seen.append(dy.dtype)
    return dy.new_zeros(shape).index_add_(0, ix, scale * dy)

def pick_jvp(x_dot, cache):
    ix, shape, scale = cache
    seen.append(x_dot.dtype)
    return scale * x_dot[ix]

def bare(x):
    return x, ()

def bare_backward(dy, cache):
    return dy
"""


def own(name):
    """A family of pairs that is guarded here and now."""
    family = ModuleType(f"charlm.ops.{name}")
    exec(
        OWN.replace("def bare(x):", 'def bare(x):\n    "x (...)  ->  y (...)."'),
        vars(family),
    )
    assert set(guard(family)) == {
        "pick",
        "pick_backward",
        "pick_jvp",
        "bare",
        "bare_backward",
    }
    return family


@pytest.mark.parametrize("name", ["one", "matrix"])
def test_a_family_is_guarded_as_a_whole(name):
    family = own(name)
    ix, x = torch.tensor([2, 0, 2]), torch.randn(3, 4).double()
    assert torch.equal(family.pick(ix, x, 9.0)[0], 9 * x[ix])
    y, cache = family.pick(ix, x, 2.0)
    assert torch.equal(y, 2 * x[ix])
    assert torch.equal(family.pick(x=x, ix=ix, scale=2.0)[0], y)
    assert torch.equal(family.pick(ix, scale=2.0, x=x)[0], y)
    due = torch.zeros(3, 4).double().index_add_(0, ix, 2 * y)
    assert torch.equal(family.pick_backward(y, cache), due)
    assert torch.equal(family.pick_jvp(x, cache), y)
    for wrong, said in (
        (lambda: family.pick(ix - 1, x), r"pick: ix\[1\] is -1, and V is 3; give"),
        (lambda: family.pick(ix + 1, x), r"pick: ix\[0\] is 3, and V is 3; give"),
        (lambda: family.pick(ix.int(), x), "ix is int32, not int64; give"),
        (lambda: family.pick(ix, x[0]), "has 1 axes"),
        (lambda: family.pick(ix, x, 9.5), r"scale is 9.5; give a number in \(0, 9\]"),
        (lambda: family.pick(ix, x, scale=0), "scale is 0; give a number"),
        (lambda: family.pick(ix, [1.0]), r"x is no tensor; give torch.as_tensor\(x\)"),
        (lambda: family.pick_backward(y[:1], cache), r"dy is \(1, 4\) where \(3, 4\)"),
        (lambda: family.pick_backward(2, cache), "pick_backward: dy is no tensor"),
        (lambda: family.pick_jvp(y[:1], cache), r"pick_jvp: x_dot is \(1, 4\) where"),
        (lambda: family.pick_jvp(ix, cache), "x_dot is .* where"),
    ):
        for _ in range(2):  # what was refused is not remembered as right
            with pytest.raises(ValueError, match=said):
                wrong()
    with trusted(), pytest.raises(IndexError):
        family.pick(ix + 1, x)
    with trusted(False), pytest.raises(ValueError, match="ix"):
        family.pick(ix + 1, x)
    # by hand, or of another pair: nothing is known of it
    assert torch.equal(family.pick_backward(y, tuple(cache)), due)
    assert torch.equal(family.pick_jvp(x, tuple(cache)), y)
    assert torch.equal(family.bare_backward(y, family.bare(y)[1]), y)


def test_a_pair_is_two_functions_of_one_file():
    family = ModuleType("charlm.ops.one")
    exec(OWN + "class Table:\n    pass\ntable = Table()\nloose = bare\n", vars(family))
    family.table_backward = family.bare_backward  # of something that is no function
    family.loose_backward = "none"
    family.tanh, family.tanh_backward = ops.tanh, ops.tanh_backward  # of another file
    found = {pair.name: pair for pair in pairs_of(family)}
    assert list(found) == ["pick", "bare"]
    assert found["pick"].jvp is family.pick_jvp
    assert found["bare"].jvp is None


def test_pairs_come_in_the_order_of_their_names():
    assert sorted(PAIRS) == PAIRS
    assert list(ops.pairs()) == PAIRS


def test_the_room_offers_its_pairs_and_what_belongs_to_them():
    functions = {f"{n}{kind}" for n in PAIRS for kind in ("", "_backward", "_jvp")}
    besides = {"Pair", "angles", "fused_kernel", "offset", "pairs", "sinusoid"}
    assert set(ops.__all__) == functions | besides | {"trusted"}


def test_what_fails_for_a_reason_of_its_own_says_so():
    family = ModuleType("charlm.ops.one")
    exec(
        OWN.replace("seen.append(x.dtype)", "raise RuntimeError('full')"), vars(family)
    )
    family.bare.__doc__ = "x (...)  ->  y (...)."
    guard(family)
    with pytest.raises(RuntimeError, match="full"):
        family.pick(torch.tensor([0, 1]), torch.ones(2, 3))


@pytest.mark.parametrize(
    ("name", "inside"), [("one", "float32"), ("matrix", "float16")]
)
def test_half_types_are_computed_in_float32_but_where_numbers_only_move(name, inside):
    family = own(name)
    ix, x = torch.tensor([2, 0, 2]), torch.randn(3, 4).half()
    y, cache = family.pick(ix, x)
    found = [
        y,
        family.pick_backward(y.double(), cache),
        family.pick_jvp(x.double(), cache),
    ]
    assert [t.dtype for t in found] == [torch.float16] * 3
    assert family.seen == [getattr(torch, inside)] * 3


def some(*shape):
    return torch.zeros(shape).double()


X, W, B = some(2, 4), some(4, 3), some(3)
REFUSED = [
    ("linear", (X.long(), W, B), "x is int64, no floating-point type; give x.float()"),
    ("linear", (X, W.float(), B), "W is float32 and x float64; give one type, as by "),
    ("linear", (X, W.float(), B), "by W.to(x.dtype)"),
    ("linear", (X, W[1:], B), "I is 4 in x (2, 4) and 3 in W (3, 3); make them equal"),
    ("linear", (X, W, B[0]), "b () has 0 axes, and (O) is due; give b those axes, by"),
    ("linear", (B[0], W, B), "x () has 0 axes, and (..., I) is due; give x those axes"),
    ("linear", (X, W, W), "b (4, 3) has 2 axes, and (O) is due; give b those axes"),
    ("linear", (some(2, 0), W[:0], B), "I is 0 in x (2, 0); give at least 1"),
    (
        "residual",
        (X, W),
        "the leading axes are (2, 4) in x (2, 4) and (4, 3) in branch (4, 3); make",
    ),
    (
        "gru_cell",
        (X, some(2, 5), some(4, 15), some(5, 9), some(15)),
        "3*H is 15 by h (2, 5), and 9 in U (5, 9); make them equal",
    ),
    (
        "lstm_cell",
        (some(2, 5), some(3, 2, 4), some(5, 16), some(4, 16), some(16)),
        "2 is due, and 3 in s (3, 2, 4); make them equal",
    ),
    ("dropout", (X, X > 0, 1.5), "p is 1.5; give a number in [0, 1)"),
    ("sum_over", (X, 2), "axis is 2, and x (2, 4) has 2 axes; give one in [-2, 2)"),
    ("sum_over", (X, -3), "axis is -3, and x (2, 4) has 2 axes; give one in [-2, 2)"),
    ("mean_over", (X[:0], 0), "axis 0 of x (0, 4) is empty; leave this call out"),
    ("add_positions", (X, W[:1]), "E is 4 in x (2, 4) and 3 in P (1, 3); make them"),
    ("add_positions", (X, X[:1]), "Tmax = 1 is less than T = 2; give at least 2"),
    ("rope", (W,), "D = 3 is no multiple of 2; make D a multiple of 2"),
    (
        "split_heads",
        (some(1, 2, 4), 3),
        "E = 4 is no multiple of heads = 3; choose heads among the divisors of 4",
    ),
    ("split_heads", (some(1, 2, 4), 8), "E = 4 is no multiple of heads = 8; choose"),
    ("split_heads", (some(1, 2, 4), 2.0), "heads is 2.0; give a whole number ["),
    (
        "embedding",
        (torch.tensor([[0, 7]]), W),
        "ix[0, 1] is 7, and V is 4; give integers in [0, 4)",
    ),
    ("embedding", (torch.tensor(-1), W), "ix is -1, and V is 4; give integers in [0"),
    (
        "cross_entropy",
        (X, torch.tensor([0, 9])),
        "targets[1] is 9, and V is 4; give integers below 4",
    ),
]


@pytest.mark.parametrize(("pair", "inputs", "said"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_names_place_numbers_and_remedy(pair, inputs, said):
    with pytest.raises(ValueError, match="; ") as error:
        getattr(ops, pair)(*inputs)
    assert said in told(pair, error)
    assert told(pair, error).endswith(f" [{CONTRACTS[pair].text}]")

"""The scalar engine against numbers, against torch, and on graphs that break others."""

import math
import random
import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from charlm.scalar import MLP, Layer, Neuron, Value, graph, topological

ONE = {
    "neg": lambda a: -a,
    "exp": lambda a: a.exp(),
    "tanh": lambda a: a.tanh(),
    "sin": lambda a: a.sin(),
    "relu": lambda a: a.relu(),
    "log": lambda a: (a * a + 0.1).log(),
    "square": lambda a: a**2,
    "root": lambda a: (a * a + 2) ** 0.5,
    "inverse": lambda a: (a * a + 1) ** -1,
    "minus": lambda a: 1 - a,
    "over": lambda a: 3 / (a * a + 1),
    "plus": lambda a: 2 + a,
    "times": lambda a: 0.5 * a,
}
TWO = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1),
    "max": lambda a, b: torch.maximum(a, b) if torch.is_tensor(a) else a.max(b),
    "twice": lambda a, b: a * b + a,
}
NUMBERS = st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3)


def both(function, numbers):
    """Gradients by the engine and by torch."""
    ours = [Value(x) for x in numbers]
    result = function(*ours)
    result.backward()
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    reference = function(*theirs)
    reference.backward()
    assert result.data == pytest.approx(reference.item(), rel=1e-12)
    return [v.grad for v in ours], [t.grad.item() for t in theirs]


@pytest.mark.parametrize("name", ONE)
@given(x=NUMBERS)
def test_one_argument_equals_torch(name, x):
    ours, theirs = both(ONE[name], [x])
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", TWO)
@given(x=NUMBERS, y=NUMBERS)
def test_two_arguments_equal_torch(name, x, y):
    ours, theirs = both(TWO[name], [x, y])
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@given(
    st.lists(NUMBERS, min_size=3, max_size=3),
    st.lists(st.tuples(st.sampled_from(sorted(TWO)), st.integers(0, 99)), max_size=8),
)
def test_random_graphs_with_shared_values_equal_torch(numbers, steps):
    def function(*leaves):
        pool = list(leaves)
        for name, k in steps:
            a, b = pool[k % len(pool)], pool[(7 * k + 1) % len(pool)]
            pool.append(TWO[name](a, b).tanh())
        total = pool[0]
        for v in pool[1:]:
            total = total + v
        return total

    ours, theirs = both(function, numbers)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ONE)
def test_one_argument_equals_numbers(name):
    x, h = 0.7, 1e-5
    leaf = Value(x)
    ONE[name](leaf).backward()
    up, down = (ONE[name](Value(x + d)).data for d in (h, -h))
    assert leaf.grad == pytest.approx((up - down) / (2 * h), rel=1e-8)


def test_conventions_at_kinks_and_ties():
    a, b = Value(0.0), Value(0.0)
    a.relu().backward()
    assert a.grad == 0
    a.max(b).backward()
    assert (a.grad, b.grad) == (0.5, 0.5)


def test_powers_where_some_have_no_derivative():
    for x, power in [(0, 0), (0, 1), (0, 2), (-2, -1), (-2, 3), (3, 0), (3, 0.5)]:
        a, t = Value(x), torch.tensor(float(x), requires_grad=True)
        y, due = a**power, t**power
        y.backward()
        due.backward()
        assert (y.data, a.grad) == pytest.approx((due.item(), t.grad.item()))
    assert (Value(2.0) ** 0.5).op == "**0.5"


def test_a_value_says_what_it_is():
    assert repr(Value(2 / 3)) == "Value(0.6667, grad=0)"
    end = Value(2.0, label="a") * 3
    end.backward()
    assert repr(end.inputs[0][0]) == "Value(a: 2, grad=3)"


def test_a_value_used_twice_gets_both_gradients():
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2
    b = Value(-2.0)
    c = b * b
    (c * b + c).backward()
    assert b.grad == 3 * 4 + 2 * -2


def test_order_matters_and_is_right():
    """A value may reach the end by paths of different lengths."""
    a = Value(1.5)
    b = a.exp()
    end = b * (b + a).sin()
    place = {id(node): i for i, node in enumerate(topological(end))}
    for node in topological(end):
        assert all(place[id(source)] < place[id(node)] for source, _ in node.inputs)
    end.backward()
    x = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    (x.exp() * (x.exp() + x).sin()).backward()
    assert a.grad == pytest.approx(x.grad.item(), rel=1e-12)


def test_a_chain_of_ten_thousand():
    a = Value(1.0)
    end = a
    for _ in range(10_000):
        end = end + 0.001
    end.backward()
    assert a.grad == 1
    assert len(topological(end)) == 20_001


def test_leaves_add_up_over_calls_and_the_rest_does_not():
    a = Value(2.0)
    middle = a * a
    end = middle * 3
    end.backward()
    end.backward()
    assert a.grad == 2 * 12
    assert middle.grad == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Value(-1.0).log(), ValueError, "log of -1.0"),
        (lambda: Value(0.0).log(), ValueError, "log of 0.0"),
        (lambda: Value(-1.0) ** 0.5, ValueError, "no real number"),
        (lambda: Value(0.0) ** 0.5, ValueError, "no derivative at 0"),
        (lambda: Value(2.0) ** Value(2.0), TypeError, "use exp and log"),
        (lambda: Value(1.0) / 0, ZeroDivisionError, "division by zero"),
        (lambda: Neuron(2, random.Random(0))([1.0]), ValueError, "2 inputs wanted, 1"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_network_equals_torch():
    model = MLP([3, 4, 2], random.Random(1))
    assert len(model.parameters()) == 3 * 4 + 4 + 4 * 2 + 2
    x = [0.3, -1.2, 2.0]
    out = model(x)
    (out[0] ** 2 + out[1].exp()).backward()
    t = torch.tensor([x], dtype=torch.float64)
    leaves = []
    for layer in model.layers:
        W = torch.tensor([[w.data for w in n.w] for n in layer.neurons]).double()
        W.requires_grad_()
        leaves.append(W)
        t = t @ W.T
        t = t.tanh() if layer is model.layers[0] else t
    (t[0, 0] ** 2 + t[0, 1].exp()).backward()
    for layer, W in zip(model.layers, leaves, strict=True):
        ours = torch.tensor([[w.grad for w in n.w] for n in layer.neurons]).double()
        torch.testing.assert_close(ours, W.grad, rtol=1e-6, atol=1e-7)


def test_a_neuron_is_tanh_of_its_weighted_sum():
    neuron = Neuron(2, random.Random(4))
    neuron.b.data = 0.3
    u, v = (w.data for w in neuron.w)
    assert neuron([0.5, -2.0]).data == pytest.approx(math.tanh(0.5 * u - 2 * v + 0.3))


@pytest.mark.parametrize("sizes", [[2, 1], [2, 3, 1], [2, 3, 3, 1]])
def test_only_the_last_layer_is_linear(sizes):
    *hidden, last = MLP(sizes, random.Random(4)).layers
    assert [v.op for v in last([1.0] * len(last.neurons[0].w))] == ["+"]
    for layer in hidden:
        assert {v.op for v in layer([1.0] * len(layer.neurons[0].w))} == {"tanh"}


def test_a_new_network_has_weights_in_the_unit_interval_and_no_biases():
    model = MLP([50, 20, 1], random.Random(0))
    weights = [w.data for layer in model.layers for n in layer.neurons for w in n.w]
    assert -1 <= min(weights) < -0.9
    assert 0.9 < max(weights) <= 1
    assert [n.b.data for layer in model.layers for n in layer.neurons] == [0.0] * 21


def test_a_network_learns_a_circle():
    rng = random.Random(3)
    points = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(24)]
    inside = [1.0 if x * x + y * y < 0.5 else -1.0 for x, y in points]
    model = MLP([2, 6, 1], rng)
    losses = []
    for _ in range(250):
        total = Value(0.0)
        for p, target in zip(points, inside, strict=True):
            total = total + (model(p)[0] - target) ** 2
        loss = total / len(points)
        for p in model.parameters():
            p.grad = 0.0
        loss.backward()
        for p in model.parameters():
            p.data -= 0.2 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.3 * losses[0]


def test_a_layer_has_its_neurons_side_by_side():
    layer = Layer(2, 3, random.Random(0), Value.relu)
    assert [v.op for v in layer([1.0, 2.0])] == ["relu"] * 3


def test_the_drawing_shows_data_and_gradients():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    end = (a * b).tanh()
    end.backward()
    svg = ET.fromstring(graph(end)._repr_html_()).find("svg")
    texts = [t.text for t in svg.iter("text")]
    assert texts[texts.index("a") + 1] == f"2; grad {a.grad:.3g}"
    assert texts[texts.index("a * b") + 1] == f"-6; grad {a.grad / -3:.3g}"
    assert len([p for p in svg.iter("path") if p.get("class") == "edge"]) == 3
    assert math.isclose(a.grad, -3 * (1 - math.tanh(-6) ** 2))

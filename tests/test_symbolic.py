"""SymPy differentiates the definitions, exactly; our backwards must give the same.

Here no floating-point number is involved until the very end: the forward is written
once more, from its definition, as formulas in symbols; SymPy differentiates them, and
the result is evaluated with 40 digits at rational points. Tiny shapes, because the
formulas grow. It sees any wrong formula; it cannot see what goes wrong at other shapes.
"""

import pytest
import sympy as sp
import torch

from charlm import ops


def matrix(*shape, start=1):
    """Rational test points without symmetry, in nested lists."""
    values = iter(
        sp.Rational((7 * k * k + 3 * k) % 23 - 11, 8) for k in range(start, start + 99)
    )

    def fill(shape):
        return [fill(shape[1:]) for _ in range(shape[0])] if shape else next(values)

    return fill(shape)


def flat(nested):
    if not isinstance(nested, list):
        return [nested]
    return [x for part in nested for x in flat(part)]


def symbols_like(nested, name):
    count = iter(range(99))

    def fill(part):
        if isinstance(part, list):
            return [fill(p) for p in part]
        return sp.Symbol(f"{name}{next(count)}", real=True)

    return fill(nested)


def softmax_row(row):
    total = sum(sp.exp(x) for x in row)
    return [sp.exp(x) / total for x in row]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def columns(m):
    return [list(c) for c in zip(*m, strict=True)]


def times(a, b):
    return [[dot(row, col) for col in columns(b)] for row in a]


def each(f):
    return lambda x: [[f(v) for v in row] for row in x]


def sigmoid(x):
    return 1 / (1 + sp.exp(-x))


EPS = sp.Rational(1, 100_000)


def normalised(values, eps=EPS, ddof=0):
    mean = sum(values) / len(values)
    var = sum((v - mean) ** 2 for v in values) / (len(values) - ddof)
    return [(v - mean) / sp.sqrt(var + eps) for v in values]


def batchnorm(x, gamma, beta, ddof=0):
    cols = [normalised(c, ddof=ddof) for c in columns(x)]
    return [
        [g * v + b for v, g, b in zip(row, gamma, beta, strict=True)]
        for row in columns(cols)
    ]


def layernorm(x, gamma, beta):
    rows = [normalised(row) for row in x]
    return [[g * v + b for v, g, b in zip(r, gamma, beta, strict=True)] for r in rows]


def rmsnorm(x, gamma):
    def scaled(row):
        rms = sp.sqrt(sum(v**2 for v in row) / len(row) + EPS)
        return [g * v / rms for v, g in zip(row, gamma, strict=True)]

    return [scaled(row) for row in x]


def attention(q, k, v):
    out = []
    for t, query in enumerate(q):
        past = range(t + 1)  # causal
        weights = softmax_row([dot(query, k[s]) / sp.sqrt(len(query)) for s in past])
        out.append([dot(weights, [v[s][e] for s in past]) for e in range(len(v[0]))])
    return out


def causal_conv(x, W, b):
    """One text, two taps, dilation 1."""

    def at(t, o):
        taps = ((t - 1, 0), (t, 1))
        return b[o] + sum(
            x[0][s][i] * W[k][i][o]
            for s, k in taps
            if s >= 0
            for i in range(len(x[0][0]))
        )

    return [[[at(t, o) for o in range(len(b))] for t in range(len(x[0]))]]


def rope(x):
    """One pair of features: the angle at position t is t."""
    return [
        [a * sp.cos(t) - b * sp.sin(t), a * sp.sin(t) + b * sp.cos(t)]
        for t, (a, b) in enumerate(x)
    ]


def cross_entropy(z):
    """Targets 2, ignored, 0; smoothing 1/4; temperature 2."""
    loss = 0
    for row, target in ((z[0], 2), (z[2], 0)):
        logp = [sp.log(p) for p in softmax_row([v / 2 for v in row])]
        loss -= sp.Rational(3, 4) * logp[target] + sum(logp) / (4 * len(row))
    return loss / 2


U = sp.sqrt(2 / sp.pi)
CUBIC = sp.Rational(44715, 1_000_000)
DEFINITIONS = {
    "linear": (
        lambda x, W, b: [
            [v + c for v, c in zip(r, b, strict=True)] for r in times(x, W)
        ],
        [(3, 2), (2, 2), (2,)],
        {},
    ),
    "matmul": (times, [(2, 3), (3, 2)], {}),
    "unembedding": (lambda x, C: times(x, columns(C)), [(2, 2), (3, 2)], {}),
    "tanh": (each(sp.tanh), [(2, 3)], {}),
    "sigmoid": (each(sigmoid), [(2, 3)], {}),
    "softplus": (each(lambda x: sp.log(1 + sp.exp(x))), [(2, 3)], {}),
    "silu": (each(lambda x: x * sigmoid(x)), [(2, 3)], {}),
    "gelu": (each(lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2), [(2, 3)], {}),
    "gelu_tanh": (
        each(lambda x: x * (1 + sp.tanh(U * (x + CUBIC * x**3))) / 2),
        [(2, 3)],
        {},
    ),
    "gate": (
        lambda a, b: [sp.tanh(x) * sigmoid(y) for x, y in zip(a, b, strict=True)],
        [(3,), (3,)],
        {},
    ),
    "swiglu": (
        lambda a, b: [x * sigmoid(x) * y for x, y in zip(a, b, strict=True)],
        [(3,), (3,)],
        {},
    ),
    "softmax": (lambda x: [softmax_row(r) for r in x], [(2, 3)], {}),
    "log_softmax": (
        lambda x: [[sp.log(p) for p in softmax_row(r)] for r in x],
        [(2, 3)],
        {},
    ),
    "cross_entropy": (
        cross_entropy,
        [(3, 3)],
        {"targets": torch.tensor([2, -1, 0]), "smoothing": 0.25, "temperature": 2.0},
    ),
    "l2": (lambda W: sum(w**2 for w in flat(W)) / 4, [(2, 2)], {"strength": 0.5}),
    "batchnorm": (batchnorm, [(3, 2), (2,), (2,)], {}),
    "batchnorm, Bessel": (
        lambda *a: batchnorm(*a, ddof=1),
        [(3, 2), (2,), (2,)],
        {"correction": 1},
    ),
    "layernorm": (layernorm, [(2, 3), (3,), (3,)], {}),
    "rmsnorm": (rmsnorm, [(2, 3), (3,)], {}),
    "groupnorm": (
        lambda x, g, b: [
            layernorm([r[:2]], g[:2], b[:2])[0] + layernorm([r[2:]], g[2:], b[2:])[0]
            for r in x
        ],
        [(1, 4), (4,), (4,)],
        {"groups": 2},
    ),
    "attention": (attention, [(3, 2), (3, 2), (3, 2)], {}),
    "causal_conv": (causal_conv, [(1, 3, 2), (2, 2, 2), (2,)], {}),
    "rope": (rope, [(3, 2)], {}),
}


def exact_gradients(definition, points):
    """Upstream gradients (rational) and the gradient of every input, 40 digits."""
    names = [symbols_like(p, f"x{i}_") for i, p in enumerate(points)]
    y = definition(*names)
    dy = matrix(len(flat(y)), start=50)
    loss = sum(d * v for d, v in zip(dy, flat(y), strict=True))
    where = dict(zip(flat(names), flat(points), strict=True))
    found = [
        [float(sp.diff(loss, s).evalf(40, subs=where)) for s in flat(n)] for n in names
    ]
    return dy, found


@pytest.mark.parametrize("name", DEFINITIONS)
def test_backward_is_the_exact_derivative(name):
    definition, shapes, options = DEFINITIONS[name]
    points = [matrix(*shape, start=1 + 9 * i) for i, shape in enumerate(shapes)]
    dy, exact = exact_gradients(definition, points)
    inputs = [
        torch.tensor([float(v) for v in flat(p)], dtype=torch.float64).reshape(shape)
        for p, shape in zip(points, shapes, strict=True)
    ]
    pair = ops.pairs()[name.split(",")[0]]
    y, cache = pair.forward(*inputs, **options)
    upstream = torch.tensor([float(v) for v in dy], dtype=torch.float64)
    ours = pair.backward(upstream.reshape(y.shape), cache)
    ours = ours if isinstance(ours, tuple) else (ours,)
    scale = max(abs(v) for row in exact for v in row)
    for d, values in zip(ours, exact, strict=True):
        wanted = torch.tensor(values, dtype=torch.float64).reshape(d.shape)
        assert (d - wanted).abs().max() <= 1e-13 * scale


def test_the_softmax_jacobian_in_symbols():
    """The formula of the book, equal to the derivative as a formula."""
    x, dy = sp.symbols("x:3", real=True), sp.symbols("d:3", real=True)
    p = softmax_row(x)
    loss = dot(dy, p)
    for k in range(3):
        book = p[k] * (dy[k] - dot(p, dy))
        assert sp.simplify(sp.diff(loss, x[k]) - book) == 0


def test_the_row_normalisation_in_symbols():
    """eq-layernorm-dx for three features, any gain, any eps."""
    x, dy, gamma = (sp.symbols(f"{n}:3", real=True) for n in "xdg")
    eps = sp.Symbol("e", positive=True)
    xhat = normalised(x, eps)
    loss = sum(g * h * d for g, h, d in zip(gamma, xhat, dy, strict=True))
    mean = sum(x) / 3
    r = 1 / sp.sqrt(sum((v - mean) ** 2 for v in x) / 3 + eps)
    g = [a * b for a, b in zip(gamma, dy, strict=True)]
    for k in range(3):
        book = r * (g[k] - sum(g) / 3 - xhat[k] * dot(g, xhat) / 3)
        assert sp.simplify(sp.diff(loss, x[k]) - book) == 0


def test_a_wrong_formula_is_no_theorem():
    """The diagonal of softmax alone: the difference does not simplify to zero."""
    x, dy = sp.symbols("x:2", real=True), sp.symbols("d:2", real=True)
    p = softmax_row(x)
    wrong = p[0] * (1 - p[0]) * dy[0]
    assert sp.simplify(sp.diff(dot(dy, p), x[0]) - wrong) != 0

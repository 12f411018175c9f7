"""The 26 gradients of the lectures' network on four rows, with a way left out."""

import re
from pathlib import Path

from charlm.scalar import Value

PAGE = Path(__file__).parent.parent / "backprop-everything.md"
LINE = re.compile(r"^    d\.(\w+) = (.+)$", re.M)

SYMBOLS = ".ab"
X, Y = (0, 1, 2, 1), (1, 2, 0, 0)  # ".ab." and the end of "a"
NUMBERS = {"W1": 1.2, "b1": 0.1, "bngain": 1.5, "bnbias": 0.2}
C, W2, b2 = (-0.5, 1.0), (1.5, -1.0, 0.5), (0.2, 0.0, -0.1)  # of C, all but the last
EPS = 1e-5
WAYS = (  # of the four values that are used twice: value, what it is used by
    ("counts", "probs"),
    ("counts", "counts_sum"),
    ("logits", "norm_logits"),
    ("logits", "logit_maxes"),
    ("bndiff", "bnraw"),
    ("bndiff", "bndiff2"),
    ("hprebn", "bndiff"),
    ("hprebn", "bnmeani"),
)
NONE = "nothing"

Matrix = list[list[Value]]


def lines() -> list[tuple[str, str]]:
    """(name, code) of every gradient, as the page computes them."""
    found: dict[str, str] = {}
    for name, code in LINE.findall(PAGE.read_text(encoding="utf8")):
        found.setdefault(name, code)  # exercises do it again
    return list(found.items())


def data() -> dict:
    """What the script needs."""
    ways = [NONE, *map(" by way of ".join, WAYS)]
    given = {"C": C, "W2": W2, "b2": b2, "eps": EPS} | NUMBERS
    return {"lines": lines(), "ways": ways, "X": X, "Y": Y} | given


def each(f, *matrices: Matrix) -> Matrix:
    """A function of the elements; what has one row or one column serves for all."""
    rows, columns = max(map(len, matrices)), max(len(m[0]) for m in matrices)
    return [
        [f(*(m[i % len(m)][j % len(m[0])] for m in matrices)) for j in range(columns)]
        for i in range(rows)
    ]


def across(m: Matrix) -> Matrix:
    """Sums of the rows, in one column."""
    return [[sum(row, Value(0))] for row in m]


def down(m: Matrix) -> Matrix:
    """Sums of the columns, in one row."""
    return [[sum(column, Value(0)) for column in zip(*m, strict=True)]]


def network(last: float, without: str) -> dict[str, Matrix]:
    """Every value by name, with the gradient that the scalar engine finds.

    Along the way that is left out a value is used as a number without a past.
    """

    def use(value: str, user: str) -> Matrix:
        if f"{value} by way of {user}" != without:
            return v[value]
        return each(lambda x: Value(x.data), v[value])

    n = len(X)
    v = {name: [[Value(x)]] for name, x in NUMBERS.items()}
    v["C"] = [[Value(x)] for x in (*C, last)]
    v["W2"], v["b2"] = [list(map(Value, W2))], [list(map(Value, b2))]
    v["emb"] = [[v["C"][i][0] + 0] for i in X]
    v["embcat"] = each(lambda x: x + 0, v["emb"])
    v["hprebn"] = each(lambda x, w, b: x * w + b, v["embcat"], v["W1"], v["b1"])
    v["bnmeani"] = each(lambda x: x / n, down(use("hprebn", "bnmeani")))
    v["bndiff"] = each(lambda x, m: x - m, use("hprebn", "bndiff"), v["bnmeani"])
    v["bndiff2"] = each(lambda x: x**2, use("bndiff", "bndiff2"))
    v["bnvar"] = each(lambda x: x / (n - 1), down(v["bndiff2"]))
    v["bnvar_inv"] = each(lambda x: (x + EPS) ** -0.5, v["bnvar"])
    v["bnraw"] = each(lambda x, s: x * s, use("bndiff", "bnraw"), v["bnvar_inv"])
    v["hpreact"] = each(lambda x, g, b: g * x + b, v["bnraw"], v["bngain"], v["bnbias"])
    v["h"] = each(Value.tanh, v["hpreact"])
    v["logits"] = each(lambda x, w, b: x * w + b, v["h"], v["W2"], v["b2"])
    largest = use("logits", "logit_maxes")
    v["logit_maxes"] = [[row[0].max(row[1]).max(row[2])] for row in largest]
    v["norm_logits"] = each(
        lambda x, m: x - m, use("logits", "norm_logits"), v["logit_maxes"]
    )
    v["counts"] = each(Value.exp, v["norm_logits"])
    v["counts_sum"] = across(use("counts", "counts_sum"))
    v["counts_sum_inv"] = each(lambda x: x**-1, v["counts_sum"])
    v["probs"] = each(lambda x, s: x * s, use("counts", "probs"), v["counts_sum_inv"])
    v["logprobs"] = each(Value.log, v["probs"])
    (loss,) = down([[row[y]] for row, y in zip(v["logprobs"], Y, strict=True)])
    (loss[0] / -n).backward()
    return v


def numbers(matrices: dict[str, Matrix], kind: str) -> dict[str, list]:
    """``data`` or ``grad`` of all values."""
    return {k: each(lambda x: getattr(x, kind), m) for k, m in matrices.items()}


def probes():
    """Settings, and what charlm computes for them."""
    ways = data()["ways"]
    for line, last, without in ((1, 0.7, NONE), *((20, 2.0, way) for way in ways)):
        v, whole = network(last, without), network(last, NONE)
        yield (
            {"line": line, "last": last, "without": without},
            {
                "value": numbers(v, "data"),
                "grad": numbers(v, "grad"),
                "right": numbers(whole, "grad"),
            },
        )

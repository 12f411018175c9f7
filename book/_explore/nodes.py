"""Five numbers, c = ab, d = c + a, L = cd, and the derivatives of L by each."""

from charlm.scalar import Value

NAMES = "abcdL"


def data() -> dict:
    """What the script needs."""
    return {"names": list(NAMES), "roots": list("ab")}


def probes():
    """Settings, and what charlm computes for them."""
    for one, two in ((3.0, 2.0), (-1.5, 0.5), (0.0, 3.0), (2.5, -3.0)):
        a, b = Value(one), Value(two)
        c = a * b
        d = c + a
        L = c * d
        L.backward()
        values = (a, b, c, d, L)
        for watched in "ab":
            yield (
                {"a": one, "b": two, "watched": watched},
                {"data": [v.data for v in values], "grad": [v.grad for v in values]},
            )

"""What a training step of the MLP costs: scalars, autograd, by hand, tuned.

Run by ``make results``; writes ``cost.json``. All contestants take the same step:
forward, every gradient, and ``p -= rate * grad``, on the same minibatch from the same
parameters. Before anything is timed, all must find the same loss and the same gradient.
Then they take turns in every round, so that what else the machine does hits all alike;
the time is that of the processor, one thread. Ratios travel, times do not. The bundled
names, so nothing is downloaded.
"""

import math
import platform
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from record import made, write
from torch import Generator
from windows import bundled

from charlm.models import MLP
from charlm.scalar import Value, topological
from charlm.train import Fast, Flat, step

SIZES = {"small": (32, 16), "lectures": (32, 200), "large batch": (1024, 200)}
ROUNDS, RARELY = 40, 8  # the scalar engine only in every eighth round: it takes seconds
INNER = {"small": 50, "lectures": 50, "large batch": 10}
RATE, EPS, BASE = 1e-3, 1e-5, "autograd, fused layers"


class Scalars:
    """The network with one ``Value`` per number."""

    def __init__(self, model: MLP) -> None:
        self.p = {n: values(p) for n, p, _ in model.named()}
        self.block = model.block

    def loss(self, X, Y):
        """Mean loss of a minibatch, as a value."""
        p, n = self.p, len(X)
        rows = [[v for s in context for v in p["C"][s]] for context in X.tolist()]
        pre = [product(row, p["W1"], p["b1"]) for row in rows]
        columns = []
        for j, column in enumerate(zip(*pre, strict=True)):
            mean = sum(column) / n
            centred = [x - mean for x in column]
            var = sum(c * c for c in centred) / n
            scale = p["gamma"][j] * (var + EPS) ** -0.5
            columns.append([(c * scale + p["beta"][j]).tanh() for c in centred])
        total = 0.0
        for h, target in zip(zip(*columns, strict=True), Y.tolist(), strict=True):
            logits = product(h, p["W2"], p["b2"])
            top = max(z.data for z in logits)
            counts = [(z - top).exp() for z in logits]
            total = total - (counts[target] / sum(counts)).log()
        return total / n

    def step(self, X, Y):
        """One step of gradient descent; returns the loss before it."""
        for v in flatten(self.p):
            v.grad = 0.0
        loss = self.loss(X, Y)
        loss.backward()
        for v in flatten(self.p):
            v.data -= RATE * v.grad
        return loss.data


def values(p):
    """A tensor as nested lists of values."""
    if p.dim() == 1:
        return [Value(x) for x in p.tolist()]
    return [[Value(x) for x in row] for row in p.tolist()]


def product(row, W, b):
    """One row of the linear map."""
    out = list(b)
    for x, weights in zip(row, W, strict=True):
        out = [o + x * w for o, w in zip(out, weights, strict=True)]
    return out


def flatten(p):
    """All values of all parameters, in the order of the model."""
    for found in p.values():
        for row in found:
            yield from row if isinstance(row, list) else [row]


def one_by_one(model, X, Y):
    """The 26 gradients of the chapter, one line each."""
    C, W1, b1, gain, bias, W2, b2 = (p for _, p, _ in model.named())
    n, rows = len(X), torch.arange(len(X))
    emb = C[X]
    embcat = emb.view(n, -1)
    hprebn = embcat @ W1 + b1
    mean = hprebn.sum(0, keepdim=True) / n
    diff = hprebn - mean
    diff2 = diff**2
    var = diff2.sum(0, keepdim=True) / n
    var_inv = (var + EPS) ** -0.5
    raw = diff * var_inv
    h = torch.tanh(gain * raw + bias)
    logits = h @ W2 + b2
    maxes = logits.max(1, keepdim=True)
    norm = logits - maxes.values
    counts = norm.exp()
    counts_sum = counts.sum(1, keepdim=True)
    inv = counts_sum**-1
    probs = counts * inv
    logprobs = probs.log()
    loss = -logprobs[rows, Y].mean()
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[rows, Y] = -1.0 / n
    dprobs = dlogprobs / probs
    dinv = (counts * dprobs).sum(1, keepdim=True)
    dsum = -(counts_sum**-2) * dinv
    dcounts = inv * dprobs + dsum
    dlogits = counts * dcounts
    dmaxes = -dlogits.sum(1, keepdim=True)
    dlogits = dlogits.scatter_add(1, maxes.indices, dmaxes)
    dh, dW2, db2 = dlogits @ W2.T, h.T @ dlogits, dlogits.sum(0)
    dpre = (1 - h**2) * dh
    dgain, dbias = (raw * dpre).sum(0), dpre.sum(0)
    draw = gain * dpre
    dvar_inv = (diff * draw).sum(0, keepdim=True)
    dvar = -0.5 * (var + EPS) ** -1.5 * dvar_inv
    ddiff2 = dvar.expand_as(diff2) / n
    ddiff = var_inv * draw + 2 * diff * ddiff2
    dhpre = ddiff - ddiff.sum(0, keepdim=True) / n
    dembcat, dW1, db1 = dhpre @ W1.T, embcat.T @ dhpre, dhpre.sum(0)
    dC = torch.zeros_like(C).index_add_(0, X.view(-1), dembcat.view(-1, C.shape[1]))
    grads = dC, dW1, db1, dgain, dbias, dW2, db2
    for (_, p, keep), grad in zip(model.named(), grads, strict=True):
        keep.copy_(grad)
        p -= RATE * grad
    return loss.item()


def small_lines(p, X, Y):
    """The small steps of the chapter, up to the loss, for autograd."""
    C, W1, b1, gain, bias, W2, b2 = p
    pre = C[X].view(len(X), -1) @ W1 + b1
    diff = pre - pre.sum(0, keepdim=True) / len(X)
    var = (diff**2).sum(0, keepdim=True) / len(X)
    logits = (gain * (diff * (var + EPS) ** -0.5) + bias).tanh() @ W2 + b2
    norm = logits - logits.max(1, keepdim=True).values
    counts = norm.exp()
    probs = counts * counts.sum(1, keepdim=True) ** -1
    return -probs.log()[torch.arange(len(X)), Y].mean()


def fused(p, X, Y):
    """The same by PyTorch's fused layers."""
    C, W1, b1, gain, bias, W2, b2 = p
    pre = C[X].view(len(X), -1) @ W1 + b1
    norm = F.batch_norm(pre, None, None, gain, bias, training=True, eps=EPS)
    return F.cross_entropy(norm.tanh() @ W2 + b2, Y)


def minibatch(rows):
    """Rows of the bundled training names."""
    _, _, ((X, Y), *_) = bundled()
    some = torch.randperm(len(X), generator=Generator().manual_seed(0))[:rows]
    return X[some], Y[some]


def by_autograd(model, forward):
    """PyTorch's tape: of a forward that gives the loss of a minibatch."""
    p = [t.clone().requires_grad_() for _, t, _ in model.named()]

    def run(X, Y):
        loss = forward(p, X, Y)
        for t in p:
            t.grad = None
        loss.backward()
        with torch.no_grad():
            for t in p:
                t -= RATE * t.grad
        return loss.item()

    return run, lambda: torch.cat([t.grad.flatten() for t in p])


def tuned(model):
    """Buffers made once, results written in place, one flat vector."""
    flat = Flat(model)
    fast = Fast(model, flat)

    def run(X, Y):
        loss = fast.gradient(X, Y)
        flat.p.add_(flat.g, alpha=-RATE)
        return loss

    return run, lambda: flat.g


def contestants(hidden):
    """Name -> step, and what gives its gradient as one vector."""
    new = lambda: MLP(27, Generator().manual_seed(0), n_hidden=hidden)  # noqa: E731
    gradient = lambda m: lambda: torch.cat([g.flatten() for _, _, g in m.named()])  # noqa: E731
    scalars, long, pairs = Scalars(new()), new(), new()
    return {
        "scalar engine": (
            scalars.step,
            lambda: torch.tensor([v.grad for v in flatten(scalars.p)]),
        ),
        "autograd, small steps": by_autograd(new(), small_lines),
        BASE: by_autograd(new(), fused),
        "by hand, one by one": (
            lambda X, Y: one_by_one(long, X, Y),
            gradient(long),
        ),
        "by hand, in blocks": (lambda X, Y: step(pairs, X, Y, RATE), gradient(pairs)),
        "by hand, tuned": tuned(new()),
    }


def race(key, X, Y):
    """Median seconds of everyone, after all have agreed on loss and gradient."""
    batch, hidden = SIZES[key]
    field = contestants(hidden)
    if batch > 32:
        del field["scalar engine"]
    X, Y = X[:batch], Y[:batch]
    agreed = {}
    for name, (run, gradient) in field.items():
        loss = run(X, Y)
        agreed[name] = loss, gradient().clone()
    loss, grad = agreed[BASE]
    for name, (other, found) in agreed.items():
        off = ((found - grad).abs().max() / grad.abs().max()).item()
        if off > 1e-5 or not math.isclose(other, loss, rel_tol=1e-5):
            raise ValueError(f"{name}: another loss or gradient, off by {off:.1e}")
    times = {name: [] for name in field}
    for i in range(ROUNDS):
        for name, (run, _) in field.items():
            if name != "scalar engine" or i % RARELY == 0:
                times[name].append(timed(name, run, X, Y, INNER[key]))
    seconds = {name: statistics.median(found) for name, found in times.items()}
    short = lambda x: float(f"{x:.3g}")  # noqa: E731
    return {
        "batch": batch,
        "hidden": hidden,
        "rounds": {k: len(found) for k, found in times.items()},
        "seconds": {k: short(s) for k, s in seconds.items()},
        "spread": {k: [short(min(f)), short(max(f))] for k, f in times.items()},
        "steps_per_step_of_autograd": {
            k: short(ratio(times[BASE], found)) for k, found in times.items()
        },
    }


def ratio(base, found):
    """Median of the ratios within rounds; of medians, if one was not in all rounds."""
    if len(found) < len(base):
        return statistics.median(base) / statistics.median(found)
    return statistics.median(b / f for b, f in zip(base, found, strict=True))


def timed(name, run, X, Y, inner):
    """Seconds of processor time of one step, the mean of ``inner`` in a row."""
    repeat = 1 if name == "scalar engine" else inner
    grad = name.startswith("autograd")
    with torch.inference_mode(not grad):
        if repeat > 1:  # the caches of the processor belong to the one before
            run(X, Y)
        begin = time.process_time()
        for _ in range(repeat):
            run(X, Y)
        return (time.process_time() - begin) / repeat


def main():
    """Race at every size; write the file."""
    X, Y = minibatch(1024)
    scalars = Scalars(MLP(27, Generator().manual_seed(0), n_hidden=200))
    sizes = {key: race(key, X, Y) for key in SIZES}
    record = {
        "label": "a training step of the MLP with batch normalisation",
        "settings": {"block": 3, "n_embd": 10, "rate": RATE, "dtype": "float32"},
        "sizes": sizes,
        "values_of_the_scalar_engine": len(topological(scalars.loss(X[:32], Y[:32]))),
        "what": "medians over rounds: processor time of a step, ratio within a round",
        **made(),
        "machine": f"{platform.machine()}, "
        f"{torch.backends.cpu.get_cpu_capability()}, one thread",
        "command": "make results",
    }
    write("cost", record)
    print(f"cost.json: {sizes['lectures']['seconds']}", file=sys.stderr)


if __name__ == "__main__":
    main()

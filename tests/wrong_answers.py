"""Slips of tasks written once more, as a reader may: task -> what is said -> answer.

Those slips that no change of ``wrong_exercises`` or ``empty_functions.json`` makes, and
right answers to the tasks that no exercise checks first.
"""

import math

import torch
from torch import Tensor


def adamw(*, corrected=True, old=False):
    def step(p, g, m, s, t, lr, decay, eps):
        new = m.lerp(g, 0.1), s.lerp(g * g, 0.01)
        m, s = (m, s) if old else new
        m = m / (1 - 0.9**t) if corrected else m
        step = m / ((s / (1 - 0.99**t)) ** 0.5 + eps)
        return (1 - lr * decay) * p - lr * step, *new

    return step


def freed_evenly(c, below, d):
    total, kinds = c.sum(1, keepdim=True), (c > 0).sum(1, keepdim=True)
    each = d * kinds / total / (c.shape[1] - kinds)
    return torch.where(c > 0, (c - d) / total, each)


def from_below(f, x, h):
    found = []
    for i in range(len(x)):
        below = x.clone()
        below[i] -= h
        found.append((f(x) - f(below)) / h)
    return torch.stack(found)


def never_moved_back(f, x, h):
    found = []
    for i in range(len(x)):
        x[i] += h
        above = f(x)
        x[i] -= 2 * h
        found.append((above - f(x)) / (2 * h))
    return torch.stack(found)


def away_from_the_last(times, goal, count):
    s, d = torch.zeros_like(goal), goal
    for _ in range(count):
        r = goal - times(s)
        s = s + (r @ r) / (d @ times(d)) * d
        new = goal - times(s)
        d = new - (new @ new) / (r @ r) * d
    return s


def of_the_likeliest(J, z):
    j = int(z.argmax())
    slope = z.softmax(0) @ J - J[j]
    return slope.outer(slope)


def row_by_row(U, W, ix):
    found = []
    for u, w in zip(U, W, strict=True):
        p = w.softmax(0)
        found.append((p.diag() - p.outer(p)) @ u)
    return torch.stack(found)


def greedily(steps):
    text, total = (), 0.0
    while len(text) < 50 and text[-1:] != (0,):
        logp = torch.tensor(steps(text), dtype=torch.float64)
        text, total = (*text, int(logp.argmax())), total + logp.max().item()
    return torch.tensor(text), total


def of_the_probabilities(x_dot, x):
    p = x.softmax(1)
    return p * (x_dot - (p * x_dot).sum(1, keepdim=True))


def of_p(z, c, alpha):
    p = (z - alpha * c).softmax(0)
    return p * (p @ c) - p * c


def without_the_mean(W, x):
    found = []
    for one in W:
        found.append(one / (x @ one).std(correction=0))
        x = (x @ found[-1]).tanh()
    return tuple(found)


def the_larger(Y, a, Z, b):
    first = (a > b).double()
    return first * Y + (1 - first) * Z, a.max(b)


def chance(w):
    return 1 / (1 + (-w).exp())


def slope(w):
    return (-w).exp() / (1 + (-w).exp()) ** 2


def in_bits(z, wanted):
    low, high = -20.0, 20.0
    for _ in range(100):
        middle = (low + high) / 2
        p = (z / math.exp(middle)).softmax(0)
        if torch.special.entr(p).sum() / math.log(2) > wanted:
            high = middle
        else:
            low = middle
    return math.exp(high)


def neighbours(x):
    T, D = x.shape
    angle = torch.arange(T)[:, None] / 10_000 ** (torch.arange(0, D, 2).double() / D)
    pairs = torch.view_as_complex(x.reshape(T, D // 2, 2))
    turned = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(turned).flatten(1)


def through_a_window(turn_q, turn_k):
    def seen(q, k, v, w):
        q, k, rows = turn_q(q), turn_k(k), []
        for t in range(len(q)):
            past = slice(max(0, t - w + 1), t + 1)
            score = k[past] @ q[t] / math.sqrt(q.shape[1])
            rows.append(score.softmax(0) @ v[past])
        return torch.stack(rows)

    return seen


def one_key_less(q, k, v, w):
    return through_a_window(neighbours, neighbours)(q, k, v, w - 1)


def as_it_is(x):
    return x


def stretches_turned(x, dy, weights, c):
    h, W = x.requires_grad_(), weights.requires_grad_()
    for one in W:
        h = (h @ one).tanh()
    dx, dW = torch.autograd.grad(h, (x, W), dy)
    first = reversed(range(0, len(W), c))
    return dx, torch.cat([dW[i : i + c] for i in first])


def truncated(*, early=0, forget=False, last=False):
    """By autograd: the gradient ends where a state is detached."""

    def grads(x, W, U, b, de, k):
        weights = [w.requires_grad_() for w in (W, U, b)]
        T = x.shape[1]
        h, loss = torch.zeros(len(x), len(U)).double(), torch.zeros(()).double()
        for t in range(T):
            if (t - early) % k == 0:
                h = torch.zeros_like(h) if forget else h.detach()
            h = (x[:, t] @ W + h @ U + b).tanh()
            if not last or t // k == (T - 1) // k:
                loss = loss + (h * de[:, t]).sum()
        return torch.autograd.grad(loss, weights)

    return grads


def entrywise(g, factor, longest):
    return (g / factor).maximum(-longest).minimum(longest)


def by_the_square(g, factor, longest):
    v = g / factor
    return v * min(1.0, (longest / (v @ v)).item())


RIGHT = {
    "by_one_race": lambda z, xi, n: (xi.log() - z).argsort(-1)[:, :n],
    "logsumexp_jvp": lambda x_dot, x: torch.einsum("nv,nv->n", x.softmax(1), x_dot),
}

WRONG = {
    "adamw_step": {
        "the mean m is not corrected": adamw(corrected=False),
        "taken by the old means": adamw(old=True),
    },
    "backed_off": {"is spread evenly": freed_evenly},
    "by_inverting": {
        "the sum leaves out the symbol itself": lambda p, u: (
            torch.searchsorted(p.cumsum(0), u, right=True) - 1
        ).clamp_min(0),
    },
    "by_one_race": {
        "the last to arrive come first": lambda z, xi, n: (z - xi.log()).argsort(-1)[
            :, :n
        ],
        "the likeliest are taken": lambda z, xi, n: z.argsort(-1, descending=True)[
            :, :n
        ],
        "the probabilities are left out": lambda z, xi, n: xi.argsort(-1)[:, :n],
        "p times xi is compared": lambda z, xi, n: (-z - xi.log()).argsort(-1)[:, :n],
    },
    "central_slopes": {
        "the difference from x - h to x": from_below,
        "a coordinate keeps its step": never_moved_back,
    },
    "clipped": {"it is never cut": lambda d, c: d * c / c},
    "conjugate_gradients": {"has to be added": away_from_the_last},
    "expected_distinct": {
        "names that come up every time": lambda P, n: len(P) - (1 - P**n).sum(),
    },
    "fisher": {
        "the likeliest target alone": of_the_likeliest,
        "diag(p) alone stands": lambda J, z: J.T @ z.softmax(0).diag() @ J,
    },
    "gumbel_race": {
        "the noise is divided": lambda z, u, h: (h * z - (-u.log()).log()).argmax(1),
        "nothing is added to the logits": lambda z, u, h: z.max(1).indices,
    },
    "hessian_product": {"all symbols count alike": row_by_row},
    "leaky_gain": {
        "half adds to the mean square": lambda a: (2 / (1 - a) / (1 + a)) ** 0.5,
    },
    "likeliest": {"the likeliest symbol each time": greedily},
    "logsumexp_jvp": {
        "without the probabilities": lambda x_dot, x: x_dot.mean(-1) * x.shape[-1],
        "the tangent of the probabilities": of_the_probabilities,
        "the sum over the scores is missing": lambda x_dot, x: (
            (x - x.logsumexp(-1, keepdim=True)).exp() * x_dot
        ),
    },
    "mean_of_parts": {
        "its number of rows once more": lambda first, last, n, m: (
            (m * first + n * last) / (n * m)
        ),
    },
    "measured_start": {
        "the mean is subtracted first": without_the_mean,
        "it is not scaled": lambda W, x: tuple(W),
    },
    "merged": {
        "the halves are added": lambda Y, a, Z, b: (Z - -Y, b - -a),
        "the larger of the two": the_larger,
    },
    "min_p": {
        "and the threshold multiplied too": lambda z, r, h: (
            z - z.amax(1, keepdim=True) >= h**2 * r.log()
        ),
        "compared with the probability itself": lambda z, r, h: (
            (z / h).log_softmax(1) >= r.log()
        ),
        "this is what goes": lambda z, r, h: z - z.amax(1, keepdim=True) < h * r.log(),
        "a share of the largest logit": lambda z, r, h: (
            z - r * z.amax(1, keepdim=True) >= 0
        ),
    },
    "newton_step": {
        "is not divided": lambda w, share, _: w - chance(w) + share,
        "is multiplied by the second": lambda w, share, damping: (
            w - (chance(w) - share) * (slope(w) + damping)
        ),
        "the step alone": lambda w, share, damping: (
            (share - chance(w)) / (slope(w) + damping)
        ),
    },
    "repetition_slope": {
        "that of all symbols alike": lambda z, c, alpha: c.sum() / len(c) - c,
        "the slope of p_j, not of log p_j": of_p,
    },
    "rope_halves": {"neighbours are paired": neighbours},
    "running_mean": {
        "the mean of all rows": lambda v: torch.ones_like(v) * v.sum(0) / len(v),
    },
    "sigmoid_as_tanh": {
        "half of the sum of W2": lambda W1, b1, W2, b2: (
            *(0.5 * w for w in (W1, b1, W2)),
            b2 + torch.ones(len(W2)).double() @ W2,
        ),
        "sum over the units": lambda W1, b1, W2, b2: (
            *(0.5 * w for w in (W1, b1, W2)),
            (2 * b2 + 1) / 2,
        ),
    },
    "smoothed": {
        "rows do not sum to one": lambda c, alpha: (
            (c + alpha) / c.sum(1, keepdim=True).maximum(Tensor([1]))
        ),
        "of the logarithms": lambda c, alpha: (
            (c + alpha).log() - (c + alpha).sum(1, keepdim=True).log()
        ),
    },
    "temperature_for": {"taken in bits": in_bits},
    "third_remainder": {
        "it is divided by h": lambda L, theta, claim, u, h: (
            (L(theta + h * u) - L(theta - h * u)) / (2 * h) - claim @ u
        ).abs(),
    },
    "thrifty": {"the stretches come in the order": stretches_turned},
    "trace_by_coins": {
        "and no root is taken": lambda H, coins: (
            torch.einsum("ni,ij,nj->n", coins, H, coins).mean(),
            torch.einsum("ni,ij,nj->n", coins, H, coins).var() / len(coins),
        ),
    },
    "truncated_gradients": {
        "one step too early": truncated(early=1),
        "the state is cut": truncated(forget=True),
        "only the last piece": truncated(last=True),
    },
    "uncorrected_factor": {
        "the mean square s is not corrected": lambda t, one, two: (
            -math.expm1(t * math.log(one))
        ),
    },
    "uniform_bound": {"on the wrong side": lambda n, gain: gain * (3 * n) ** -0.5},
    "unscaled": {
        "each element is clipped": entrywise,
        "it is not clipped": lambda g, factor, longest: g * factor.reciprocal(),
        "the square of its length": by_the_square,
    },
    "windowed": {
        "one key too few": one_key_less,
        "the keys are not": through_a_window(neighbours, as_it_is),
        "the queries are not": through_a_window(as_it_is, neighbours),
    },
    "streamed": {
        "the older row is not heard": lambda filters, x: [
            x := (x @ W[1] + b).tanh() for _, W, b in filters
        ][-1],
    },
}

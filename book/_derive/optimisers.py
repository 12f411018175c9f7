"""Rules that turn gradients into steps."""

import torch
from derivation import Derivation, Step

from charlm.train import Flat
from charlm.train.optim import SGD, AdamW


class Parameter:
    """A model of one vector."""

    def __init__(self, p):
        self.p, self.d = p.clone(), torch.zeros_like(p)

    def named(self):
        return [("p", self.p, self.d)]


def walk(optimiser, start, gradients, lr, **options):
    """The parameter and the optimiser after a step for each gradient."""
    flat = Flat(Parameter(start))
    made = optimiser(flat, **options)
    for g in gradients:
        flat.g.copy_(g)
        made.step(lr)
    return flat.p.clone(), made


def adam(w, backward=None):
    betas = w.beta1.item(), w.beta2.item()
    p, made = walk(
        AdamW, w.p0, (w.g1, w.g2), w.lr.item(), betas=betas, eps=w.eps.item()
    )
    return {"m2": made.m, "s2": made.s, "p2": p}


def momentum(w, backward=None):
    options = {"momentum": w.mu.item()}
    p, made = walk(SGD, w.p0, (w.v0, w.g), w.lr.item(), **options)
    ahead, _ = walk(SGD, w.p0, (w.v0, w.g), w.lr.item(), **options, nesterov=True)
    first, _ = walk(SGD, w.p0, (w.v0,), w.lr.item(), **options, nesterov=True)
    start, _ = walk(SGD, w.p0, (w.v0,), w.lr.item(), **options)
    return {"v": made.v, "p": p - start + w.p0, "p_ahead": ahead - first + w.p0}


optimisers_adam = Derivation(
    title="the second step of Adam",
    lengths={"P": (3, 4)},
    constants={"beta1": 0.9, "beta2": 0.99, "lr": 0.05, "eps": 0.01},
    inputs={"p0": "P", "g1": "P", "g2": "P"},
    forward={
        "m1": "(1 - beta1) * g1",
        "s1": "(1 - beta2) * g1**2",
        "p1": "p0 - lr * g1 / (sqrt(g1**2) + eps)",
    },
    package=adam,
    steps=(
        Step(
            "m2",
            "beta1 * m1 + (1 - beta1) * g2",
            hint="A running mean: most of the old one, a little of the new gradient.",
            parts={
                "beta1 * m1": "the old mean",
                "(1 - beta1) * g2": "the new gradient",
            },
            slips={
                "beta1 * m1 + g2": "Momentum adds the gradient whole; a running mean "
                "takes 1 - β₁ of it.",
                "(1 - beta1) * m1 + beta1 * g2": "β₁ and 1 - β₁ are exchanged: the old "
                "mean keeps most.",
            },
        ),
        Step(
            "s2",
            "beta2 * s1 + (1 - beta2) * g2**2",
            hint="The same, for squares.",
            slips={
                "beta2 * s1 + (1 - beta2) * g2": "The second mean is of squares.",
                "beta1 * s1 + (1 - beta1) * g2**2": "The mean of squares has a rate of "
                "its own, β₂.",
                "beta2 * s1 + ((1 - beta2) * g2)**2": "Only the gradient is squared.",
            },
        ),
        Step(
            "p2",
            "p1 - lr * m2 / (1 - beta1**2) / (sqrt(s2 / (1 - beta2**2)) + eps)",
            hint="Both means began at zero: divide each by 1 - β², for the second "
            "step.",
            slips={
                "p1 - lr * m2 / (sqrt(s2) + eps)": "Both means began at zero and are "
                "too "
                "small: divide each by what it lacks of one, 1 - β².",
                "p1 - lr * m2 / (1 - beta1) / (sqrt(s2 / (1 - beta2)) + eps)": "In the "
                "second step the correction is 1 - β², not 1 - β.",
                "p1 - lr * m2 / (1 - beta1**2) / (s2 / (1 - beta2**2) + eps)": "The "
                "step divides by the root of the mean square.",
                "p1 - lr * m2 / (1-beta1**2) / sqrt(s2 / (1-beta2**2) + eps)": "eps "
                "is added to the root, outside of it.",
                "p1 - lr * g2 / (sqrt(s2 / (1 - beta2**2)) + eps)": "The step follows "
                "the running mean, not the newest gradient (that would be RMSProp).",
            },
        ),
    ),
)

optimisers_momentum = Derivation(
    title="momentum, and looking ahead",
    lengths={"P": (3, 4)},
    constants={"mu": 0.9, "lr": 0.1},
    inputs={"p0": "P", "v0": "P", "g": "P"},
    forward={},
    package=momentum,
    seed=2,
    steps=(
        Step(
            "v",
            "mu * v0 + g",
            hint="The old velocity fades by μ; the gradient is added whole.",
            slips={
                "mu * v0 + (1 - mu) * g": "That is a running mean, as in Adam; here "
                "the "
                "gradient is added whole.",
                "v0 + g": "The old velocity fades by μ.",
                "mu * v0 - g": "The minus comes in the step, p - lr v.",
            },
        ),
        Step(
            "p",
            "p0 - lr * v",
            hint="Against the velocity.",
            slips={
                "p0 + lr * v": "Downhill: minus.",
                "p0 - lr * g": "The step follows the velocity, not the gradient alone.",
            },
        ),
        Step(
            "p_ahead",
            "p0 - lr * (g + mu * v)",
            hint="Nesterov: the gradient, and the velocity after it has faded once "
            "more.",
            slips={
                "p0 - lr * (g + mu * v0)": "That is plain momentum; looking ahead "
                "takes "
                "the new velocity once more.",
                "p0 - lr * (g + v)": "The velocity fades by μ once more.",
            },
        ),
    ),
)


def first_step(w):
    """The size of Adam's first step for a gradient of 7, in units of the rate."""
    zero, g = torch.zeros(1).double(), torch.tensor([7.0]).double()
    p, _ = walk(AdamW, zero, (g,), 1.0, eps=0.0)
    return -p[0]


def steady(w):
    """The velocity after many equal gradients of one."""
    one = torch.ones(1).double()
    _, made = walk(SGD, one, [one] * 600, 0.1, momentum=w.mu.item())
    return made.v[0]


optimisers_recall = Derivation(
    title="sizes of steps",
    constants={"mu": 0.9, "h": 0.25},
    steps=(
        Step(
            ask="Adam without eps: a gradient of 7 arrives first. How many times the "
            "learning rate is the step?",
            right="1",
            hint="Mean over root mean square, both corrected.",
            slips={
                "7": "The root mean square divides it away.",
                "1/7": "Mean over root mean square: 7 over 7.",
            },
            proof=first_step,
        ),
        Step(
            ask="The same gradient, 1, arrives for ever. Where does the velocity of "
            "momentum `mu` end?",
            right="1 / (1 - mu)",
            hint="v = mu v + 1.",
            slips={"1 - mu": "One over it.", "mu / (1 - mu)": "Count the newest too."},
            proof=steady,
        ),
        Step(
            ask="Gradient descent on `h p**2 / 2`: below which learning rate does it "
            "converge?",
            right="2 / h",
            hint="|1 - rate h| < 1.",
            slips={
                "1 / h": "There it arrives in one step; up to twice that it converges."
            },
            proof=lambda w: limit(w.h.item()),
        ),
    ),
)


def limit(h):
    """The rate at which a step of descent only changes the sign, by bisection."""
    low, high = 0.0, 100.0
    for _ in range(80):
        rate = (low + high) / 2
        p, _ = walk(SGD, ONE, (h * ONE,), rate)
        low, high = (rate, high) if p.abs() < 1 else (low, rate)
    return low


ONE = torch.ones(1).double()

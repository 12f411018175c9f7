"""Optimisers: how a gradient becomes a step. All work on :class:`charlm.train.Flat`.

``step(lr)`` reads ``flat.g`` and changes ``flat.p``. ``state()`` is all that has to be
kept to go on later as if nothing had happened.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .flat import Flat, wide

Number = float | Tensor
"""A number; in a compiled step a tensor (), as it changes from step to step."""


class Optimiser:
    """What all optimisers have: vectors of the size of the parameters, and a count.

    The vectors are changed in place, and in float32 or better: the square of a usual
    gradient is zero in half precision.
    """

    def __init__(self, flat: Flat, *vectors: str, decay: float = 0.0) -> None:
        self.flat, self.vectors = flat, vectors
        self.t: int | Tensor = 0
        for name in vectors:
            setattr(self, name, torch.zeros_like(flat.p, dtype=wide(flat.p)))
        # only matrices are pulled to zero: a gain wants to be near 1, a bias is free
        self.decay = decay
        self.decayed = flat.mask([len(shape) > 1 for shape in flat.shapes])

    def step(self, lr: Number) -> None:
        """Change the parameters by one step of learning rate ``lr``."""
        self.t = self.t + 1
        if self.decay:
            add(self.flat.p, self.flat.p * self.decayed, -lr * self.decay)
        self.update(lr)

    def update(self, lr: Number) -> None:
        """The step itself."""
        raise NotImplementedError

    def by_count(self) -> Sequence[Number]:
        """Numbers of the count alone: in a compiled step powers would cost much."""
        return ()

    def state(self) -> dict[str, Tensor]:
        """Name -> vector, with the number of steps."""
        found = {name: getattr(self, name) for name in self.vectors}
        return found | {"t": torch.tensor(self.t)}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state."""
        for name in self.vectors:
            getattr(self, name).copy_(state[name])
        self.t = int(state["t"])


class SGD(Optimiser):
    """p -= lr * v with v = momentum * v + g, the plain gradient for momentum 0.

    With ``nesterov`` the gradient is looked at a step ahead: p -= lr (g + momentum v).

    Source: Polyak (1964); Sutskever et al. (2013).
    """

    v: Tensor

    def __init__(
        self,
        flat: Flat,
        momentum: float = 0.0,
        nesterov: bool = False,
        decay: float = 0.0,
    ) -> None:
        super().__init__(flat, *(["v"] if momentum else []), decay=decay)
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, lr: Number) -> None:
        """The step itself."""
        p, g = self.flat.p, self.flat.g
        if not self.momentum:
            add(p, g, -lr)
            return
        self.v.mul_(self.momentum).add_(g)
        if self.nesterov:
            add(p, g, -lr)
            add(p, self.v, -lr * self.momentum)
        else:
            add(p, self.v, -lr)


class AdamW(Optimiser):
    """Steps of the mean gradient over the root of the mean square.

    The running means m and s begin at zero; dividing by 1 - beta**t takes that bias
    away. Weight decay acts on the parameter, not through the gradient; with ``decay``
    0 this is Adam.

    Source: Kingma and Ba (2015); Loshchilov and Hutter (2019).
    """

    m: Tensor
    s: Tensor

    def __init__(
        self,
        flat: Flat,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        decay: float = 0.0,
    ) -> None:
        super().__init__(flat, "m", "s", decay=decay)
        self.betas, self.eps = betas, eps
        self.chosen: Tensor | None = None
        self.work = torch.empty_like(self.m)

    def by_count(self) -> Sequence[Number]:
        """What s and m, begun at zero, lack of a mean: the root of it, and it."""
        one, two = self.betas
        return (1 - two**self.t) ** 0.5, 1 - one**self.t

    def update(self, lr: Number) -> None:
        """The step itself."""
        g, (one, two) = self.flat.g.to(self.m.dtype), self.betas
        self.m.lerp_(g, 1 - one)
        self.s.mul_(two).addcmul_(g, g, value=1 - two)
        # both means are divided by what they lack of one; here that is in two numbers
        root, lacking = self.by_count()
        value = -lr * root / lacking
        scale = torch.sqrt(self.s, out=self.work).add_(self.eps * root)
        if self.chosen is None and not isinstance(value, Tensor):
            self.flat.p.addcdiv_(self.m, scale, value=value)  # in one pass
            return
        ahead = torch.div(self.m, scale, out=self.work)
        if self.chosen is not None:
            ahead.mul_(self.chosen)
        add(self.flat.p, ahead, value)


class Muon(AdamW):
    """Steps whose matrices have all singular values near one; Adam for the rest.

    The momentum of every matrix between layers is replaced by the nearest matrix with
    equal singular values, so that rare directions get as large a step as frequent
    ones. Tables, scores, gains and biases are left to Adam, whose learning rate is
    ``share`` times that of the matrices.

    Source: Jordan et al. (2024). PyTorch's own Muon takes the same steps once its
    cast to bfloat16 is left out, and steps some per cent apart with it.
    """

    v: Tensor

    def __init__(
        self,
        flat: Flat,
        momentum: float = 0.95,
        share: float = 0.25,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        decay: float = 0.0,
    ) -> None:
        super().__init__(flat, betas, eps, decay)
        self.vectors = ("m", "s", "v")
        self.v = torch.zeros_like(self.m)
        self.momentum, self.share = momentum, share
        pairs = list(zip(flat.names, flat.shapes, strict=True))
        self.between = [
            len(shape) > 1 and name.split(".")[-1] != "C" and "head" not in name
            for name, shape in pairs
        ]
        self.chosen = 1 - flat.mask(self.between)

    def update(self, lr: Number) -> None:
        """The step itself."""
        super().update(lr * self.share)
        g = self.flat.g.to(self.v.dtype)
        self.v.lerp_(g, 1 - self.momentum)
        ahead = torch.lerp(g, self.v, self.momentum)
        windows = zip(
            self.between,
            self.flat.windows(self.flat.p),
            self.flat.windows(ahead),
            strict=True,
        )
        for between, p, v in windows:
            if between:
                v = v.flatten(0, -2)  # a filter of K taps is a matrix (K*I, O)
                size = math.sqrt(max(1.0, v.shape[1] / v.shape[0]))
                add(p, orthogonal(v).view(p.shape), -lr * size)


def add(p: Tensor, x: Tensor, factor: Number) -> None:
    """p += factor * x, in place."""
    if isinstance(factor, Tensor):
        p.add_(factor * x)
    else:
        p.add_(x, alpha=factor)


def orthogonal(M: Tensor, steps: int = 5) -> Tensor:
    """M (I, O) with its singular values moved close to one (0.7 to 1.2).

    By a polynomial in M that needs products only. Source: Jordan et al. (2024).
    """
    X = M.T if M.shape[0] > M.shape[1] else M
    X = X / X.norm().clamp_min(1e-7)
    for _ in range(steps):
        A = X @ X.T
        # X becomes 3.4445 X - 4.7750 A X + 2.0315 A A X
        B = torch.addmm(A, A, A, beta=-4.7750, alpha=2.0315)
        X = torch.addmm(X, B, X, beta=3.4445)
    result: Tensor = X.T if M.shape[0] > M.shape[1] else X
    return result


def clip(g: Tensor, longest: float) -> float:
    """Shorten a gradient (P) in place if it is longer; returns its length before.

    Raises:
        ValueError: a length that is not above 0.

    Source: Pascanu, Mikolov and Bengio (2013).
    """
    if not longest > 0:
        raise ValueError(f"clip: longest is {longest}; give more than 0")
    return float(shorten(g, longest))


def shorten(g: Tensor, longest: float) -> Tensor:
    """The same, unchecked, and the length () stays where it was computed."""
    length: Tensor = torch.linalg.vector_norm(g, dtype=wide(g))
    g.mul_((longest / length).clamp(max=1.0))
    return length


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {
    "sgd": SGD,
    "momentum": lambda flat, decay=0.0: SGD(flat, 0.9, decay=decay),
    "adam": AdamW,
    "adamw": AdamW,
    "muon": Muon,
}
"""Names for the command line; "adam" and "adamw" differ only in their weight decay."""

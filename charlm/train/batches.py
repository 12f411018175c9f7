"""Which rows a step sees: every row once in each epoch, known from the step alone."""

import torch
from torch import Generator, Tensor

from .config import TrainConfig, TrainModel
from .parallel import World

Pair = tuple[Tensor, Tensor]


class Batches:
    """The minibatches of a run.

    Args:
        data: X and Y, with at least as many rows as a minibatch.
        config: its ``batch``, ``seed`` and ``token_dropout``.
        noise: draws what is random in a step; seeded anew for every step.
        world: the processes that share each minibatch.
    """

    def __init__(
        self, data: Pair, config: TrainConfig, noise: Generator, world: World
    ) -> None:
        self.data, self.config, self.noise, self.world = data, config, noise, world
        Y = data[1]
        self.lengths = (Y >= 0).sum(1).cpu() if Y.dim() == 2 else None  # (rows)
        self.per_epoch = len(data[0]) // config.batch
        self._epoch, self._order = -1, torch.empty(0)

    def __call__(self, i: int) -> Pair:
        """The minibatch of step i: X and Y, texts cut to the longest among them."""
        epoch, k = divmod(i, self.per_epoch)
        if epoch != self._epoch:
            g = Generator().manual_seed(mix(self.config.seed, epoch, 1))
            self._order = torch.randperm(len(self.data[0]), generator=g)
            self._epoch = epoch
        size = self.config.batch
        rows = self.world.part(self._order[k * size : (k + 1) * size])
        X, Y = (t[rows.to(t.device)] for t in self.data)
        if self.lengths is not None:
            longest = int(self.lengths[rows].max())
            if self.config.compile:
                longest = few(longest, Y.shape[1])
            X, Y = X[:, :longest], Y[:, :longest]
        # each process has noise of its own, as of another seed; the generator takes
        # no more than the last 32 bits
        self.noise.manual_seed(mix(self.config.seed + self.world.rank, i, 2))
        if self.config.token_dropout:
            dropped = torch.rand(X.shape, generator=self.noise)
            gone = (dropped < self.config.token_dropout).to(X.device)
            X = X.masked_fill(gone, 0)
        return X, Y


def mix(seed: int, i: int, stream: int) -> int:
    """One seed from a run's seed, a number within the run, and what it is for."""
    return (seed * 1_000_003 + i) * 4 + stream


def few(length: int, longest: int) -> int:
    """A length rounded up to a quarter, half, three quarters or all of the longest."""
    part = -(-longest // 4)
    return min(longest, -(-length // part) * part)


def refuse_size(model: TrainModel, rows: int, batch: int, parts: int) -> None:
    """Refuse minibatches of more rows than there are, or of too few for the model."""
    if batch > rows:
        raise ValueError(
            f"train: a batch of {batch} rows, and the data have {rows}; give a smaller "
            "batch, or more data"
        )
    # batch normalisation has no statistics of one row
    least = 2 if model.statistics() and not model.causal else 1
    if batch < least * parts:
        each = f", {least} for each of its {parts} parts" if parts > 1 else ""
        raise ValueError(
            f"train: a batch of {batch} rows, and this model needs at least "
            f"{least * parts}{each}; give a larger batch"
        )


def refuse_unread(model: TrainModel, X: Tensor, Y: Tensor) -> None:
    """Refuse data that the model has no symbols or no room for."""
    with torch.inference_mode():
        V = model.forward(X[:1], training=False)[0].shape[-1]
    for name, ix, low in (("X", X, 0), ("Y", Y, -1)):
        least, most = (int(t) for t in torch.aminmax(ix))
        if most >= V or least < low:
            raise ValueError(
                f"train: {name} holds symbols from {least} to {most}, and the model "
                f"knows 0 to {V - 1}; encode the data with the model's vocabulary"
            )

"""One minibatch in parts: on several processes, or one after the other.

``torchrun --nproc-per-node 2 -m charlm train ...`` starts processes, and each takes a
part of every minibatch; ``--accumulate 4`` lets each go through its own in four parts.
Either way the gradients are averaged, weighted by the targets that each part had, so
the step is that of one process with the whole minibatch. Batch normalisation is the
exception: each part is normalised with its own statistics.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def weighted(g: Tensor, loss: float, count: int) -> Tensor:
    """Sums (P+2) that can be added up over parts: of gradients, losses, targets.

    Derived in eq-scale-weighted of the book.

    Args:
        g: gradient (P) of the mean loss of a part.
        loss: that mean.
        count: targets it was taken over.
    """
    return torch.cat([g * count, g.new_tensor([loss * count, count])])  # (P+2)


def mean_of(sums: Tensor) -> tuple[Tensor, float]:
    """Gradient (P) and loss of all targets together, from sums (P+2) over the parts."""
    return sums[:-2] / sums[-1], float(sums[-2] / sums[-1])


class World:
    """The processes of a run: how many, and which one this is."""

    def __init__(self, device: str = "cpu") -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.first = self.rank == 0
        if self.size > 1:
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
            if device == "cuda":
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))

    def part(self, rows: Tensor) -> Tensor:
        """The rows of a minibatch that are this process's."""
        return rows[self.rank :: self.size]

    def add(self, sums: Tensor) -> Tensor:
        """The sums of all processes, added up in place."""
        if self.size > 1:
            dist.all_reduce(sums)
        return sums

    def close(self) -> None:
        """The run is over."""
        if self.size > 1:
            dist.destroy_process_group()

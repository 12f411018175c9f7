"""Several processes train one model: each takes a part of every minibatch.

``torchrun --nproc-per-node 2 -m charlm train ...`` starts them. After every backward
the gradients are averaged, weighted by the targets that each process had, so the step
is that of one process with the whole minibatch. Batch normalisation is the exception:
each process normalises with the statistics of its own part.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


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

    def average(self, g: Tensor, loss: float, count: int) -> float:
        """Average gradient (P), in place, and loss over all processes.

        Args:
            g: gradient of the mean loss of this process.
            loss: that mean.
            count: targets it was taken over.
        """
        sums = torch.cat([g * count, g.new_tensor([loss * count, count])])  # (P+2)
        dist.all_reduce(sums)
        g.copy_(sums[:-2] / sums[-1])
        return float(sums[-2] / sums[-1])

    def close(self) -> None:
        """The run is over."""
        if self.size > 1:
            dist.destroy_process_group()

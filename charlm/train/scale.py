"""A factor of the loss that keeps gradients within the range of float16."""

import torch
from torch import Tensor

LEAST, MOST = 2.0**-24, 2.0**32


class LossScale:
    """The factor that a loss is multiplied by before its backward, found by trial.

    A power of two, so that multiplying by it and dividing by it again lose nothing. It
    is halved when a gradient is not finite, and doubled after ``patience`` gradients in
    a row that were.

    Args:
        factor: to begin with, a power of two.
        patience: gradients in a row before it is doubled; 0 for a factor that stays.

    Attributes:
        factor: the one in use.
        good: gradients in a row that were finite.
        skipped: gradients so far that were not.

    Source: Micikevicius et al. (2018), section 3.2, for the factor and for leaving out
    steps; halving and doubling it: the documentation of NVIDIA's OpenSeq2Seq (2018).
    """

    def __init__(self, factor: float = 2.0**16, patience: int = 1000) -> None:
        mantissa = torch.frexp(torch.tensor(factor)).mantissa
        if not LEAST <= factor <= MOST or mantissa != 0.5:
            raise ValueError(
                f"LossScale: factor is {factor}; give a power of two from {LEAST:g} to "
                f"{MOST:g}"
            )
        self.factor, self.patience, self.good, self.skipped = factor, patience, 0, 0

    def fits(self, g: Tensor) -> bool:
        """Whether a gradient (P) is finite; moves the factor accordingly.

        Raises:
            ValueError: it is not, and the factor is as small as it may be.
        """
        if g.isfinite().all():
            self.good += 1
            if self.patience and self.good % self.patience == 0:
                self.factor = min(2 * self.factor, MOST)
            return True
        if self.patience and self.factor <= LEAST:
            raise ValueError(
                "train: no factor of the loss keeps the gradient within the range of "
                "float16; train with precision bfloat16, or with a smaller lr"
            )
        self.good, self.skipped = 0, self.skipped + 1
        if self.patience:
            self.factor /= 2
        return False

    def state(self) -> Tensor:
        """All that is needed to go on: factor, good, skipped (3)."""
        found = [self.factor, self.good, self.skipped]
        return torch.tensor(found, dtype=torch.float64)

    def load(self, state: Tensor) -> None:
        """Take over a state."""
        self.factor, good, skipped = state.tolist()
        self.good, self.skipped = int(good), int(skipped)

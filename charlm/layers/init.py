"""Initial values of parameters. Every function takes a ``generator``."""

import math

import torch
from torch import Generator, Tensor


def normal(
    fan_in: int,
    fan_out: int,
    gain: float,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Weights (fan_in, fan_out) from a normal law of deviation gain / sqrt(fan_in).

    The deviation keeps the variance of a linear map's output at ``gain**2`` times that
    of its input. Source: He et al. (2015), equation 10, which has gain = sqrt(2).
    """
    shape = (fan_in, fan_out)
    unit = torch.randn(shape, generator=generator, dtype=dtype)
    return unit * (gain / math.sqrt(fan_in))

"""Linear maps, embeddings, pairs without parameters, dropout."""

from typing import Any

import torch
from torch import Generator, Tensor

from .. import ops
from . import init
from .base import Layer


class Linear(Layer):
    """y = x W + b:  x (..., I)  ->  y (..., O); W (I, O), b (O)."""

    W: Tensor
    b: Tensor

    def __init__(
        self,
        n_in: int,
        n_out: int,
        generator: Generator,
        gain: float = 1.0,
        bias: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        W = init.normal(n_in, n_out, gain, generator, dtype)
        self.bias = bias
        super().__init__(
            W=W, **({"b": torch.zeros(n_out, dtype=dtype)} if bias else {})
        )

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        b = self.b if self.bias else x.new_zeros(self.W.shape[1])
        return ops.linear(x, self.W, b)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, dW, db = ops.linear_backward(dy, cache)
        self.add(dW, *((db,) if self.bias else ()))
        return dx


class Embedding(Layer):
    """y = C[ix]:  ix (...)  ->  y (..., E); C (V, E). Integers have no gradient."""

    C: Tensor
    dC: Tensor

    def __init__(
        self,
        vocab_size: int,
        n_embd: int,
        generator: Generator,
        deviation: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        C = torch.randn((vocab_size, n_embd), generator=generator, dtype=dtype)
        super().__init__(C=C * deviation)

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        return ops.embedding(x, self.C)

    def backward(self, dy: Tensor, cache: Any) -> None:
        self.add(ops.embedding_backward(dy, cache))


class CausalConv(Layer):
    """A causal filter of K taps:  x (B, T, I)  ->  y (B, T, O); W (K, I, O), b (O)."""

    W: Tensor
    b: Tensor

    def __init__(
        self,
        taps: int,
        n_in: int,
        n_out: int,
        dilation: int,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.dilation = dilation
        W = init.normal(taps * n_in, n_out, 1.0, generator, dtype)
        b = torch.zeros(n_out, dtype=dtype)
        super().__init__(W=W.reshape(taps, n_in, n_out), b=b)

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        return ops.causal_conv(x, self.W, self.b, self.dilation)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        dx, dW, db = ops.causal_conv_backward(dy, cache)
        self.add(dW, db)
        return dx


class Apply(Layer):
    """A pair without parameters as a layer: ``Apply("tanh")``, with options by name."""

    def __init__(self, pair: str, **options: Any) -> None:
        found = ops.pairs().get(pair)
        if found is None:
            known = ", ".join(ops.pairs())
            raise ValueError(f"Apply: {pair!r} is no pair; those are: {known}")
        self.pair, self.options = found, options
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        y, cache = self.pair.forward(x, **self.options)
        return y, cache

    def backward(self, dy: Tensor, cache: Any) -> Any:
        return self.pair.backward(dy, cache)


class Dropout(Layer):
    """Dropout with probability p in training, the identity in evaluation."""

    def __init__(self, p: float, generator: Generator) -> None:
        self.p, self.generator = p, generator
        super().__init__()

    def forward(self, x: Tensor, training: bool = True) -> tuple[Tensor, Any]:
        if not training or self.p == 0:
            return x, None
        g = self.generator
        if x.device.type != g.device.type:  # drawn where they are used
            seed = int(torch.randint(2**31, (), generator=g))
            g = Generator(x.device).manual_seed(seed)
        keep = torch.rand(x.shape, generator=g, device=x.device) >= self.p
        return ops.dropout(x, keep, self.p)

    def backward(self, dy: Tensor, cache: Any) -> Tensor:
        return dy if cache is None else ops.dropout_backward(dy, cache)

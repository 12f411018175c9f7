"""How many bytes of tensors are alive at once while something is computed."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def peak_bytes(f: Callable[[], Any]) -> int:
    """Run f; the most bytes that tensors made by it held at one time.

    Counted per storage, when an operation returns it and when the last tensor that
    looks at it is gone; what existed before does not count, nor does what an operation
    uses inside itself. The number is the same on every machine.
    """
    alive = _Alive()
    with alive:
        f()
    return alive.peak


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    peak: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.owners: dict[int, int] = {}  # address of a storage -> tensors alive on it
        self.now = self.peak = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in _tensors(args)}
        for tensor in _tensors(made):
            address = tensor.untyped_storage().data_ptr()
            if address in self.owners or address not in given:  # else it was there
                self.count(tensor)
        self.peak = max(self.peak, self.now)
        return made

    def count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        if address not in self.owners:
            self.owners[address] = 0
            self.now += size
        self.owners[address] += 1
        weakref.finalize(tensor, self.drop, address, size)

    def drop(self, address: int, size: int) -> None:
        self.owners[address] -= 1
        if not self.owners[address]:
            del self.owners[address]
            self.now -= size


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)

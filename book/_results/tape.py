"""Where the time of an autograd step goes: the forward, the tape, its backward.

Quoted by the chapter on the whole backward pass; run by ``make results`` (seconds).
The step of the small forward lines is taken apart: the forward with recording off and
on, the whole by autograd, the whole by hand, and what both spend on the update. All
take turns in every round, on one thread; medians over rounds of the processor's time.
Writes ``tape.json``.
"""

import statistics
import time
from collections.abc import Callable

import torch
from cost import RATE, SIZES, by_autograd, minibatch, one_by_one
from cost import small_lines as forward
from record import made, write
from torch import Generator
from torch.utils._python_dispatch import TorchDispatchMode

from charlm.models import MLP
from charlm.train import step

ROUNDS, INNER = 60, 30


class Count(TorchDispatchMode):
    """How many tensor operations are called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Count one and call it."""
        self.calls += 1
        return func(*args, **(kwargs or {}))


def timed(run: Callable[[], object], off: bool) -> float:
    """Seconds of processor time of one call, the mean of several in a row."""
    with torch.inference_mode(off):
        run()
        begin = time.process_time()
        for _ in range(INNER):
            run()
        return (time.process_time() - begin) / INNER


def main() -> None:
    """Time the parts; count the calls; write the file."""
    rows, hidden = SIZES["lectures"]
    X, Y = minibatch(rows)

    def new() -> MLP:
        return MLP(27, Generator().manual_seed(0), n_hidden=hidden)

    def learnt() -> list[torch.Tensor]:
        return [p.clone().requires_grad_() for _, p, _ in new().named()]

    bare = [p for _, p, _ in new().named()]
    taped, whole = learnt(), by_autograd(new(), forward)[0]
    hand, blocks = new(), new()

    def backward() -> None:
        for t in taped:
            t.grad = None
        forward(taped, X, Y).backward()

    parts: dict[str, tuple[Callable[[], object], bool]] = {
        "forward, nothing recorded": (lambda: forward(bare, X, Y), True),
        "forward, recorded": (lambda: forward(taped, X, Y), False),
        "forward, recorded, and backward": (backward, False),
        "step by autograd": (lambda: whole(X, Y), False),
        "step by hand, one by one": (lambda: one_by_one(hand, X, Y), True),
        "step by hand, in blocks": (lambda: step(blocks, X, Y, RATE), True),
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, (run, off) in parts.items():
            times[name].append(timed(run, off))
    calls = {}
    for name, (run, _) in parts.items():
        if name.startswith("step by hand"):  # autograd's own calls are not all seen
            with torch.no_grad(), Count() as counter:
                run()
            calls[name] = counter.calls
    bare_s, taped_s, _, auto, hand_s, _ = times.values()
    rounds = zip(bare_s, taped_s, auto, hand_s, strict=True)
    shares = [(t - b) / (a - h) for b, t, a, h in rounds]
    quarters = statistics.quantiles(shares, n=4)
    record = {
        "label": "a step by autograd, taken apart",
        "settings": {"rows": rows, "hidden": hidden, "rounds": ROUNDS, "inner": INNER},
        "seconds": {k: float(f"{statistics.median(v):.4g}") for k, v in times.items()},
        "calls": calls,
        "share_of_recording_in_the_surplus": [round(q, 3) for q in quarters],
        "what": "surplus: step by autograd less step by hand; quartiles over rounds",
        **made(),
        "command": "python book/_results/tape.py",
    }
    write("tape", record)
    print(record["seconds"], calls, record["share_of_recording_in_the_surplus"])


if __name__ == "__main__":
    main()

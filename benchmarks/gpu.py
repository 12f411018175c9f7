"""How fast is a step of a GPT on a graphics processor, and how much does it hold?

``make bench-gpu`` runs it (some five minutes, most of them compiling), prints a table
for each size and writes ``book/_results/gpu-race.json``. Against the form that nanoGPT
gives it, PyTorch's modules with autograd, forward in bfloat16 by autocast, fused
attention, fused AdamW, as it stands and compiled in two ways, run the package's own
steps. Where these are not compiled each reads its loss, which all others leave unread.
No dropout and no clipping, for all alike; the same random symbols. Before anything is
timed, gradients of the kernels on this card are held against the plain pair in float64.

With ``--cpu`` the same is tried on the processor, in a small size; nothing is written.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import rivals
import torch

from charlm import gradcheck, ops
from charlm.models import GPT
from charlm.ops.fused import fused_kernel
from charlm.train import TrainConfig, Trainer
from charlm.train.timing import take

RESULTS = Path(__file__).parents[1] / "book" / "_results"
sys.path.append(str(RESULTS))
from record import card, made  # noqa: E402

SMALL = {"V": 27, "block": 16, "n_embd": 64, "n_head": 4, "n_layer": 4}
LARGE = {"V": 65, "block": 256, "n_embd": 384, "n_head": 6, "n_layer": 6}
SIZES = {
    "small, 32 rows of 16": (32, SMALL),
    "small, 512 rows of 16": (512, SMALL),
    "large, 64 rows of 256": (64, LARGE),
}
TRIAL = {"a trial, 2 rows of 8": (2, SMALL | {"block": 8, "n_layer": 1})}
THEIRS = {
    "nanoGPT's form": None,
    "nanoGPT's form, compiled": "default",
    "nanoGPT's form, compiled to a graph": "reduce-overhead",
}
OURS = {  # options of the model, settings of the run
    "charlm, float32": ({}, {}),
    "charlm, float32, fused attention": ({"attention": "fused"}, {}),
    "charlm, float32, compiled": ({}, {"compile": True}),
    "charlm, float32, fused attention, compiled": (
        {"attention": "fused"},
        {"compile": True},
    ),
    "charlm, bfloat16": ({}, {"precision": "bfloat16"}),
    "charlm, bfloat16, fused attention": (
        {"attention": "fused"},
        {"precision": "bfloat16"},
    ),
}


def theirs(batch, size, device, mode):
    """A step by autograd; compiled in this mode, if any."""
    shape = {"E": size["n_embd"], "N": size["n_head"], "layers": size["n_layer"]}
    net = rivals.GPT(size["V"], size["block"], fused=True, **shape).to(device)
    adam = torch.optim.AdamW(net.parameters(), 1e-3, (0.9, 0.99), fused=True)
    forward = torch.compile(net, mode=mode) if mode else net

    def step(X, Y):
        with torch.autocast(device, torch.bfloat16):
            logits = forward(X)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), Y.flatten())
        loss.backward()
        adam.step()
        adam.zero_grad(set_to_none=True)

    return step


def gpt(size, **options):
    """The model by hand."""
    shape = {name: n for name, n in size.items() if name != "V"} | options
    return GPT(size["V"], torch.Generator().manual_seed(0), tied=False, **shape)


def ours(batch, size, device, options, settings):
    """A step by hand."""
    model = gpt(size, **options)
    config = TrainConfig(batch=batch, schedule="constant", fast=False, **settings)
    trainer = Trainer(model, symbols(batch, size, device), config=config, device=device)

    def step(X, Y):
        take(trainer, X, Y, 1e-3)
        if trainer.compiled and trainer.compiled.why:
            raise RuntimeError(trainer.compiled.why)

    return step


def symbols(batch, size, device):
    """Random symbols to read and to predict."""
    g = torch.Generator().manual_seed(0)
    shape = 2, batch, size["block"]
    return tuple(torch.randint(size["V"], shape, generator=g).to(device))


def wait(device):
    """Until all that was asked for is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def measured(make, batch, size, device, rounds):
    """Seconds of a step, the median over rounds of ten, and peak memory in MB."""
    torch.compiler.reset()  # what was compiled holds what it was compiled for
    gc.collect()
    X, Y = symbols(batch, size, device)
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    step, times = make(batch, size, device), []
    for _ in range(10):  # compiles, prepares libraries, fills buffers
        step(X, Y)
    for _ in range(rounds):
        wait(device)
        begin = time.perf_counter()
        for _ in range(10):
            step(X, Y)
        wait(device)
        times.append((time.perf_counter() - begin) / 10)
    found = {"seconds": statistics.median(times), "megabytes": None}
    if device == "cuda":
        found["megabytes"] = (torch.cuda.max_memory_allocated() - before) / 1e6
    return found


def race(batch, size, device, rounds, compiled):
    """All contestants of one size, one after the other, each with the card for itself.

    Who cannot run here is told, with the reason.
    """
    field = {n: partial(theirs, mode=mode) for n, mode in THEIRS.items()}
    for name, (options, settings) in OURS.items():
        field[name] = partial(ours, options=options, settings=settings)
    if not compiled:
        field = {n: make for n, make in field.items() if "compiled" not in n}
    found = {}
    for name, make in field.items():
        try:
            found[name] = measured(make, batch, size, device, rounds)
        except Exception as error:  # out of memory, no compiler
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            found[name] = {"did not run": said}
        print(f"  {name:43s}", shown(found[name], found), flush=True)
    return found


def shown(one, found):
    """A line of the table: time, ratio to the first that ran, memory."""
    if "did not run" in one:
        return f"did not run: {one['did not run']}"
    first = next(r["seconds"] for r in found.values() if "seconds" in r)
    memory = one["megabytes"]
    held = f"{memory:8.0f} MB" if memory else ""
    ratio = first / one["seconds"]
    return f"{1e3 * one['seconds']:8.2f} ms {ratio:6.2f} times the first {held}"


def errors(device):
    """Error of the fused pair in every type, of output and gradients; against float64.

    Raises:
        SystemExit: one is beyond the rounding of its type.
    """
    g, found = torch.Generator().manual_seed(0), {}
    drawn = [torch.randn(2, 3, 300, 64, generator=g) for _ in range(4)]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        low = [x.to(device, dtype) for x in drawn]
        both = []
        for pair, (q, k, v, dy) in (
            ("attention", [x.cpu().double() for x in low]),
            ("fused_attention", low),
        ):
            y, cache = getattr(ops, pair)(q, k, v)
            grads = getattr(ops, f"{pair}_backward")(dy, cache)
            both.append([x.cpu().double() for x in (y, *grads)])
        name, error = str(dtype).removeprefix("torch."), gradcheck.error(*both[::-1])
        kernel = fused_kernel(*low[:3], True)
        found[name] = {"kernel": kernel, "error": error}
        print(f"  {name:9s} by {kernel or 'the plain pair'}: error {error:.1e}")
        if not error <= 16 * torch.finfo(dtype).eps:
            sys.exit("bench-gpu: this kernel gives other gradients; nothing was timed")
    return found


def main():
    """Check, race, print, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of ten steps each")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="a trial without a card")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu-race.json")
    args = parser.parse_args()
    device = card("bench-gpu", args.cpu)
    print("kernels of attention against float64:")
    record = {"label": "a step on a graphics processor", "kernels": errors(device)}
    record["sizes"] = {}
    for title, (batch, size) in (TRIAL if args.cpu else SIZES).items():
        parameters = sum(p.numel() for _, p, _ in gpt(size).named())
        print(f"\n{title}, {parameters:,} parameters:", flush=True)
        found = race(batch, size, device, args.rounds, not args.no_compile)
        shape = {"batch": batch, **size, "parameters": parameters}
        record["sizes"][title] = {**shape, "steps": found}
    if device == "cuda":
        record |= made() | {"command": "make bench-gpu"}
        record["machine"] = torch.cuda.get_device_name()
        record["versions"]["cuda"] = torch.version.cuda
        args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

"""``charlm info``."""

from argparse import Namespace

from ..train import checkpoint
from .output import say


def run(args: Namespace) -> int:
    """Say what a file holds, which is all plain to read."""
    found = checkpoint.read(args.file)
    head, run = found.head, found.head["run"]
    shapes = {name: list(t.shape) for name, t in found.parameters.items()}
    size = sum(t.numel() for t in found.parameters.values())
    facts = {
        "file": str(found.path),
        "model": head["model"],
        "numbers": size,
        "options": head["options"],
        "symbols": head["symbols"],
        "data": head["data"],
        "steps": run["steps"],
        "finished": head["finished"],
        "dev": run["best"],
        "seconds": round(run["seconds"], 2),
        "settings": head["config"],
        "versions": head["versions"],
        "parameters": shapes,
    }
    shown = {
        "data": f"{head['data']['source']}, "
        + ("running text" if head["data"]["running"] else "a list"),
        "symbols": f"{len(head['symbols'])}: {head['symbols']!r}",
        "dev": "not measured" if run["best"] is None else f"{run['best']:.4f} nats",
    }
    lines = []
    for name, value in (facts | shown).items():
        if name == "parameters":
            lines += ["parameters"]
            lines += [f"  {n:28s} {' x '.join(map(str, s))}" for n, s in shapes.items()]
        elif isinstance(value, dict):
            said = ", ".join(f"{k} {v}" for k, v in value.items())
            lines.append(f"{name:12s} {said or 'as the model has them'}")
        else:
            lines.append(f"{name:12s} {value}")
    say(args, facts, *lines)
    return 0

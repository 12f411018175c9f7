"""Numbers of 16 bits: the nearest to a given one, and steps that are lost."""

import torch

FORMATS = {"float16": torch.float16, "bfloat16": torch.bfloat16}
STEPS = 40


def data() -> dict:
    """What the script needs: bits of the fraction, and the smallest exponent."""
    found = {}
    for name, kind in FORMATS.items():
        about = torch.finfo(kind)
        bits = round(-torch.tensor(about.eps).log2().item())
        least = round(torch.tensor(about.tiny).log2().item())
        found[name] = {"bits": bits, "least": least, "most": about.max}
    return {"formats": found, "steps": STEPS}


def probes():
    """Settings, and what torch computes for them."""
    for name, kind in FORMATS.items():
        for weight, update in ((1.0, -9), (0.3, -10), (2.9, -6), (-1.7, -12)):
            step = 2.0**update
            w = torch.tensor(weight, dtype=torch.float64).to(kind)
            path = [w.item()]
            for _ in range(STEPS):
                w = (w.double() + step).to(kind)
                path.append(w.item())
            small = torch.tensor(step * step, dtype=torch.float64).to(kind)
            yield (
                {"format": name, "weight": weight, "update": update},
                {"path": path, "square": small.item()},
            )

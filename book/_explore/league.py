"""The losses of the league table, run by run, as ``make results`` wrote them."""

import json
from pathlib import Path
from statistics import mean, stdev

RESULTS = Path(__file__).parent.parent / "_results"
PARTS = ("train", "dev", "test")


def models() -> list[dict]:
    """Label, number of parameters and runs of every model of the table."""
    found = []
    for path in sorted(RESULTS.glob("league-*.json")):
        record = json.loads(path.read_text(encoding="utf8"))
        if "runs" in record and "distinct" not in path.stem:
            runs = {part: [run[part] for run in record["runs"]] for part in PARTS}
            size = record["parameters"]
            found.append({"label": record["label"], "size": size} | runs)
    return found


def data() -> dict:
    """What the script needs."""
    return {"models": models(), "parts": PARTS, "orders": ["loss", "size"]}


def probes():
    """Settings, and what the records come to."""
    for part in PARTS:
        for order in ("loss", "size"):
            every = sorted(
                models(),
                key=lambda m: mean(m[part]) if order == "loss" else m["size"],
            )
            for place in (1, len(every)):
                runs = every[place - 1][part]
                yield (
                    {"part": part, "order": order, "place": place},
                    {
                        "labels": [m["label"] for m in every],
                        "means": [mean(m[part]) for m in every],
                        "spread": stdev(runs) if len(runs) > 1 else 0,
                    },
                )

"""What a run should be when nobody says so: chosen by the data, with the reasons."""

from dataclasses import dataclass, replace
from typing import Any

from ..data import Corpus, refuse_beyond
from ..models import shapes
from .config import TrainConfig

TEXT_BLOCK = {"mlp": 8, "rnn": 64, "gru": 64, "lstm": 64, "gpt": 64}
LONGEST_BLOCK = 256
FEW = 10_000  # characters to train on
FEWEST, MOST = 2_000, 20_000  # steps
OFTEN = 100  # times that everything is seen, at most
MEASUREMENTS, PATIENCE = 20, 5


@dataclass
class Plan:
    """The options of a model, the settings of its run, and why.

    Attributes:
        options: of the model.
        config: of the run.
        reasons: one sentence for each choice that the data made.
    """

    options: dict[str, Any]
    config: TrainConfig
    reasons: list[str]


def plan(
    data: Corpus,
    kind: str,
    options: dict[str, Any],
    settings: dict[str, Any],
    trained: bool = False,
) -> Plan:
    """Fill in what was left open; what was given stays.

    Args:
        data: to be trained on.
        kind: a name from :data:`charlm.models.KINDS`.
        options: given options of the model.
        settings: given settings of the run, of :class:`TrainConfig`.
        trained: the options are those of a trained model, and stay as they are.

    Raises:
        ValueError: as :func:`charlm.models.build`; a model larger than the memory.
    """
    reasons: list[str] = []
    for choose in () if trained else (_small, _context):
        options = options | choose(data, kind, options, reasons)
    config = TrainConfig(**settings)
    sizes = shapes(kind, len(data.vocab), **options)
    count = sum(_product(shape) for shape in sizes.values())
    # parameters, gradients, the best, the optimiser's vectors and work, a copy to save
    refuse_beyond(32 * count, f"{kind}: {count:,} parameters", "make it smaller")
    return Plan(options, config, reasons)


def _small(
    data: Corpus, kind: str, options: dict[str, Any], reasons: list[str]
) -> dict[str, Any]:
    """A small perceptron for few characters, in which a large one finds its own.

    Its running statistics move fast: the run is shorter than they usually look back.
    """
    if kind != "mlp" or (size := _size(data)) >= FEW:
        return {}
    chosen = {"n_hidden": 20, "momentum": 0.1}
    chosen = {name: v for name, v in chosen.items() if name not in options}
    if chosen:
        said = ", ".join(f"{name} {v}" for name, v in chosen.items())
        reasons.append(f"{said}, as there are {size:,} characters")
    return chosen


def _size(data: Corpus) -> int:
    return sum(map(len, data.parts["train"]))


def _context(
    data: Corpus, kind: str, options: dict[str, Any], reasons: list[str]
) -> dict[str, Any]:
    """Symbols of context: long enough for items, short enough for running text."""
    size = len(data.longest)
    if kind in TEXT_BLOCK and "block" not in options:
        if data.running:
            few = kind == "mlp" and _size(data) < FEW
            block = max(1, min(3 if few else TEXT_BLOCK[kind], size))
            reasons.append(f"block {block}, as the data are running text")
            return {"block": block}
        if kind == "gpt" and 16 <= size < LONGEST_BLOCK:
            reasons.append(f"block {size + 1}, as the longest item has {size} symbols")
            return {"block": size + 1}
    if kind in ("tree", "wavenet") and "levels" not in options and data.running:
        levels = 3
        while levels > 1 and 2**levels > size:
            levels -= 1
        if levels < 3:
            reasons.append(f"levels {levels}, as the text is short")
        return {"levels": levels}
    return {}


def schedule_run(plan: Plan, settings: dict[str, Any], rows: int) -> Plan:
    """Choose what depends on the rows that a model makes of the data.

    Args:
        plan: so far.
        settings: given settings.
        rows: of the training part.
    """
    config, reasons = plan.config, list(plan.reasons)
    if "batch" not in settings and rows < 4 * config.batch:
        config = replace(config, batch=max(min(rows, 8), rows // 4))
        reasons.append(f"batch {config.batch}, as there are {rows} rows")
    if "steps" not in settings and "epochs" not in settings:
        once = max(1, rows // config.batch)
        ten = 10 * once
        steps = min(max(ten, min(FEWEST, OFTEN * once)), MOST)
        patience = settings.get("patience", PATIENCE)
        evals = settings.get("evals", MEASUREMENTS)
        config = replace(config, steps=steps, patience=patience, evals=evals)
        if steps != ten:
            often = steps * config.batch / rows
            reasons.append(f"{steps:,} steps, so that all is seen {often:.3g} times")
    return Plan(plan.options, config, reasons)


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count

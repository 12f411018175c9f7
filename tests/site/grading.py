"""What readers may type into the boxes of the book, and what has to be said."""

import json
import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "_ext"))  # last: both have a `finding`

import derivation  # noqa: E402
import proving  # noqa: E402
from formula import Evaluator, Unread  # noqa: E402

TOKENS = "+ - * / @ ( ) , 0 1 2 . ** ^ sum mean T > = axis $ é \\ ² × #".split()
TOKEN = re.compile(r"\w+|\*\*|\S")


def answers():
    """(derivation, place of a step, text, what to say or "" if it is right)."""
    for name, (it, _) in derivation.declared().items():
        told = proving.check(it, name)
        for k, step in enumerate(it.steps):
            for text in (step.right, *step.also, *forms(step)):
                yield name, k, text, ""
            for text, words in told[step.name or step.ask].items():
                yield name, k, text, words


def forms(step):
    """Three other ways to write any answer."""
    yield f"-(-({step.right}))"
    yield step.right.replace("**", "^").replace("*", "·").replace("-", "−")
    whole = step.parts and " + ".join(f"({part})" for part in step.parts)
    yield f"  ({whole or step.right}) * 2 / 2 "


def random_answers(count: int, seed: int = 1):
    """(derivation, place of a step, text): half of it noise, half nearly right."""
    draw = random.Random(seed)
    every = [
        (name, k, step)
        for name, (it, _) in derivation.declared().items()
        for k, step in enumerate(it.steps)
    ]
    for i in range(count):
        name, k, step = draw.choice(every)
        it, _ = derivation.declared()[name]
        names = [*it.inputs, *it.lengths, *it.forward]
        words = TOKEN.findall(step.right) if i % 2 else []
        for _ in range(draw.randint(1, 3) if words else draw.randint(1, 8)):
            place = draw.randint(0, len(words))
            words[place : place + draw.randint(0, 1)] = [draw.choice(TOKENS + names)]
        yield name, k, draw.choice(["", " "]).join(words)


def is_right(name: str, k: int, text: str) -> bool:
    """What Python makes of an answer."""
    it, _ = derivation.declared()[name]
    step = it.steps[k]
    inside = [
        Evaluator(derivation.whole(it, w, k), it.axes) for w in derivation.worlds(it)
    ]
    try:
        return proving.equal(
            [of(text) for of in inside], [of(step.right) for of in inside]
        )
    except (Unread, ValueError):
        return False


def tasks() -> str:
    """What all pages bring for the script, as JSON by name."""
    every = derivation.declared().items()
    return json.dumps(
        {name: derivation.data(it, proving.check(it, name)) for name, (it, _) in every}
    )

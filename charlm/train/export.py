"""A trained model for elsewhere: parameters by name, or a program that draws."""

import base64
import io
from inspect import getsource
from pathlib import Path

import numpy as np
from safetensors.torch import save

from .checkpoint import Checkpoint
from .standalone import FORWARDS, HELPERS

ENDINGS = (".safetensors", ".npz", ".py")

PROGRAM = '''"""A character model ({kind}) trained with charlm; it draws samples.

    python THIS_FILE [COUNT [SEED [BEGINNING]]]

It needs NumPy and nothing else. Scores are those of the trained model; what is drawn
with a seed differs from what charlm draws with it.
"""

import base64
import io
import sys

import numpy as np

SYMBOLS = {symbols}  # number 0 begins and ends
OPTIONS = {options}
BLOCK = {block}  # symbols that the model reads
LONGEST = {longest}
ENDS = {ends}  # a text has no end that the model has seen


{functions}


def draw(p, rng, text):
    """Symbols after those of text, until the model ends or LONGEST are drawn."""
    for _ in range(LONGEST):
        scores = {kind}(p, text[-BLOCK:], OPTIONS).astype(float)
        if not ENDS:
            scores[0] = -np.inf
        sums = np.cumsum(np.exp(scores - scores.max()))
        symbol = int(np.searchsorted(sums / sums[-1], rng.random(), side="right"))
        symbol = min(symbol, len(sums) - 1)
        if symbol == 0:
            break
        text = [*text, symbol]
    return "".join(SYMBOLS[i] for i in text[1:])


def main(count=10, seed=0, beginning=""):
    """Print samples."""
    p = np.load(io.BytesIO(base64.b64decode(PARAMETERS)))
    rng = np.random.default_rng(int(seed))
    begun = [0, *(SYMBOLS.index(c) for c in beginning)]
    for _ in range(int(count)):
        print(draw(dict(p), rng, begun))


PARAMETERS = """
{parameters}
"""

if __name__ == "__main__":
    main(*sys.argv[1:])
'''


def exported(found: Checkpoint, ending: str) -> bytes:
    """The content of a file of that kind.

    Args:
        found: the trained model.
        ending: ".safetensors", a state dict of parameters by name; ".npz", the same
            for NumPy; ".py", a program that draws samples and needs only NumPy.

    Raises:
        ValueError: another ending.
    """
    if ending not in ENDINGS:
        raise ValueError(f"choose a name that ends in {' or '.join(ENDINGS)}")
    if ending == ".safetensors":
        return save(found.parameters, {"format": "pt"})
    arrays = {name: t.numpy() for name, t in found.parameters.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    if ending == ".npz":
        return packed.getvalue()
    return _program(found, packed.getvalue()).encode()


def _program(found: Checkpoint, packed: bytes) -> str:
    kind, head = found.head["model"], found.head
    sources = [getsource(f) for f in (*HELPERS, FORWARDS[kind])]
    functions = "\n\n".join(sources).rstrip()
    text = base64.b64encode(packed).decode()
    return PROGRAM.format(
        kind=kind,
        symbols=ascii(head["symbols"]),
        options=ascii(head["options"]),
        block=max(1, found.model().block),
        ends=not head["data"]["running"],
        longest=500 if head["data"]["running"] else 40,
        functions=functions,
        parameters="\n".join(text[i : i + 88] for i in range(0, len(text), 88)),
    )


def ending_of(path: str | Path) -> str:
    """The ending of a path, in small letters."""
    return Path(path).suffix.lower()

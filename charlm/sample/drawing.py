"""Drawing symbols and names, and looking for the likeliest ones."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from ..data import Vocab
from .reader import Reader, TextModel, scores


def draw(logits: Tensor, generator: Generator) -> Tensor:
    """logits (B, V)  ->  one symbol per row (B), drawn from the softmax.

    By inverting the distribution function at one uniform number per row, so that a row
    gets the same symbol whatever else is in the batch. A symbol of probability zero is
    never drawn.

    Raises:
        ValueError: the scores are no numbers.
    """
    cumulative = _numbers(logits).double().softmax(-1).cumsum(-1)  # (B, V)
    u = torch.rand(len(logits), 1, generator=generator, dtype=torch.float64)  # (B, 1)
    # u is at least 0 and below 1; rounding may leave the last sum a little off 1
    return (cumulative <= u * cumulative[:, -1:]).sum(-1)  # (B)


def narrow(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Make the likely likelier: logits (B, V)  ->  logits (B, V).

    Args:
        logits: scores.
        temperature: divides the scores; below 1 the likely gain, above 1 the unlikely.
            0 leaves only the likeliest symbol.
        top_k: only the k likeliest symbols stay.
        top_p: only the likeliest symbols stay that together have probability p.

    Raises:
        ValueError: a temperature below 0, k below 1, or p outside (0, 1].

    Source: top-p is due to Holtzman et al. (2020).
    """
    if not temperature >= 0:
        raise ValueError(f"temperature is {temperature}; give 0 (greedy) or more")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; keep at least 1 symbol")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; give a probability above 0, at most 1")
    if temperature == 0:
        top_k = 1
    else:
        logits = logits / temperature
    if top_k is not None:
        # by rank, so that exactly k stay where scores tie
        order = logits.argsort(descending=True, stable=True)  # (B, V)
        logits = logits.scatter(-1, order[:, top_k:], -torch.inf)  # (B, V)
    if top_p is not None:
        p = logits.softmax(-1)  # (B, V)
        p, order = p.sort(descending=True, stable=True)  # (B, V)
        # a symbol goes if those before it already have the mass
        late = p.cumsum(-1) - p >= top_p  # (B, V)
        late[:, 0] = False  # whatever p is: the likeliest stays
        late = late.gather(-1, order.argsort(-1))  # (B, V)  in the order of symbols
        logits = logits.masked_fill(late, -torch.inf)  # (B, V)
    return logits


def _numbers(logits: Tensor) -> Tensor:
    """The scores, if the largest of each row is a number: all others then may be."""
    if not logits.amax(-1).isfinite().all():
        raise ValueError(
            "the scores are no finite numbers; take a larger temperature, or train "
            "the model with a smaller learning rate"
        )
    return logits


def encoded(vocab: Vocab, text: str) -> list[int]:
    """The numbers of a beginning, behind the boundary that it may not contain."""
    if (end := vocab.symbols[0]) in text:
        raise ValueError(f"{text!r} contains {end!r}, which ends an item; leave it out")
    return [0, *vocab.encode(text)]


def sample(
    model: TextModel,
    vocab: Vocab,
    count: int,
    generator: Generator,
    longest: int = 40,
    prefix: str = "",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    cached: bool = True,
    ends: bool = True,
) -> list[str]:
    """Draw names, character by character, until the model ends them.

    Args:
        model: any model.
        vocab: the symbols of its outputs; symbol 0 starts and ends a name.
        count: how many names.
        generator: the source of chance.
        longest: a name that reaches this many characters is cut there.
        prefix: what every name begins with.
        temperature: as in :func:`narrow`, as are ``top_k`` and ``top_p``.
        top_k: as there.
        top_p: as there.
        cached: keep what was computed of the symbols already read, if the model can.
        ends: False for running text, whose model has never seen an end.

    Raises:
        ValueError: as :func:`narrow` and :func:`draw`, no names to draw, or the prefix
            has the boundary, or a character that is not in the vocabulary.
    """
    if count < 1:
        raise ValueError(f"count is {count}; draw at least 1")
    begin = torch.tensor(encoded(vocab, prefix)).expand(count, -1)
    how = generator, longest - len(prefix), temperature, top_k, top_p, cached, ends
    text = torch.cat([begin, *_columns(model, begin, *how)], 1)
    return [vocab.decode(row[row != 0].tolist()) for row in text]


def stream(
    model: TextModel,
    vocab: Vocab,
    generator: Generator,
    longest: int = 500,
    prefix: str = "",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    cached: bool = True,
    ends: bool = True,
) -> Iterator[str]:
    """Draw one text; every symbol as soon as it is drawn, the prefix with the first.

    Together they are the text that :func:`sample` draws with a count of 1; arguments
    and errors are those of it.
    """
    begin = torch.tensor([encoded(vocab, prefix)])
    how = generator, longest - len(prefix), temperature, top_k, top_p, cached, ends
    said = prefix
    for drawn in _columns(model, begin, *how):
        if drawn.any():
            said += vocab.decode(drawn[0].tolist())
        yield said
        said = ""


def _columns(
    model: TextModel,
    text: Tensor,
    generator: Generator,
    count: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    cached: bool,
    ends: bool,
) -> Iterator[Tensor]:
    """text (B, T)  ->  its next symbols (B, 1), one after the other, to their end."""
    begun, reader = text.shape[1], Reader(model, cached)
    for _ in range(count):
        logits = reader.scores(text)
        if not ends:
            logits = without_end(logits)
        logits = narrow(logits, temperature, top_k, top_p)
        drawn = draw(logits, generator)
        if text.shape[1] > begun:
            drawn = drawn.masked_fill(text[:, -1] == 0, 0)
        text = torch.cat([text, drawn.unsqueeze(1)], 1)
        yield drawn.unsqueeze(1)
        if not drawn.any():
            break


def without_end(logits: Tensor) -> Tensor:
    """logits (B, V)  ->  logits (B, V) under which symbol 0 is never drawn."""
    logits = logits.clone()  # (B, V)
    logits[:, 0] = float("-inf")
    return logits


def beam(
    model: TextModel,
    vocab: Vocab,
    width: int = 8,
    longest: int = 40,
    prefix: str = "",
    ends: bool = True,
) -> list[tuple[str, float]]:
    """The likeliest names, as far as a beam of ``width`` beginnings finds them.

    At every step the ``width`` likeliest beginnings are kept, ended ones among them.
    What it finds is likely, not typical: beams love short names. ``ends`` is as in
    :func:`sample`.

    Returns:
        Names with their log-likelihood in nats, the likeliest first.

    Raises:
        ValueError: no beginnings to keep; else as :func:`sample`.
    """
    if width < 1:
        raise ValueError(f"width is {width}; keep at least 1 beginning")
    text = torch.tensor([encoded(vocab, prefix)])
    total = torch.zeros(1)
    begun = text.shape[1]
    for _ in range(longest - len(prefix)):
        logits = scores(model, text)
        if not ends:
            logits = without_end(logits)
        logp = _numbers(logits).double().log_softmax(-1)  # (B, V)
        if text.shape[1] > begun:  # an ended name goes on, for free
            ended = text[:, -1] == 0
            logp[ended] = float("-inf")
            logp[ended, 0] = 0.0
        every = (total.unsqueeze(1) + logp).flatten()
        total, best = every.topk(min(width, int((every > float("-inf")).sum())))
        row, symbol = best // logp.shape[1], best % logp.shape[1]
        text = torch.cat([text[row], symbol.unsqueeze(1)], 1)
        if not symbol.any():
            break
    names = [vocab.decode(row[row != 0].tolist()) for row in text]
    return list(zip(names, total.tolist(), strict=True))

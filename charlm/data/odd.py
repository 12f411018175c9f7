"""Characters that are not seen, or are seen alike and written differently."""

import unicodedata
from collections import Counter

PLAIN = {" ", "\n", "\t"}
# formats, controls, private use, unassigned, and every space but the plain one
INVISIBLE = {"Cf", "Cc", "Co", "Cn", "Cs", "Zs", "Zl", "Zp"}


def spelt(character: str) -> str:
    """A character by number and name: U+200F RIGHT-TO-LEFT MARK."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'CONTROL')}"


def composed(text: str) -> str:
    """The text in normalisation form C: a letter and its accent are one character."""
    return unicodedata.normalize("NFC", text)


def odd(text: str) -> list[str]:
    """What a reader of the text would not see: one sentence for each kind of it.

    Invisible characters by name and number of occurrences, the most frequent first, and
    whether letters and accents stand apart (as form C would join them).
    """
    counts = Counter(text)
    strange = [
        (count, c)
        for c, count in counts.items()
        if c not in PLAIN and unicodedata.category(c) in INVISIBLE
    ]
    said = [f"{count:,} x {spelt(c)}" for count, c in sorted(strange, reverse=True)]
    lines = [f"characters that are not seen: {', '.join(said[:8])}"] if said else []
    apart = len(text) - len(composed(text))
    if apart > 0:
        lines.append(
            f"{apart:,} accents stand apart from their letters (normalisation form D); "
            "form C joins them (--nfc)"
        )
    return lines

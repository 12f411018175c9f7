"""Reading text files, with errors for the person who meets them."""

import os
import re
from pathlib import Path

from .memory import refuse_beyond

LONGEST = 10_000  # characters in one item; more is no list but running text
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# not str.isprintable: that refuses the joiners which some scripts write names with
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read_lines(path: str | Path) -> list[str]:
    """Items of a UTF-8 text file, one per line, without surrounding white space.

    Any line ending, a byte order mark and blank lines are fine.

    Raises:
        ValueError: the file is missing, unreadable, empty, not UTF-8, holds control
            characters, or has a line of more than 10,000 characters.
    """
    items = []
    # not str.splitlines: that takes control characters for ends of lines
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if len(line) > LONGEST:
            raise ValueError(
                f"{path}, line {number}: {len(line):,} characters; a list has one item "
                f"per line, of at most {LONGEST:,}; for running text use load_text "
                "(--text)"
            )
        strange = CONTROL.search(
            line.rstrip(" \t"), len(line) - len(line.lstrip(" \t"))
        )
        if strange:
            raise ValueError(
                f"{path}, line {number}, column {strange.start() + 1}: control "
                f"character {strange[0]!r}; is this a text file? Remove it"
            )
        item = line.strip()
        if item:
            items.append(item)
    if not items:
        raise ValueError(f"{path}: nothing but blank lines; give one item per line")
    return items


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 text file, every line ended by a plain newline.

    A byte order mark at the start is left out.

    Raises:
        ValueError: the file is missing, unreadable, no regular file, too large for the
            memory, empty, not UTF-8 or binary.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise ValueError(f"{path}: is no regular file; save the text into one")
    try:
        # as bytes, as text and as numbers
        refuse_beyond(30 * path.stat().st_size, f"{path}: the text", "take a part")
        raw = path.read_bytes()
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder; name a text file in it") from None
    except OSError as error:
        why = error.strerror or error
        raise ValueError(
            f"{path}: cannot be read ({why}); check the path and its permissions"
        ) from error
    if not raw.removeprefix(BYTE_ORDER_MARK).strip():
        raise ValueError(f"{path}: the file is empty; give one item per line")
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte {error.start + 1} of the file is not UTF-8; "
            "save the file as UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(
            f"{path}, line {line}: character '\\x00'; this is no text file in UTF-8: "
            "name another, or save it as one"
        )
    return text


def short(text: str) -> str:
    """A text as an error message shows it: a whole file would hide the message."""
    return repr(text) if len(text) <= 80 else f"{text[:80]!r}..."

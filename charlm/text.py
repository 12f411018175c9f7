"""Reading text files, with errors for the person who meets them."""

from pathlib import Path

LONGEST = 10_000  # characters in one item; more is no list but running text


def read_lines(path: str | Path) -> list[str]:
    """Items of a UTF-8 text file, one per line, without surrounding white space.

    Any line ending, a byte order mark and blank lines are fine.

    Raises:
        ValueError: the file is missing, unreadable, empty, not UTF-8, holds control
            characters, or has a line of more than 10,000 characters.
    """
    items = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        item = line.strip()
        if len(item) > LONGEST:
            raise ValueError(
                f"{path}, line {number}: {len(item):,} characters; a list has one item "
                f"per line, of at most {LONGEST:,}; for running text use load_text"
            )
        if item and not item.isprintable():
            strange = next(c for c in item if not c.isprintable())
            raise ValueError(
                f"{path}, line {number}, column {item.index(strange) + 1}: character "
                f"{strange!r} cannot be printed; is this a text file? Remove it"
            )
        if item:
            items.append(item)
    if not items:
        raise ValueError(f"{path}: nothing but blank lines; give one item per line")
    return items


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 text file, without a byte order mark.

    Raises:
        ValueError: the file is missing, unreadable, empty or not UTF-8.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder; name a text file in it") from None
    except OSError as error:
        why = error.strerror or error
        raise ValueError(
            f"{path}: cannot be read ({why}); check the path and its permissions"
        ) from error
    if not raw.strip():
        raise ValueError(f"{path}: the file is empty; give one item per line")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte {error.start + 1} of the file is not UTF-8; "
            "save the file as UTF-8"
        ) from error

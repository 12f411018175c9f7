"""Where data sets come from: the package, a file, the network."""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from .text import read_lines, read_text, short


@dataclass(frozen=True)
class Source:
    """A file whose content is known to the byte.

    Attributes:
        file: its name, also that of a local copy in the folder ``CHARLM_DATA``.
        sha256: checksum of its bytes.
        url: where it can be downloaded; "" for a file of the package.
        about: one line for people.
        running: it is running text, not a list of items.
    """

    file: str
    sha256: str
    url: str
    about: str
    running: bool = False


SOURCES = {
    "names": Source(
        "names.txt",
        "0e4c757b8317eba0e12678ba36e4da981fefbcd1fecdfeeb7d065b5ddbfaffa8",
        "",
        "23,817 given names of many traditions, part of the package",
    ),
    "book": Source(
        "book.txt",
        "b1aeda78607993ecd863cf4ee86f25ed705898d4b7ad8dae46c467f974ce45b1",
        "",
        "207,347 characters of this book's prose, running text, part of the package",
        running=True,
    ),
    "makemore": Source(
        "makemore-names.txt",
        "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        "32,033 names of the lectures, downloaded",
    ),
    "tinyshakespeare": Source(
        "tinyshakespeare.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
        "tinyshakespeare/input.txt",
        "1.1 million characters of plays, running text, downloaded",
        running=True,
    ),
}
"""Known data sets by name."""


def is_running(source: str | Path) -> bool:
    """Whether a known data set is running text; of a file only its user knows."""
    known = SOURCES.get(str(source))
    return known is not None and known.running


def load(source: str | Path) -> list[str]:
    """The items of a known data set or of any text file with one item per line.

    Args:
        source: "names" (in the package, needs no network; another list takes its place
            if ``CHARLM_NAMES`` holds the path), "makemore" (downloaded once, or taken
            from the folder ``CHARLM_DATA``), or the path of a file.

    Raises:
        ValueError: says which file, which line, and what to do.
    """
    items = read_lines(locate(source))
    if str(source) in SOURCES:
        check_letters(items, str(source))
    return items


def load_text(source: str | Path) -> str:
    """The running text of a known data set or of a text file.

    Args:
        source: "book" (in the package, needs no network), "tinyshakespeare" (downloaded
            once, or taken from the folder ``CHARLM_DATA``), or the path of a file.

    Raises:
        ValueError: as :func:`load`.
    """
    return read_text(locate(source))


def locate(source: str | Path) -> Path:
    """Path of a known data set, its content checked, or of a file.

    Two are in the package; ``CHARLM_NAMES``, the path of a list of your own, takes the
    place of the names. Any other known one is taken from ``CHARLM_DATA``, a folder
    with the file (or the file itself), else from the cache, else downloaded. In the
    folder the file may also have the name it has online.

    Raises:
        ValueError: neither a known name nor a file, wrong content, or no way to get
            it; says what to do.
    """
    name = str(source)
    if name not in SOURCES:
        # os.path.exists is False, where Path.exists may raise, for an impossible path
        if os.path.exists(source):
            return Path(source)
        raise ValueError(
            f"{short(name)} is neither a file nor a known data set; check the path, or "
            f"choose one of {', '.join(SOURCES)}"
        )
    known, own = SOURCES[name], os.environ.get("CHARLM_NAMES")
    if name == "names" and own:
        if not os.path.isfile(own):
            raise ValueError(
                f"CHARLM_NAMES is {short(own)}, which is no file; give the whole path "
                "of a list with one name per line, or unset it"
            )
        return Path(own)
    if not known.url:
        path = Path(str(files("charlm") / "data" / "lists" / known.file))
        return _checked(path, known, "install charlm again")
    local = os.environ.get("CHARLM_DATA")
    if not local:
        return _download(name, known)
    path = Path(local)
    if path.is_dir():
        candidates = [path / known.file, path / known.url.rsplit("/")[-1]]
        path = next((p for p in candidates if p.is_file()), candidates[0])
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; CHARLM_DATA must be a folder that holds "
            f"{known.file}, or that file itself"
        )
    return _checked(path, known, "unset CHARLM_DATA to download the right one")


def _checked(path: Path, source: Source, remedy: str) -> Path:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        why = error.strerror or error
        raise ValueError(f"{path}: cannot be read ({why}); {remedy}") from error
    if found != source.sha256:
        raise ValueError(
            f"{path}: not the expected content (sha256 {found[:12]}..., expected "
            f"{source.sha256[:12]}...); {remedy}"
        )
    return path


def _download(name: str, source: Source) -> Path:
    import pooch

    try:
        found = pooch.retrieve(
            source.url,
            known_hash=f"sha256:{source.sha256}",
            fname=source.file,
            path=pooch.os_cache("charlm"),
            progressbar=sys.stderr.isatty(),
        )
    except Exception as error:  # pooch passes on whatever its transport raises
        raise ValueError(
            f"cannot download {name!r} from {source.url}: {error}; connect to the "
            f"network, or put {source.file} into a folder and set CHARLM_DATA to it"
        ) from error
    return Path(found)


def check_letters(items: Sequence[str], source: str) -> None:
    """Hold that the items of a known data set are names in the letters a to z.

    Raises:
        ValueError: says which item and which character.
    """
    for number, item in enumerate(items, 1):
        strange = next((c for c in item if not "a" <= c <= "z"), None)
        if strange:
            raise ValueError(
                f"{source}, item {number}, {short(item)}: {strange!r} is outside a-z, "
                "so this is no list of names; read running text with load_text (--text)"
            )

"""Where data sets come from, and what they hold."""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A file whose content is known to the byte.

    Attributes:
        file: its name, also that of a local copy in the folder ``CHARLM_DATA``.
        sha256: checksum of its bytes.
        url: where it can be downloaded; "" for a file of the package.
        about: one line for people.
    """

    file: str
    sha256: str
    url: str
    about: str


SOURCES = {
    "names": Source(
        "names.txt",
        "0e4c757b8317eba0e12678ba36e4da981fefbcd1fecdfeeb7d065b5ddbfaffa8",
        "",
        "23,817 given names of many traditions, part of the package",
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
    ),
}


def locate(source: str | Path) -> Path:
    """Path of a known data set, its content checked, or of a file.

    The bundled one is in the package. Any other known one is taken from
    ``CHARLM_DATA``, a folder with the file (or the file itself), else from the cache,
    else downloaded. In the folder the file may also have the name it has online.

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
    known = SOURCES[name]
    if not known.url:
        path = Path(str(files("charlm") / "datasets" / known.file))
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


def short(text: str) -> str:
    """A text as an error message shows it: a whole file would hide the message."""
    return repr(text) if len(text) <= 80 else f"{text[:80]!r}..."


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
                "so this is no list of names; read running text with load_text"
            )


@dataclass(frozen=True)
class Card:
    """What a list of items holds, as the book prints it."""

    items: int
    distinct: int
    shortest: int
    longest: int
    mean_length: float
    symbols: str
    pairs: int
    sha256: str

    def rows(self) -> list[tuple[str, str]]:
        """Fact and value, for a table."""
        return [
            ("items", f"{self.items:,}"),
            ("distinct items", f"{self.distinct:,}"),
            ("length", f"{self.shortest} to {self.longest}"),
            ("mean length", f"{self.mean_length:.2f}"),
            ("characters", self.symbols),
            ("pairs of context and next character", f"{self.pairs:,}"),
            ("sha256 of the items", self.sha256[:16]),
        ]


def describe(items: Sequence[str]) -> Card:
    """Count what the items hold.

    Raises:
        ValueError: no items.
    """
    if not items:
        raise ValueError("describe: no items")
    lengths = [len(item) for item in items]
    text = "\n".join(items)
    return Card(
        items=len(items),
        distinct=len(set(items)),
        shortest=min(lengths),
        longest=max(lengths),
        mean_length=sum(lengths) / len(lengths),
        symbols="".join(sorted(set("".join(items)))),
        pairs=sum(lengths) + len(items),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )

"""The known data sets: one in the package, the others fetched once and checked."""

import hashlib
import os
import sys
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


def locate(name: str) -> Path:
    """Path of a known data set, its content checked.

    The bundled one is in the package. Any other is taken from ``CHARLM_DATA``, a folder
    with the file (or the file itself), else from the cache, else downloaded.

    Raises:
        ValueError: unknown name, wrong content, or no way to get it; says what to do.
    """
    if name not in SOURCES:
        known = ", ".join(SOURCES)
        raise ValueError(f"{name!r} is neither a file nor a known data set ({known})")
    source = SOURCES[name]
    if not source.url:
        path = Path(str(files("charlm") / "datasets" / source.file))
        return _checked(path, source, "install charlm again")
    local = os.environ.get("CHARLM_DATA")
    if local:
        path = Path(local)
        path = path / source.file if path.is_dir() else path
        if not path.is_file():
            raise ValueError(
                f"{path}: no such file; CHARLM_DATA must be a folder that holds "
                f"{source.file}, or that file itself"
            )
        return _checked(path, source, "unset CHARLM_DATA to download the right one")
    return _download(name, source)


def _checked(path: Path, source: Source, remedy: str) -> Path:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
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

"""The data of a trained model: opened because the user says so, not a file."""

from ..data import SOURCES, Corpus, corpus
from ..train.checkpoint import Checkpoint


def corpus_of(
    found: Checkpoint, source: str | None, to_do: str, whole: bool = False
) -> Corpus:
    """The data that the user names, else those of the file if the package has them.

    Args:
        found: the trained model, with its symbols and how it reads.
        source: what the user named, or None.
        to_do: what the data are wanted for, for the message.
        whole: as one part.

    Raises:
        ValueError: the file names others, which nobody has asked to open or download.
    """
    head = found.head["data"]
    named = head["source"] if source is None else source
    if source is None and (named not in SOURCES or SOURCES[named].url):
        raise ValueError(
            f"{found.path}: says that it was trained on {named!r}; to {to_do}, ask for "
            "the data yourself: --data FILE, or a name from charlm data list"
        )
    return corpus(
        named,
        head["running"],
        compose=head["compose"],
        vocab=found.vocab,
        whole=whole,
    )

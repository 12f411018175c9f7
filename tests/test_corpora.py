"""Data made ready for a model: how they are cut, what fits, what is said of them."""

import hashlib
import re
from types import SimpleNamespace

import pytest
import torch

from charlm import data
from charlm.data import Corpus, Vocab, corpus, memory, odd, refuse_beyond, spelt
from charlm.data.text import short

TEXT = "0123456789" * 19 + "abcdefghij"
ITEMS = [f"{a}{b}" for a in "abcdefghij" for b in "klm"]


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(ITEMS))
    return path


@pytest.fixture
def running(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def model(block, causal=False, checks=False):
    found = SimpleNamespace(block=block, causal=causal)
    if checks:
        found.check_length = None
    return found


def test_items_are_shuffled_with_42_and_cut_in_three(listed):
    found = corpus(listed)
    wanted = data.split(ITEMS, 42)
    assert found.parts == dict(zip(("train", "dev", "test"), wanted, strict=True))
    assert (found.source, found.running, found.compose) == (str(listed), False, False)
    assert found.vocab == Vocab.of(ITEMS)
    assert found == Corpus(str(listed), False, found.vocab, found.parts, found.digest)
    assert corpus(listed, seed=1).parts != found.parts
    assert corpus(listed, whole=True).parts == {"all": ITEMS}
    assert found.text == "\n".join([*wanted[0], *wanted[1], *wanted[2]])


def test_running_text_is_cut_in_place(running):
    found = corpus(running, running=True)
    text = TEXT
    assert found.parts == {
        "train": [text[:180]],
        "dev": [text[180:190]],
        "test": [text[190:]],
    }
    assert found.vocab.symbols == "\0" + "0123456789abcdefghij"
    assert found.longest == text[180:190]
    assert corpus(running, running=True, whole=True).parts == {"all": [text]}
    with pytest.raises(ValueError, match="has no items, so no boundary; leave it out"):
        corpus(running, running=True, boundary=".")


def test_a_digest_tells_content_kind_and_seed_apart(listed):
    wanted = "False 42 " + "\n".join(ITEMS)
    assert corpus(listed).digest == hashlib.sha256(wanted.encode()).hexdigest()
    digests = {
        corpus(listed).digest,
        corpus(listed, seed=1).digest,
        corpus(listed, running=True).digest,
    }
    assert len(digests) == 3


def test_the_known_lists_are_split_as_in_the_lectures(listed, monkeypatch):
    """Copies and all; of other lists copies stay together."""
    twice = ITEMS * 2
    listed.write_text("\n".join(twice))
    parts = list(corpus(listed).parts.values())
    assert not set(parts[0]) & set(parts[1] + parts[2])
    checksum = hashlib.sha256(listed.read_bytes()).hexdigest()
    known = data.Source("list.txt", checksum, "https://example.invalid/x", "")
    monkeypatch.setitem(data.SOURCES, "makemore", known)
    monkeypatch.setenv("CHARLM_DATA", str(listed))
    assert list(corpus("makemore").parts.values()) == list(data.split(twice, 42))


def test_the_boundary(listed):
    assert corpus(listed, boundary="|").vocab.symbols[0] == "|"
    listed.write_text("\n".join([*ITEMS, "a.b"]))
    assert corpus(listed).vocab.symbols == "\n." + "abcdefghijklm"
    with pytest.raises(ValueError, match=r"'a\.b', contains '\.'"):
        corpus(listed, boundary=".")


def test_accents_are_joined_on_request(listed):
    listed.write_text("\n".join([*ITEMS, "e\u0301a"]))
    assert "\u0301" in corpus(listed).vocab.symbols
    joined = corpus(listed, compose=True)
    assert joined.compose
    assert "\u00e9" in joined.vocab.symbols
    assert "\u0301" not in joined.vocab.symbols
    text = corpus(listed, running=True, compose=True)
    assert "\u0301" not in text.text
    assert "\u0301" in corpus(listed, running=True).text


def test_a_vocabulary_that_lacks_characters(listed):
    wide = Vocab(".abcdefghijklmnop")
    assert corpus(listed, vocab=wide).vocab == wide
    wanted = (
        f"{listed}: the model does not know 9 of its characters, "
        "U+0065 LATIN SMALL LETTER E, U+0066 LATIN SMALL LETTER F, "
        "U+0067 LATIN SMALL LETTER G, U+0068 LATIN SMALL LETTER H, "
        "U+0069 LATIN SMALL LETTER I; it knows '.abcd'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        corpus(listed, vocab=Vocab(".abcd"))
    # the boundary of the vocabulary is no character of an item
    with pytest.raises(ValueError, match=r"1 of its characters, U\+0061 LATIN"):
        corpus(listed, vocab=Vocab("abcdefghijklm"))


def test_running_text_as_windows_and_as_pieces(running):
    found = corpus(running, running=True)
    stream = [0, *found.vocab.encode(found.parts["dev"][0])]  # 11 symbols
    X, Y = found.encode(model(3), "dev")
    assert X.tolist() == [stream[i : i + 3] for i in range(8)]
    assert Y.tolist() == stream[3:]
    X, Y = found.encode(model(0), "dev")
    assert (X.flatten().tolist(), Y.tolist()) == (stream[:-1], stream[1:])
    X, Y = found.encode(model(3, causal=True), "dev")
    assert X.tolist() == [stream[0:3], stream[3:6], stream[6:9]]
    assert Y.tolist() == [stream[1:4], stream[4:7], stream[7:10]]
    X, Y = found.encode(model(5, causal=True), "dev")
    assert X.tolist() == [stream[0:5], stream[5:10]]
    assert Y.tolist() == [stream[1:6], stream[6:11]]
    X, Y = found.encode(model(1, causal=True), "dev")
    assert (X.flatten().tolist(), Y.flatten().tolist()) == (stream[:-1], stream[1:])
    with pytest.raises(ValueError, match="one of its parts has 10 characters"):
        found.encode(model(11), "train")


def test_items_as_windows_and_whole(listed):
    found = corpus(listed)
    items = found.parts["dev"]
    for block in (0, 1, 4):
        ours = found.encode(model(block), "dev")
        wanted = data.windows(items, found.vocab, max(block, 1))
        assert all(map(torch.equal, ours, wanted))
        assert all(
            map(torch.equal, data.encode(model(block), items, found.vocab), ours)
        )
    ours = found.encode(model(4, causal=True), "dev")
    assert all(map(torch.equal, ours, data.pack(items, found.vocab)))


def of(items, running=False):
    parts = {"train": items, "dev": items[:1], "test": items[:1]}
    return Corpus("own", running, Vocab(".x"), parts, "")


@pytest.mark.parametrize(("running", "longest"), [(False, "aaaa"), (True, "c")])
def test_what_limits_a_block_is_the_longest_item_or_the_shortest_part(running, longest):
    parts = {"train": ["aaaa"], "dev": ["c"], "test": ["bb"]}
    found = Corpus("own", running, Vocab(".abc"), parts, "")
    assert found.longest == longest


@pytest.mark.parametrize(
    ("reader", "longest", "fits"),
    [
        (model(5, True, True), 4, True),
        (model(5, True, True), 5, False),
        (model(5, True), 999, True),
        (model(5, True), 1000, False),
        (model(5, False), 5_000, True),
    ],
)
def test_the_longest_item_that_a_model_reads(reader, longest, fits):
    found = of(["x", "x" * longest])
    assert found.longest == "x" * longest
    if fits:
        found.fits(reader)
        return
    limit = reader.block if hasattr(reader, "check_length") else 1_000
    wanted = (
        f"own: {short('x' * longest)} has {longest:,} characters and an end, and this "
        f"model reads at most {limit:,}; shorten it, choose a larger block, read "
        "running text as such (--text), or choose the mlp"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        found.fits(reader)


@pytest.mark.parametrize(("block", "fits"), [(7, True), (8, True), (9, False)])
def test_the_shortest_part_of_running_text_that_a_model_reads(block, fits):
    found = of(["x" * 8], running=True)
    if fits:
        found.fits(model(block))
    else:
        with pytest.raises(ValueError, match="own: one of its parts has 8 characters"):
            found.fits(model(block))


@pytest.mark.parametrize(
    ("reader", "rows", "wide"),
    [(model(3), 13, 3), (model(0), 13, 1), (model(9, True), 5, 5)],
)
def test_data_beyond_the_memory_are_refused(reader, rows, wide, monkeypatch):
    """32 bytes for each symbol of each row; items of 4, 1, 1, 1 and 1 symbols."""
    parts = {"train": ["xxxx", "x", "x"], "dev": ["x"], "test": ["x"]}
    found = Corpus("own", False, Vocab(".x"), parts, "")
    monkeypatch.setattr(memory, "available", lambda: 32 * rows * wide)
    found.fits(reader)
    monkeypatch.setattr(memory, "available", lambda: 32 * rows * wide - 1)
    with pytest.raises(ValueError, match=f"own: {rows} rows of {wide} symbols would"):
        found.fits(reader)


def test_memory_is_what_the_system_says(monkeypatch):
    text = "MemTotal: 9 kB\nMemAvailable:   2000 kB\nMemFree: 1 kB\n"
    monkeypatch.setattr(memory.Path, "read_text", lambda self: text)
    assert memory.available() == 2_048_000
    refuse_beyond(2_048_000, "it", "less")
    wanted = "it would take 3.5 GB of memory, and 0.0 GB are free; take less"
    with pytest.raises(ValueError, match=f"^{re.escape(wanted)}$"):
        refuse_beyond(3_500_000_000, "it", "take less")
    pages = {"SC_PHYS_PAGES": 3, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(memory.os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(memory.Path, "read_text", lambda self: "MemFree: 1 kB\n")
    assert memory.available() == 3 * 4096

    def refuse(*_):
        raise OSError

    monkeypatch.setattr(memory.Path, "read_text", refuse)
    assert memory.available() == 3 * 4096
    monkeypatch.setattr(memory.os, "sysconf", refuse)
    assert memory.available() == 2**63


def test_a_text_has_to_fit_into_memory(running, monkeypatch):
    """As bytes, as text and as numbers: 30 bytes for each of its own."""
    size = running.stat().st_size
    monkeypatch.setattr(memory, "available", lambda: 30 * size)
    assert data.read_text(running) == TEXT
    monkeypatch.setattr(memory, "available", lambda: 30 * size - 1)
    with pytest.raises(ValueError, match=r"text\.txt: the text would take .*a part"):
        data.read_text(running)


def test_what_is_not_seen_is_counted_and_named():
    text = "a\u200fb\ufeff\u200f c\n\td\u00a0e\x07\u200f\x07"
    (line,) = odd(text)
    assert line == (
        "characters that are not seen: 3 x U+200F RIGHT-TO-LEFT MARK, "
        "2 x U+0007 CONTROL, 1 x U+FEFF ZERO WIDTH NO-BREAK SPACE, "
        "1 x U+00A0 NO-BREAK SPACE"
    )
    many = "".join(chr(0x2000 + i) for i in range(11))
    assert odd(many)[0].count(" x U+") == 8
    apart = "e\u0301" * 1200
    assert odd(apart) == [
        "1,200 accents stand apart from their letters (normalisation form D); form C "
        "joins them (--nfc)"
    ]
    assert len(odd("e\u0301")) == 1
    assert odd("plain text,\n\twith \u00e9") == []
    assert spelt("a") == "U+0061 LATIN SMALL LETTER A"


def test_a_text_is_shown_whole_up_to_80_characters():
    assert short("x" * 80) == repr("x" * 80)
    assert short("x" * 81) == repr("x" * 80) + "..."


def test_a_line_of_a_list_may_have_10_000_characters(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a\n" + "x" * 10_000)
    assert [len(item) for item in data.load(path)] == [1, 10_000]
    path.write_text("a\n" + "x" * 10_001)
    with pytest.raises(ValueError, match="line 2: 10,001 characters; .* 10,000; for"):
        data.load(path)


def test_what_a_card_says():
    rows = data.describe(["ada", "bo", "ada"]).rows()
    checksum = hashlib.sha256(b"ada\nbo\nada").hexdigest()
    assert rows == [
        ("items", "3"),
        ("distinct items", "2"),
        ("length", "2 to 3"),
        ("mean length", "2.67"),
        ("characters", "abdo"),
        ("pairs of context and next character", "11"),
        ("sha256 of the items", checksum[:16]),
    ]


@pytest.mark.parametrize("fractions", [(0.5, 0.25, 0.25), (0.6, 0.2, 0.2)])
def test_fractions_of_a_split_are_floors(fractions):
    parts = data.split(list(range(20)), 3, fractions)
    assert [len(part) for part in parts] == [round(20 * f) for f in fractions]
    for wrong in ((0.5, 0.5, 0.0), (1.0, 0.5, -0.5), (0.5, 0.3, 0.3), (1.0,)):
        with pytest.raises(ValueError, match="are not three parts of 1, all above 0"):
            data.split(list(range(20)), 3, wrong)

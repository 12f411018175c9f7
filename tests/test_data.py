"""Reading, splitting and cutting text, against plain loops, and every bad input."""

import hashlib
import random
import socket

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from charlm import data, fetch
from charlm.data import Vocab

URL = "https://example.invalid/names.txt"
WORDS = st.lists(st.text("abcxyz", min_size=1, max_size=9), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("CHARLM_DATA", raising=False)


def naive_windows(items, vocab, block):
    """One loop per character, as the lectures write it."""
    X, Y = [], []
    for item in items:
        context = [0] * block
        for c in item + vocab.symbols[0]:
            X.append(context)
            Y.append(vocab.symbols.index(c))
            context = [*context[1:], Y[-1]]
    return torch.tensor(X), torch.tensor(Y)


def test_the_bundled_names():
    names = data.load("names")
    card = data.describe(names)
    assert (card.items, card.distinct, card.pairs) == (23_817, 23_817, 174_483)
    assert (card.shortest, card.longest) == (2, 15)
    assert names == sorted(names)
    assert Vocab.of(names).symbols == ".abcdefghijklmnopqrstuvwxyz"
    assert len(card.rows()) == 7


@given(WORDS, st.integers(1, 10))
def test_windows_equal_the_loop(items, block):
    vocab = Vocab.of(items)
    X, Y = data.windows(items, vocab, block)
    Xn, Yn = naive_windows(items, vocab, block)
    assert torch.equal(X, Xn)
    assert torch.equal(Y, Yn)


@given(WORDS)
def test_pack_holds_the_items(items):
    vocab = Vocab.of(items)
    X, Y = data.pack(items, vocab)
    assert X.shape == Y.shape == (len(items), max(map(len, items)) + 1)
    for item, x, y in zip(items, X.tolist(), Y.tolist(), strict=True):
        n = len(item)
        assert x[: n + 1] == [0, *vocab.encode(item)]
        assert y[: n + 1] == [*vocab.encode(item), 0]
        assert set(x[n + 1 :]) <= {0}
        assert set(y[n + 1 :]) <= {data.IGNORE}


@given(WORDS)
def test_encode_and_decode(items):
    vocab = Vocab.of(items)
    assert [vocab.decode(vocab.encode(item)) for item in items] == items
    assert len(vocab) == len(set("".join(items))) + 1
    assert vocab.symbols[0] == "."


@given(st.lists(st.integers(), min_size=10, max_size=40, unique=True), st.integers())
def test_split_is_a_partition(items, seed):
    parts = data.split(items, seed)
    assert sorted(sum(parts, [])) == sorted(items)
    assert parts == data.split(items, seed)
    assert [len(p) for p in parts[:1]] == [int(0.8 * len(items))]


def test_split_is_that_of_the_lectures():
    words = [f"w{i}" for i in range(32_033)]
    expected = list(words)
    random.seed(42)
    random.shuffle(expected)
    n1, n2 = int(0.8 * len(words)), int(0.9 * len(words))
    parts = data.split(words, seed=42)
    assert parts == (expected[:n1], expected[n1:n2], expected[n2:])
    assert words[0] == "w0", "the input was shuffled"


def test_minibatch_draws_rows(g):
    X, Y = torch.arange(50)[:, None], torch.arange(50)
    Xb, Yb = data.minibatch(X, Y, 2_000, g)
    assert Xb.shape == (2_000, 1)
    assert torch.equal(Xb[:, 0], Yb)
    assert Yb.unique().tolist() == list(range(50))


@pytest.mark.parametrize("size", [1, 7, 10])
def test_batches_are_all_rows_once(g, size):
    X = torch.arange(10)
    seen = [x for x, _ in data.batches(X, X, size, g)]
    assert torch.cat(seen).sort().values.tolist() == list(range(10))
    assert {len(x) for x in seen[:-1]} <= {size}


@pytest.mark.parametrize(
    "raw",
    [
        b"ada\nbob\n",
        b"ada\r\nbob\r\n",
        b"\xef\xbb\xbfada\nbob",
        b"\n ada \n\tbob\n",
    ],
    ids=["plain", "CRLF", "byte order mark", "blanks"],
)
def test_harmless_differences_are_read_alike(tmp_path, raw):
    path = tmp_path / "list.txt"
    path.write_bytes(raw)
    assert data.load(path) == data.load(str(path)) == ["ada", "bob"]


def test_any_alphabet_is_read(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("žofie\nΑθηνά\n美月\nmary ann\n", encoding="utf8")
    items = data.load(path)
    vocab = Vocab.of(items)
    assert vocab.decode(vocab.encode(items[2])) == "美月"


BAD = {
    "empty": (b"", "the file is empty; give one item"),
    "blank": (b"\n  \n\n", "the file is empty; give one item"),
    "not UTF-8": (b"ada\nb\xff\xfe\n", r"line 2: byte 6 .* save the file as UTF-8"),
    "binary": (b"ada\nbo\x00b\n", r"line 2, column 3: character '\\x00'"),
    "huge line": (b"ada\n" + b"x" * 10_000_000, "line 2: 10,000,000 .* load_text"),
}


@pytest.mark.parametrize(("raw", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_file_is_named_with_line_and_remedy(tmp_path, raw, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message) as caught:
        data.load(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="is a folder; name a text file"):
        data.load(tmp_path)
    with pytest.raises(ValueError, match=r"neither a file nor .*names, makemore"):
        data.load(tmp_path / "missing.txt")
    with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
        data.read_lines(tmp_path / "missing.txt")


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "secret.txt"
    path.write_text("ada")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"read \(Permission denied\); check"):
        data.load(path)


def test_an_unknown_character_is_named():
    vocab = Vocab.of(["ada", "bob"])
    with pytest.raises(ValueError, match=r"'adé': character 3, 'é', .*'\.abdo'"):
        vocab.encode("adé")


def test_the_boundary_in_the_data_is_refused():
    with pytest.raises(ValueError, match=r"item 2, 'j\.r', contains '\.'"):
        Vocab.of(["ada", "j.r"])


def test_arguments_out_of_range(g):
    vocab, X = Vocab.of(["ada"]), torch.arange(4)
    for call, message in (
        (lambda: data.windows(["ada"], vocab, 0), "block is 0"),
        (lambda: data.windows([], vocab, 3), "no items"),
        (lambda: data.pack([], vocab), "no items"),
        (lambda: data.describe([]), "no items"),
        (lambda: data.split(["a", "b"], 1), "parts of 1, 0, 1"),
        (lambda: data.batches(X, X, 5, g), "size is 5.*4 rows"),
        (lambda: data.batches(X, X, 0, g), "size is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.fixture
def local(tmp_path, monkeypatch):
    """A data set of our own in place of the lectures', in a local folder."""
    raw = b"ada\nbob\n"
    checksum = hashlib.sha256(raw).hexdigest()
    source = fetch.Source("makemore-names.txt", checksum, URL, "")
    monkeypatch.setitem(fetch.SOURCES, "makemore", source)
    path = tmp_path / "makemore-names.txt"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_local_copy_is_used(local, monkeypatch, as_folder):
    monkeypatch.setenv("CHARLM_DATA", str(local.parent if as_folder else local))
    assert data.load("makemore") == ["ada", "bob"]
    assert data.load_text("makemore") == "ada\nbob\n"


def test_a_wrong_local_copy_is_refused(local, monkeypatch):
    monkeypatch.setenv("CHARLM_DATA", str(local))
    local.write_bytes(b"eve\n")
    with pytest.raises(ValueError, match=r"not the expected.*unset CHARLM_DATA"):
        data.load("makemore")


def test_a_missing_local_copy_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CHARLM_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"no such file; CHARLM_DATA must be"):
        data.load("makemore")


def test_without_a_network_the_remedy_is_told(local, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"cannot download.*set CHARLM_DATA"):
        data.load("makemore")


def test_running_text_is_no_list(tmp_path, monkeypatch):
    raw = b"First Citizen:\nBefore we proceed"
    checksum = hashlib.sha256(raw).hexdigest()
    source = fetch.Source("t.txt", checksum, URL, "")
    monkeypatch.setitem(fetch.SOURCES, "tinyshakespeare", source)
    (tmp_path / "t.txt").write_bytes(raw)
    monkeypatch.setenv("CHARLM_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="outside a-z.*load_text"):
        data.load("tinyshakespeare")
    assert data.load_text("tinyshakespeare").startswith("First")

"""Reading, splitting and cutting text, against plain loops, and every bad input."""

import hashlib
import os
import random
import re
import socket
import time
from pathlib import Path

import pooch
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm import data
from charlm.data import Vocab
from charlm.data.sources import is_running

URL = "https://example.invalid/online.txt"
LECTURES = os.environ.get("CHARLM_DATA")  # read before the fixture below removes it
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
    assert card.pairs == sum(len(name) + 1 for name in names)
    assert card.symbols == "abcdefghijklmnopqrstuvwxyz"
    assert card.mean_length == pytest.approx(150_666 / 23_817)
    assert card.sha256 == hashlib.sha256("\n".join(names).encode()).hexdigest()
    assert Vocab.of(names).symbols == "." + card.symbols
    assert len(card.rows()) == 7


def test_the_data_card_of_the_bundled_names():
    folder = Path(data.__file__).parent / "lists"
    checksum = hashlib.sha256((folder / "names.txt").read_bytes()).hexdigest()
    assert checksum == data.SOURCES["names"].sha256
    text = (folder / "README.md").read_text(encoding="utf8")
    for fact in ("23,817", checksum, "CC0", "about 80", "2 to 15", "sorted"):
        assert fact in text


@pytest.mark.skipif(not LECTURES, reason="CHARLM_DATA names no copy of the lectures'")
def test_the_list_of_the_lectures(monkeypatch):
    monkeypatch.setenv("CHARLM_DATA", LECTURES)
    names = data.load("makemore")
    card = data.describe(names)
    assert (card.items, card.distinct, card.pairs) == (32_033, 29_494, 228_146)
    vocab = Vocab.of(names)
    sizes = [len(data.windows(p, vocab, 3)[0]) for p in data.split(names, seed=42)]
    assert sizes == [182_625, 22_655, 22_866]


def test_describe_counts():
    card = data.describe(["ada", "bo", "ada"])
    assert (card.items, card.distinct, card.pairs) == (3, 2, 11)
    assert (card.shortest, card.longest, card.symbols) == (2, 3, "abdo")
    assert card.mean_length == pytest.approx(8 / 3)


@settings(deadline=None)
@given(WORDS, st.integers(1, 10))
def test_windows_equal_the_loop(items, block):
    vocab = Vocab.of(items)
    X, Y = data.windows(items, vocab, block)
    Xn, Yn = naive_windows(items, vocab, block)
    assert torch.equal(X, Xn)
    assert torch.equal(Y, Yn)
    assert X.dtype == Y.dtype == torch.int64
    assert X.is_contiguous()


@settings(deadline=None)
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
        assert set(y[n + 1 :]) <= {data.IGNORE} == {-1}


@settings(deadline=None)
@given(WORDS)
def test_encode_and_decode(items):
    vocab = Vocab.of(items)
    assert [vocab.decode(vocab.encode(item)) for item in items] == items
    assert len(vocab) == len(set("".join(items))) + 1
    assert vocab.symbols[0] == "."
    assert all(vocab.itos[i] == symbol for symbol, i in vocab.stoi.items())
    assert vocab.decode(torch.tensor(vocab.encode(items[0]))) == items[0]


def test_another_boundary():
    vocab = Vocab.of(["j.r", "ada"], boundary="|")
    assert vocab.symbols == "|.adjr"
    X, Y = data.windows(["j.r"], vocab, 2)
    assert [vocab.decode(x) for x in X] == ["||", "|j", "j.", ".r"]
    assert vocab.decode(Y) == "j.r|"


@settings(deadline=None)
@given(st.lists(st.integers(), min_size=10, max_size=40, unique=True), st.integers())
def test_split_is_a_partition(items, seed):
    parts = data.split(items, seed)
    assert sorted(sum(parts, [])) == sorted(items)
    assert parts == data.split(items, seed)
    n = len(items)
    sizes = [int(0.8 * n), int(0.9 * n) - int(0.8 * n), n - int(0.9 * n)]
    assert [len(part) for part in parts] == sizes


def test_split_is_that_of_the_lectures():
    words = [f"w{i}" for i in range(32_033)]
    expected = list(words)
    random.seed(42)
    random.shuffle(expected)
    n1, n2 = int(0.8 * len(words)), int(0.9 * len(words))
    parts = data.split(words, seed=42)
    assert parts == (expected[:n1], expected[n1:n2], expected[n2:])
    assert words[0] == "w0", "the input was shuffled"
    assert data.split(words, seed=43) != parts


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [(10, (0.7, 0.1, 0.2), [7, 1, 2]), (100, (0.29, 0.29, 0.42), [29, 29, 42])],
)
def test_other_fractions(count, fractions, sizes):
    # 0.7 + 0.1 < 0.8 in floating point: no item may fall to the next part
    parts = data.split(list(range(count)), 1, fractions)
    assert [len(part) for part in parts] == sizes


def test_minibatch_draws_rows(g):
    X, Y = torch.arange(50)[:, None], torch.arange(50)
    Xb, Yb = data.minibatch(X, Y, 2_000, g)
    assert Xb.shape == (2_000, 1)
    assert torch.equal(Xb[:, 0], Yb)
    assert Yb.unique().tolist() == list(range(50))


def test_rows_are_drawn_by_the_generator_alone():
    X = torch.arange(1_000)
    for draw in (data.minibatch, lambda *how: next(data.batches(*how))):
        one, two, other = (
            draw(X, X, 50, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2)
        )
        assert torch.equal(one, two)
        assert not torch.equal(one, other)
    assert data.minibatch(X[:1], X[:1], 1, torch.Generator())[0].tolist() == [0]


def test_the_data_may_be_on_another_device_than_the_generator(g):
    X = torch.zeros(10, 3, device="meta")
    for rows, _ in (data.minibatch(X, X, 4, g), *data.batches(X, X, 5, g)):
        assert rows.device == X.device


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
        b"ada\rbob\r",
    ],
    ids=["plain", "CRLF", "byte order mark", "blanks", "CR"],
)
def test_harmless_differences_are_read_alike(tmp_path, raw):
    path = tmp_path / "list.txt"
    path.write_bytes(raw)
    assert data.load(path) == data.load(str(path)) == ["ada", "bob"]


def test_any_alphabet_is_read(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("žofie\nΑθηνά\n美月\nmary ann\nعلی\u200cرضا", encoding="utf8")
    items = data.load(path)
    assert len(items) == 5
    vocab = Vocab.of(items)
    assert vocab.decode(vocab.encode(items[2])) == "美月"


def test_running_text_has_plain_line_ends(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfTo be,\r\n\r\nor not\tto be\r\n")
    assert data.load_text(path) == "To be,\n\nor not\tto be\n"
    path.write_bytes(b"To\nbe\0")
    with pytest.raises(ValueError, match="text.txt, line 2: .* no text file"):
        data.load_text(path)


BAD = {
    "empty": (b"", "the file is empty; give one item"),
    "blank": (b"\n  \n\n", "the file is empty; give one item"),
    "not UTF-8": (b"ada\nb\xff\xfe\n", r"line 2: byte 6 .* save the file as UTF-8"),
    "binary": (b"ada\nbo\x00b\n", r"line 2: character '\\x00'.* save it as one"),
    "control": (b"ada\n bo\x0cb\n", r"line 2, column 4: .* '\\x0c'.* Remove it"),
    "control at an end": (b"ada\n\x1cbob\n", r"line 2, column 1: .*Remove it"),
    "blank in any alphabet": ("\u00a0\n\u3000".encode(), "nothing but blank lines"),
    "not UTF-8 after a blank": (b"\nb\xff", "line 2: byte 3 of"),
    "binary after a blank": (b"\nbo\x00", "line 2: character"),
    "mark alone": (b"\xef\xbb\xbf\n", "the file is empty; give one item"),
    "not UTF-8 after a mark": (b"\xef\xbb\xbfab\n\xff", "line 2: byte 7 of"),
    "UTF-16": ("ada\n".encode("utf-16"), "line 1: byte 1 of .* save the file as"),
    "huge line": (b"ada\n" + b"x" * 10_000_000, "line 2: 10,000,000 .* load_text"),
}


@pytest.mark.parametrize(("raw", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_file_is_named_with_line_and_remedy(tmp_path, raw, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(raw)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message) as caught:
        data.load(path)
    assert time.perf_counter() - start < 5, "seconds; 10 MB take a tenth of one"
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="is a folder; name a text file"):
        data.load(tmp_path)
    with pytest.raises(ValueError, match=f"{os.devnull}: is no regular file; save"):
        data.load(os.devnull)
    for source in (tmp_path / "missing.txt", "nmaes", "x" * 5_000, "a\nb" * 5_000):
        with pytest.raises(
            ValueError, match=r"neither .* choose .*names, book, makemore"
        ) as e:
            data.load(source)
        assert len(str(e.value)) < 300
    with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
        data.read_lines(tmp_path / "missing.txt")


UNREADABLE = pytest.mark.parametrize(
    ("error", "why"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError("it has no number"), "it has no number"),
    ],
)


@UNREADABLE
def test_an_unreadable_file(error, why, tmp_path, monkeypatch):
    path = tmp_path / "secret.txt"
    path.write_text("ada")

    def refuse(self):
        raise error

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(ValueError, match=rf"read \({why}\); check"):
        data.load(path)


def test_an_unknown_character_is_named():
    vocab = Vocab.of(["ada", "bob"])
    with pytest.raises(ValueError, match=r"'adé': character 3, 'é', .*'\.abdo'"):
        vocab.encode("adé")


@pytest.mark.parametrize("cut", [lambda i, v: data.windows(i, v, 3), data.pack])
def test_an_item_that_does_not_fit_the_vocabulary_is_named(cut):
    vocab = Vocab.of(["ada", "bob"])
    with pytest.raises(ValueError, match=r"^'bobé': character 4, 'é'"):
        cut(["ada"] * 1_000 + ["bobé"], vocab)
    with pytest.raises(ValueError, match=r"^item 2, 'b\.b', contains '\.'.* another"):
        cut(["ada", "b.b"], vocab)


@pytest.mark.parametrize("number", [-1, 5])
def test_a_number_of_no_symbol_is_named(number):
    with pytest.raises(ValueError, match=f"{number} is not from 0 to 4"):
        Vocab.of(["ada", "bob"]).decode([1, number])


def test_a_long_text_does_not_hide_the_message():
    text = "a" * 1_000_000
    for call in (
        lambda: Vocab.of(["b"]).encode(text),
        lambda: Vocab.of([text + "."]),
    ):
        with pytest.raises(ValueError, match="'aaa") as caught:
            call()
        assert len(str(caught.value)) < 300


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
        (lambda: Vocab.of(["ada"], boundary=""), "boundary is ''; give one"),
        (lambda: Vocab.of(["ada"], boundary="<>"), "boundary is '<>'; give one"),
        (lambda: data.split(["a", "b"], 1), "parts of 1, 0, 1; give more"),
        (lambda: data.split([], 1), "parts of 0, 0, 0; give more"),
        (lambda: data.split("abcd", 1, (0.5, 0.5)), "not three parts"),
        (lambda: data.split("abcd", 1, (0.5, 0.4, 0.2)), "not three parts"),
        (lambda: data.split("abcd", 1, (-0.5, 1.3, 0.2)), "not three parts"),
        (lambda: data.minibatch(X, X, 0, g), "size is 0"),
        (lambda: data.minibatch(X[:0], X[:0], 2, g), "X has 0 rows"),
        (lambda: data.minibatch(X, X[:3], 2, g), "X has 4 rows, Y 3; give as many"),
        (lambda: data.batches(X, X[:3], 2, g), "X has 4 rows, Y 3; give as many"),
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
    source = data.Source("makemore-names.txt", checksum, URL, "")
    monkeypatch.setitem(data.SOURCES, "makemore", source)
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
    found, wanted = (
        hashlib.sha256(raw).hexdigest()[:12] for raw in (b"eve\n", b"ada\nbob\n")
    )
    told = (
        rf"not the expected content \(sha256 {found}\.\.\., expected {wanted}\.\.\.\)"
    )
    with pytest.raises(ValueError, match=f"{told}; unset CHARLM_DATA"):
        data.load("makemore")


def test_a_local_copy_may_have_the_name_it_has_online(local, monkeypatch):
    local.rename(local.with_name("online.txt"))
    monkeypatch.setenv("CHARLM_DATA", str(local.parent))
    assert data.load("makemore") == ["ada", "bob"]


@UNREADABLE
def test_an_unreadable_local_copy_is_named(error, why, local, monkeypatch):
    monkeypatch.setenv("CHARLM_DATA", str(local))

    def refuse(self):
        raise error

    monkeypatch.setattr(type(local), "read_bytes", refuse)
    with pytest.raises(ValueError, match=rf"makemore.* read \({why}\); unset"):
        data.load("makemore")


def test_a_missing_local_copy_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CHARLM_DATA", str(tmp_path))
    missing = re.escape(str(tmp_path / "makemore-names.txt"))
    with pytest.raises(ValueError, match=f"^{missing}: no such file; CHARLM_DATA must"):
        data.load("makemore")


def test_a_missing_list_of_ones_own_is_named(monkeypatch):
    monkeypatch.setenv("CHARLM_NAMES", "gone.txt")
    with pytest.raises(
        ValueError, match="CHARLM_NAMES is 'gone.txt', which is no file"
    ):
        data.load("names")


@pytest.mark.parametrize("name", data.SOURCES)
def test_what_is_known_of_a_source(name):
    source = data.SOURCES[name]
    assert re.fullmatch(r"[\w-]+\.txt", source.file)
    assert re.fullmatch("[0-9a-f]{64}", source.sha256)
    assert re.fullmatch(r"(https://\S+\.txt)?", source.url)
    assert re.search(
        rf"\d [a-z ]+.*, {'downloaded' if source.url else 'part of'}", source.about
    )
    assert ("running text" in source.about) == source.running == is_running(name)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for downloads."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: folder)
    return folder


def test_without_a_network_the_remedy_is_told(local, cache):
    with pytest.raises(ValueError, match=r"cannot download.*set CHARLM_DATA") as caught:
        data.load("makemore")
    assert URL in str(caught.value)
    assert caught.value.__cause__ is not None


def serve(monkeypatch, raw):
    """Let every download bring these bytes; returns the list of what was asked for."""
    asked = []

    def download(self, url, output_file, pup, check_only=False):
        asked.append(url)
        Path(output_file).write_bytes(raw)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return asked


def test_a_download_is_made_once(local, cache, monkeypatch):
    asked = serve(monkeypatch, local.read_bytes())
    assert data.load("makemore") == data.load("makemore") == ["ada", "bob"]
    assert asked == [URL]
    assert [path.name for path in cache.iterdir()] == [local.name]


@pytest.mark.parametrize("seen", [True, False])
def test_a_download_shows_how_far_it_is_to_who_can_see_it(
    local, cache, monkeypatch, seen
):
    asked = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: seen, raising=False)
    monkeypatch.setattr(
        pooch, "retrieve", lambda url, **how: asked.append(how) or str(local)
    )
    assert data.load("makemore") == ["ada", "bob"]
    assert [how["progressbar"] for how in asked] == [seen]


def test_a_download_with_other_content_is_refused(local, cache, monkeypatch):
    serve(monkeypatch, b"eve\n")
    with pytest.raises(ValueError, match=r"(?s)download.*hash.*set CHARLM_DATA"):
        data.load("makemore")
    assert not list(cache.glob("*.txt")), "the wrong file stayed in the cache"


def test_a_damaged_cache_is_mended(local, cache, monkeypatch):
    cache.mkdir()
    (cache / local.name).write_bytes(b"ad")
    serve(monkeypatch, local.read_bytes())
    assert data.load("makemore") == ["ada", "bob"]


def test_a_damaged_installation_is_named(monkeypatch):
    source = data.Source("names.txt", "0" * 64, "", "")
    monkeypatch.setitem(data.SOURCES, "names", source)
    with pytest.raises(
        ValueError, match=r"names\.txt: not the .* install charlm again"
    ):
        data.load("names")


def test_running_text_is_no_list(tmp_path, monkeypatch):
    raw = b"First Citizen:\nBefore we proceed"
    checksum = hashlib.sha256(raw).hexdigest()
    source = data.Source("t.txt", checksum, URL, "")
    assert is_running("tinyshakespeare")
    monkeypatch.setitem(data.SOURCES, "tinyshakespeare", source)
    (tmp_path / "t.txt").write_bytes(raw)
    monkeypatch.setenv("CHARLM_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="item 1.*'F' is outside a-z.*load_text"):
        data.load("tinyshakespeare")
    assert data.load_text("tinyshakespeare").startswith("First")


def test_the_text_of_the_book(monkeypatch, tmp_path):
    text = data.load_text("book")
    plain = re.compile(r"[A-Z\"(][\w ,.;:?!'\"()/-]*[.?!][)\"]?", re.A)
    assert all(plain.fullmatch(line) for line in text.split("\n") if line)
    source, card = data.SOURCES["book"], Path(data.__file__).parent / "lists/README.md"
    for fact in (f"{len(text):,}", f"{len(set(text)) - 1}", source.sha256, "CC BY 4.0"):
        assert fact in card.read_text("utf8")
    found = data.corpus("book")
    assert found.running
    assert [len(found.parts[part][0]) for part in data.PARTS] == [186612, 10367, 10368]
    assert "".join(found.parts[part][0] for part in data.PARTS) == text
    # a reader's own list takes the place of the names, not of the text
    (tmp_path / "own.txt").write_text("ada\nbob\n")
    monkeypatch.setenv("CHARLM_NAMES", str(tmp_path / "own.txt"))
    assert data.load("names") == ["ada", "bob"]
    assert data.load_text("book") == text
    with pytest.raises(ValueError, match="'H' is outside a-z.*load_text"):
        data.load("book")

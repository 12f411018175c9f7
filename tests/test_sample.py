"""Drawing and measuring, on models whose answers are known."""

import math

import pytest
import torch
from torch import Generator

from charlm.data import Vocab, encode
from charlm.models import GPT, ConvTree, Tree
from charlm.sample import (
    Reader,
    beam,
    draw,
    log_likelihood,
    narrow,
    nll,
    sample,
    scores,
    stream,
    without_end,
)

VOCAB = Vocab.of(["ab", "c"])


class Fixed:
    """Logits that depend on the last symbol alone."""

    block = 2
    causal = False

    def __init__(self, table):
        self.table = torch.tensor(table, dtype=torch.float32).log()

    def forward(self, ix, training=True):
        assert not training
        return self.table[ix[:, -1]], None


def test_draw_has_the_right_frequencies(g):
    p = torch.tensor([0.5, 0.1, 0.0, 0.4])
    found = draw(p.log().expand(40_000, 4), g).bincount(minlength=4) / 40_000
    assert found[2] == 0
    assert (found - p).abs().max() < 0.01


def test_a_row_does_not_depend_on_the_rows_after_it():
    logits = torch.randn(8, 5, generator=Generator().manual_seed(1))
    all_rows = draw(logits, Generator().manual_seed(2))
    first = draw(logits[:3], Generator().manual_seed(2))
    assert torch.equal(all_rows[:3], first)


def test_draw_survives_extreme_logits(g):
    logits = torch.tensor([[-1e4, 1e4, 0.0], [0.0, 0.0, -1e30]])
    for _ in range(50):
        a, b = draw(logits, g).tolist()
        assert a == 1
        assert b in (0, 1)


def test_what_cannot_be_is_not_drawn_at_either_end(monkeypatch, g):
    """Not at u = 0, and not at the u next to 1 where the sums end a little below it."""
    gone = float("-inf")
    logits = torch.tensor([[gone, 0.0, 0.0, gone], [gone, gone, 0.3, gone]])
    thirds = torch.tensor([gone] + [0.1] * 3 + [gone]).expand(2, 5)
    for u, wanted in ((0.0, ([1, 2], [1, 1])), (1 - 2**-53, ([2, 2], [3, 3]))):
        fixed = torch.full((2, 1), u, dtype=torch.float64)
        monkeypatch.setattr(torch, "rand", lambda *a, fixed=fixed, **k: fixed)
        assert (draw(logits, g).tolist(), draw(thirds, g).tolist()) == wanted


def test_a_chain_of_certainties_is_followed(g):
    chain = Fixed([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    assert sample(chain, VOCAB, 3, g) == ["ab", "ab", "ab"]


def test_an_endless_name_is_cut(g):
    endless = Fixed([[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]])
    assert sample(endless, VOCAB, 2, g, longest=5) == ["ccccc"] * 2


def test_the_same_seed_gives_the_same_names():
    model = Fixed([[0.1, 0.3, 0.3, 0.3]] * 4)
    names = [sample(model, VOCAB, 20, Generator().manual_seed(s)) for s in (5, 5, 6)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_nll_is_the_mean_over_all_rows(rows):
    model = Fixed([[0.5, 0.25, 0.125, 0.125]] * 4)
    X = torch.zeros(4, 2, dtype=torch.long)
    Y = torch.tensor([0, 1, 2, 3])
    wanted = (1 + 2 + 3 + 3) * math.log(2) / 4
    assert nll(model, X, Y, rows) == pytest.approx(wanted, rel=1e-6)


def test_temperature_top_k_and_top_p():
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1]]).log()

    def p(**options):
        return narrow(logits, **options).softmax(-1)[0].tolist()

    assert p() == pytest.approx([0.5, 0.2, 0.2, 0.1])
    assert p(temperature=0) == [1, 0, 0, 0]
    assert p(temperature=0.5) == pytest.approx(
        [x / 0.34 for x in (0.25, 0.04, 0.04, 0.01)]
    )
    assert p(temperature=1e6) == pytest.approx([0.25] * 4, abs=1e-5)
    assert p(top_k=2) == pytest.approx([5 / 7, 2 / 7, 0, 0])  # the earlier of two equal
    assert p(top_k=9) == pytest.approx([0.5, 0.2, 0.2, 0.1])
    assert p(top_p=0.4) == [1, 0, 0, 0]
    assert p(top_p=0.6) == pytest.approx([5 / 7, 2 / 7, 0, 0])
    assert p(top_p=1.0) == pytest.approx([0.5, 0.2, 0.2, 0.1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": -1}, "temperature is -1"),
        ({"top_k": 0}, "top_k is 0; keep at least 1"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
    ],
)
def test_settings_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        narrow(torch.zeros(1, 3), **options)


def test_a_prefix_begins_every_name(g):
    model = Fixed(
        [[0.2, 0.4, 0.4, 0.0], [0.3, 0.3, 0.4, 0.0], [0.5, 0.5, 0, 0], [1, 0, 0, 0]]
    )
    names = sample(model, VOCAB, 30, g, prefix="bc")
    assert set(names) == {"bc"}  # after c the model ends
    assert all(n.startswith("b") for n in sample(model, VOCAB, 30, g, prefix="b"))
    with pytest.raises(ValueError, match="'z', is not in the vocabulary"):
        sample(model, VOCAB, 1, g, prefix="z")


def test_the_beam_finds_the_likeliest_names():
    table = [
        [0.0, 0.6, 0.4, 0.0],
        [0.5, 0.0, 0.5, 0.0],
        [0.9, 0.1, 0.0, 0.0],
        [1, 0, 0, 0],
    ]
    found = dict(beam(Fixed(table), VOCAB, width=50, longest=12))
    # every name's probability is a product along its path
    wanted = {
        "b": 0.4 * 0.9,
        "a": 0.6 * 0.5,
        "ab": 0.6 * 0.5 * 0.9,
        "ba": 0.4 * 0.1 * 0.5,
    }
    for name, p in wanted.items():
        assert found[name] == pytest.approx(math.log(p), rel=1e-6)
    assert list(found)[:3] == ["b", "a", "ab"]


def test_causal_models_are_sampled_and_measured_as_their_windows(g):
    """The tree by windows and by whole names: the same scores, loss and samples."""
    names = ["ada", "bo", "cleo", "dan"]
    vocab = Vocab.of(names)
    tree = Tree(len(vocab), g, n_embd=3, n_hidden=4)
    conv = ConvTree(len(vocab), Generator(), n_embd=3, n_hidden=4)
    for (_, p, _), (_, q, _) in zip(conv.named(), tree.named(), strict=True):
        p.copy_(q)
    text = torch.tensor([[0, 1, 2], [0, 3, 3]])
    torch.testing.assert_close(scores(conv, text), scores(tree, text))
    by_window, whole = (
        nll(tree, *encode(tree, names, vocab)),
        nll(conv, *encode(conv, names, vocab)),
    )
    assert whole == pytest.approx(by_window, rel=1e-5)
    one, two = (sample(m, vocab, 9, Generator().manual_seed(4)) for m in (tree, conv))
    assert one == two


def test_a_gpt_is_sampled_past_its_block(g):
    model = GPT(5, g, block=4, n_embd=4, n_head=2, n_layer=1)
    names = sample(model, Vocab(".abcd"), 50, g, longest=12)
    assert max(map(len, names)) > 4


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nothing_is_drawn_from_what_is_no_number(value, g):
    logits = torch.tensor([[0.0, 1.0], [value, 0.0]])
    model = Fixed([[1.0, 1.0], [1.0, value]])
    for temperature in (0, 0.5, 1.0):
        with pytest.raises(ValueError, match="scores are no finite numbers; "):
            draw(narrow(logits, temperature), g)
    for call in (
        lambda: sample(model, Vocab(".a"), 3, g, prefix="a"),
        lambda: beam(model, Vocab(".a"), prefix="a"),
    ):
        with pytest.raises(ValueError, match="scores are no finite numbers; "):
            call()


def test_temperatures_that_are_no_temperatures(g):
    logits = torch.tensor([[3.0, 1.0]])
    with pytest.raises(ValueError, match="temperature is nan; give 0"):
        narrow(logits, math.nan)
    with pytest.raises(ValueError, match="take a larger temperature"):
        draw(narrow(logits, 1e-39), g)


def test_the_end_of_an_item_begins_none(g):
    model = Fixed([[0.5, 0.5, 0.0, 0.0]] * 4)
    for call in (
        lambda: sample(model, VOCAB, 2, g, prefix="a.b"),
        lambda: beam(model, VOCAB, prefix="a.b"),
        lambda: log_likelihood(model, VOCAB, "a.b", ended=True),
    ):
        with pytest.raises(ValueError, match=r"'a\.b' contains '\.'.*leave it out"):
            call()


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("prefix", ["", "ab"])
def test_a_stream_gives_the_sample_symbol_by_symbol(prefix, ends):
    reads = []

    class Heard(Fixed):
        def forward(self, ix, training=True):
            reads.append(ix)
            return super().forward(ix, training)

    model = Heard([[0.1, 0.4, 0.3, 0.2]] * 4)
    for seed in range(20):
        g = Generator().manual_seed(seed)
        (whole,) = sample(model, VOCAB, 1, g, 9, prefix, ends=ends)
        reads.clear()
        said = ""
        g = Generator().manual_seed(seed)
        for i, piece in enumerate(stream(model, VOCAB, g, 9, prefix, ends=ends)):
            said += piece
            assert len(reads) == i + 1
        assert said == whole


def test_a_drawn_name_ends_where_it_ends(g):
    """While others go on: what comes after its end is no part of it."""
    model = Fixed([[0, 0.5, 0, 0.5], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    names = sample(model, VOCAB, 40, g, longest=6)
    assert set(names) == {"a", "cccccc"}


def test_every_place_is_drawn_from_its_own_scores():
    """The number of places, with and without a beginning, and nothing after them."""
    read = []

    class Watched(Fixed):
        def forward(self, ix, training=True):
            read.append(ix.tolist())
            return super().forward(ix, training)

    chain = Watched([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
    assert sample(chain, VOCAB, 1, Generator(), longest=4) == ["abca"]
    assert read == [[[0, 0]], [[0, 1]], [[1, 2]], [[2, 3]]]
    assert sample(chain, VOCAB, 1, Generator(), longest=4, prefix="ab") == ["abca"]
    assert sample(chain, VOCAB, 1, Generator(), longest=2, prefix="ab") == ["ab"]
    assert len(sample(chain, VOCAB, 1, Generator())[0]) == 40
    assert len(beam(chain, VOCAB)[0][0]) == 40


def test_running_text_has_no_end_to_draw(g):
    model = Fixed([[0.9, 0.1, 0, 0]] * 4)
    assert sample(model, VOCAB, 2, g, longest=3, ends=False) == ["aaa"] * 2
    assert beam(model, VOCAB, 2, 3, ends=False) == [("aaa", pytest.approx(0.0))]
    logits = torch.zeros(1, 3)
    assert without_end(logits).tolist() == [[-math.inf, 0, 0]]
    assert logits.tolist() == [[0, 0, 0]], "the scores of the caller are its own"


TABLE = [
    [0.0, 0.6, 0.4, 0.0],
    [0.5, 0.0, 0.5, 0.0],
    [0.9, 0.1, 0.0, 0.0],
    [1, 0, 0, 0],
]


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (1, {"ab": 0.6 * 0.55 * 0.9}),
        (2, {"b": 0.4 * 0.9, "ab": 0.6 * 0.55 * 0.9}),
        (3, {"b": 0.4 * 0.9, "ab": 0.6 * 0.55 * 0.9, "a": 0.6 * 0.45}),
    ],
)
def test_a_beam_keeps_as_many_beginnings_as_it_is_wide(width, names):
    """The likeliest first symbol does not lead to the likeliest name."""
    table = [TABLE[0], [0.45, 0.0, 0.55, 0.0], *TABLE[2:]]
    found = beam(Fixed(table), VOCAB, width=width, longest=12)
    assert [name for name, _ in found] == list(names)
    for (_, nats), p in zip(found, names.values(), strict=True):
        assert nats == pytest.approx(math.log(p), rel=1e-6)


def test_a_beam_begins_where_it_is_told():
    found = beam(Fixed(TABLE), VOCAB, width=2, longest=3, prefix="a")
    assert dict(found) == {
        "a": pytest.approx(math.log(0.5)),
        "ab": pytest.approx(math.log(0.5 * 0.9)),
    }
    # the usual width is 8
    even = Fixed([[0.25] * 4] * 4)
    assert len(beam(even, VOCAB, longest=2)) == 8


def test_a_text_is_as_likely_as_its_symbols_together():
    model = Fixed(TABLE)
    ab = math.log(0.6 * 0.5)
    assert log_likelihood(model, VOCAB, "ab", False) == pytest.approx(ab)
    ended = ab + math.log(0.9)
    assert log_likelihood(model, VOCAB, "ab", True) == pytest.approx(ended)
    assert log_likelihood(model, VOCAB, "", False) == 0


class Texts:
    """A causal model whose scores at a place are those of its symbol."""

    block, causal = 4, True

    def __init__(self):
        self.seen = []

    def forward(self, ix, training=True):
        assert not training
        self.seen.append(tuple(ix.shape))
        return torch.tensor(TABLE).add(0.1).log()[ix], None


def test_a_measurement_counts_every_target_once_and_pads_no_text():
    g = Generator().manual_seed(3)
    lengths = torch.tensor([1, 5, 2, 5, 3, 1, 2])
    X = torch.randint(4, (7, 5), generator=g)
    Y = torch.randint(4, (7, 5), generator=g)
    Y[torch.arange(5) >= lengths.unsqueeze(1)] = -1
    logp = torch.tensor(TABLE).add(0.1).log().double()[X].log_softmax(-1)
    kept = Y >= 0
    wanted = -logp.gather(-1, Y.clamp_min(0).unsqueeze(-1)).squeeze(-1)[kept].mean()
    for places, shapes in (
        (10, [(2, 1), (2, 2), (2, 5), (1, 5)]),
        (1, [(1, 1), (1, 1), (1, 2), (1, 2), (1, 3), (1, 5), (1, 5)]),
        (4096, [(7, 5)]),
    ):
        model = Texts()
        assert nll(model, X, Y, places) == pytest.approx(wanted.item(), rel=1e-6)
        assert model.seen == shapes


def test_a_model_reads_its_block_filled_up_with_boundaries():
    read = []

    class Three(Fixed):
        block = 3

        def forward(self, ix, training=True):
            read.append(ix.tolist())
            return super().forward(ix, training)

    model = Three(TABLE)
    scores(model, torch.tensor([[0, 1]]))
    scores(model, torch.tensor([[0, 1, 2, 3, 1]]))
    model.block = 0
    scores(model, torch.tensor([[0, 1, 2]]))
    assert read == [[[0, 0, 1]], [[2, 3, 1]], [[2]]]


def test_what_was_read_is_not_read_again():
    """By a model that can go on; past the block, and without a cache, all is read."""
    calls = []

    class Grows:
        block, causal = 3, True

        def extend(self, x, past):
            read = past[0][0].shape[2] if past else 0
            calls.append((x.tolist(), read))
            kept = torch.zeros(len(x), 1, read + x.shape[1], 1)
            return torch.zeros(*x.shape, 4), [(kept, kept)]

        def forward(self, ix, training=True):
            calls.append(ix.tolist())
            return torch.zeros(*ix.shape, 4), None

    reader = Reader(Grows())
    for text in ([0], [0, 2], [0, 2, 1], [0, 2, 1, 3]):
        assert reader.scores(torch.tensor([text])).shape == (1, 4)
    assert calls == [([[0]], 0), ([[2]], 1), ([[1]], 2), [[2, 1, 3]]]
    calls.clear()
    Reader(Grows(), cached=False).scores(torch.tensor([[0, 2]]))
    assert calls == [[[0, 2]]]


def test_the_edges_of_narrowing():
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]).log()

    def kept(**options):
        return (narrow(logits, **options) > -math.inf).tolist()

    first, last = [True] + [False] * 3, [False] * 3 + [True]
    assert kept(top_k=1) == kept(temperature=0) == [first, last]
    assert kept(top_k=3) == [[True] * 3 + [False], [False] + [True] * 3]
    assert kept(top_k=4) == kept() == [[True] * 4] * 2
    # a symbol goes if those before it have the mass already
    exact = torch.tensor([[0.5, 0.25, 0.25]]).double().log()
    found = narrow(exact, top_p=0.5) > -math.inf
    assert found.tolist() == [[True, False, False]]
    assert kept(top_p=1e-9) == [first, last]
    assert kept(top_p=0.75) == [[True] * 3 + [False], [False] + [True] * 3]
    both = narrow(logits, temperature=0.5, top_k=2)[0]
    assert both[:2].tolist() == pytest.approx([2 * math.log(0.4), 2 * math.log(0.3)])


def test_a_symbol_is_where_the_sums_pass_the_uniform_number():
    """Of 53 random bits, and never behind the last symbol."""
    drawn = draw(torch.zeros(500, 4), Generator().manual_seed(5))
    u = torch.rand(500, 1, generator=Generator().manual_seed(5), dtype=torch.float64)
    assert torch.equal(drawn, (4 * u).floor().long()[:, 0])


def test_sums_that_end_below_one(monkeypatch, g):
    """The largest u there is draws the last symbol, wherever rounding ends the sums."""
    largest = torch.tensor([[1 - 2**-53]], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: largest)
    ends = []
    for n in range(2, 100):
        sums = torch.zeros(n, dtype=torch.float64).softmax(-1).cumsum(-1)
        ends.append(sums[-1].item())
        assert draw(torch.zeros(1, n), g).tolist() == [n - 1]
    assert min(ends) < 1 - 2**-53, "a test of nothing"


def test_where_nothing_is_possible_nothing_is_drawn(g):
    """A model that is certain of an end, in a text that has none."""
    with pytest.raises(ValueError, match="scores are no finite numbers"):
        draw(torch.tensor([[0.0, 1.0], [-math.inf, -math.inf]]), g)
    certain = Fixed([[1, 0, 0, 0]] * 4)
    for call in (sample, beam):
        given = (1, g) if call is sample else ()
        with pytest.raises(ValueError, match="scores are no finite numbers"):
            call(certain, VOCAB, *given, ends=False)


def test_a_name_is_drawn_from_what_is_left(g):
    """Temperature, the k likeliest, the likeliest of mass p: each as it is given."""
    model = Fixed([[0.0, 0.5, 0.3, 0.2], *[[1, 0, 0, 0]] * 3])
    names = {"all": {"a", "b", "c"}, "two": {"a", "b"}, "one": {"a"}}
    for options, left in (
        ({}, "all"),
        ({"top_k": 2}, "two"),
        ({"top_k": 1}, "one"),
        ({"top_p": 0.6}, "two"),
        ({"top_p": 0.5}, "one"),
        ({"temperature": 0}, "one"),
        ({"temperature": 0.01}, "one"),
    ):
        assert set(sample(model, VOCAB, 60, g, **options)) == names[left]


def test_a_beam_is_as_long_as_it_is_told():
    chain = Fixed([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
    for prefix in ("", "ab"):
        assert beam(chain, VOCAB, 2, 4, prefix) == [("abca", 0.0)]


def test_a_stream_is_one_text_symbol_by_symbol(g):
    """It ends with the text, or after 500 symbols."""
    chain = Fixed([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    assert "".join(stream(chain, VOCAB, g)) == "ab"
    assert len("".join(stream(Fixed([[0, 1, 0, 0]] * 4), VOCAB, g))) == 500


def test_nothing_to_draw_is_refused(g):
    with pytest.raises(ValueError, match="^count is 0; draw at least 1$"):
        sample(Fixed(TABLE), VOCAB, 0, g)
    with pytest.raises(ValueError, match="^width is 0; keep at least 1 beginning$"):
        beam(Fixed(TABLE), VOCAB, 0)

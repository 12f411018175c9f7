"""Drawing and measuring, on models whose answers are known."""

import math

import pytest
import torch
from torch import Generator

from charlm.data import Vocab, encode
from charlm.models import GPT, ConvTree, Tree
from charlm.sample import (
    beam,
    draw,
    log_likelihood,
    narrow,
    nll,
    sample,
    scores,
    stream,
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

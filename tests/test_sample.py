"""Drawing and measuring, on models whose answers are known."""

import math

import pytest
import torch
from torch import Generator

from charlm.data import Vocab
from charlm.sample import draw, nll, sample

VOCAB = Vocab.of(["ab", "c"])


class Fixed:
    """Logits that depend on the last symbol alone."""

    block = 2

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

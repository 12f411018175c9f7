"""Attention by tiles is attention, in less memory; incremental reading is reading."""

import pytest
import torch
from torch import Generator

from charlm import gradcheck, ops
from charlm.data import Vocab
from charlm.gradcheck.bugs import zoo
from charlm.gradcheck.cases.trained import trained
from charlm.models import GPT
from charlm.sample import Reader, sample, scores
from charlm.train import peak_bytes

f64 = torch.float64


def randn(g, *shape):
    return torch.randn(*shape, generator=g, dtype=f64)


def inputs(kind, g):
    if kind == "trained":
        return trained()
    T, M = {"square": (6, 6), "last of more": (3, 7)}[kind]
    return randn(g, 2, T, 3), 3 * randn(g, 2, M, 3), randn(g, 2, M, 4)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("kind", ["square", "last of more", "trained"])
def test_all_tile_sizes_give_what_plain_attention_gives(kind, causal, g):
    q, k, v = inputs(kind, g)
    y, cache = ops.attention(q, k, v, causal)
    dy = gradcheck.upstream(y)
    plain = ops.attention_backward(dy, cache)
    for rows in range(1, q.shape[-2] + 2):
        for columns in range(1, k.shape[-2] + 2):
            ours, kept = ops.tiled_attention(q, k, v, causal, rows, columns)
            assert gradcheck.error((ours,), (y,)) <= 1e-13
            found = ops.tiled_attention_backward(dy, kept)
            assert gradcheck.error(found, plain) <= 1e-13, (rows, columns)


def test_the_usual_tiles_are_64_by_64():
    x = torch.zeros(65, 1)
    *_, bands, _, _ = ops.tiled_attention(x, x, x)[1]
    whole, rest = slice(0, 64), slice(64, 65)
    assert bands == [(whole, [whole]), (rest, [whole, rest])]


@pytest.mark.parametrize("kind", ["square", "trained"])
def test_it_is_what_torch_computes_forward_and_backward(kind, g):
    leaves = [t.clone().requires_grad_() for t in inputs(kind, g)]
    theirs = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=True)
    dy = gradcheck.upstream(theirs.detach())
    theirs.backward(dy)
    y, cache = ops.tiled_attention(*(t.detach() for t in leaves), True, 4, 2)
    assert gradcheck.error((y,), (theirs.detach(),)) <= 1e-12
    ours = ops.tiled_attention_backward(dy, cache)
    assert gradcheck.error(ours, tuple(t.grad for t in leaves)) <= 1e-12


def test_large_scores_do_not_overflow_in_single_precision(g):
    q, k, v = (randn(g, 9, 2).float() for _ in range(3))
    y, cache = ops.tiled_attention(300 * q, 300 * k, v, True, 2, 3)
    plain, _ = ops.attention(300 * q, 300 * k, v)
    torch.testing.assert_close(y, plain, rtol=1e-4, atol=1e-4)
    found = ops.tiled_attention_backward(torch.ones_like(y), cache)
    assert all(d.isfinite().all() for d in found)


def test_the_future_of_a_tile_does_not_reach_back(g):
    q, k, v = inputs("square", g)
    y, _ = ops.tiled_attention(q, k, v, True, 2, 3)
    for t in range(5):
        later, far = k.clone(), v.clone()
        later[:, t + 1 :], far[:, t + 1 :] = 50.0, -50.0
        other, _ = ops.tiled_attention(q, later, far, True, 2, 3)
        assert torch.equal(other[:, : t + 1], y[:, : t + 1])


def test_what_cannot_be_is_refused():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="rows is 0; give a whole number"):
        ops.tiled_attention(x, x, x, rows=0, columns=4)
    for attend in (ops.attention, ops.tiled_attention):
        with pytest.raises(ValueError, match=r"3 queries and 2 keys.*causal=False"):
            attend(x, x[:2], x[:2])


@pytest.mark.parametrize("bug", [b for b in zoo() if b.pair == "tiled_attention"])
def test_a_single_tile_hides_the_slips_of_tiles(bug, g):
    """Why the cases need several tiles."""
    q, k, v = inputs("square", g)
    y, cache = ops.tiled_attention(q, k, v)
    dy = gradcheck.upstream(y)
    right = ops.tiled_attention_backward(dy, cache)
    error = gradcheck.error(bug.backward(dy, cache), right)
    seen = bug.name in ("mask_one_off", "key_scale_forgotten")
    assert (error > 1e-3) if seen else (error <= 1e-13)


def peak(attend, back, T):
    q, k, v, dy = (torch.zeros(T, 8) for _ in range(4))

    def step():
        _, cache = attend(q, k, v)
        return back(dy, cache)

    return peak_bytes(step)


def test_memory_grows_with_the_length_not_with_its_square():
    tiled = [peak(ops.tiled_attention, ops.tiled_attention_backward, T) for T in LONG]
    plain = [peak(ops.attention, ops.attention_backward, T) for T in LONG]
    assert plain[1] > 3.8 * plain[0]
    assert tiled[1] < 2.0 * tiled[0]
    assert plain[1] > 20 * tiled[1]
    # at least three matrices of scores stand side by side in the plain one
    assert plain[1] > 3 * 4 * LONG[1] ** 2


LONG = 512, 1024


def test_peak_bytes_counts_what_is_alive():
    def three_then_one():
        a = torch.zeros(100)  # 400 bytes
        b = a + 1
        c = a + b  # 1,200
        del a, b
        return c.view(10, 10).t() * 2  # c and its double; views cost nothing

    assert peak_bytes(three_then_one) == 1200
    held = torch.zeros(1000)
    assert peak_bytes(lambda: held[3:].view(-1)) == 0


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("positions", ["learned", "sinusoid", "rope"])
def test_reading_on_gives_what_reading_all_gives(positions, tied, g):
    model = GPT(
        9, g, 12, 8, 2, 3, dropout=0.5, positions=positions, tied=tied, dtype=f64
    )
    for _, p, _ in model.named():
        p += 0.3 * randn(g, *p.shape)
    x = torch.randint(9, (3, 12), generator=g)
    whole, _ = model.forward(x, training=False)
    for cuts in ([0, 12], [0, 1, 2, 3, 12], [0, 5, 6, 11, 12], list(range(13))):
        past, parts = None, []
        for a, b in zip(cuts, cuts[1:], strict=False):
            logits, past = model.extend(x[:, a:b], past)
            parts.append(logits)
        assert gradcheck.error((torch.cat(parts, 1),), (whole,)) <= 1e-12
        assert past[0][0].shape == (3, 2, 12, 4)


def test_reading_past_the_block_is_refused(g):
    model = GPT(9, g, block=4, n_embd=8, n_head=2, n_layer=1)
    _, past = model.extend(torch.zeros(1, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="5 symbols, and this model reads at most 4"):
        model.extend(torch.zeros(1, 1, dtype=torch.long), past)


@pytest.mark.parametrize("longest", [6, 14])
def test_samples_with_and_without_the_cache_are_the_same(longest, g):
    """Also past the block, where the window moves and nothing kept is of use."""
    model = GPT(5, g, block=8, n_embd=8, n_head=2, n_layer=2, dtype=f64)
    one, two = (
        sample(
            model, Vocab(".abcd"), 40, Generator().manual_seed(1), longest, "ab",
            cached=cached,
        )
        for cached in (True, False)
    )  # fmt: skip
    assert one == two
    assert max(map(len, one)) == longest


def test_each_symbol_is_read_once(g, monkeypatch):
    model = GPT(5, g, block=8, n_embd=8, n_head=2, n_layer=1, dtype=f64)
    read, extend = [], model.extend
    monkeypatch.setattr(
        model, "extend", lambda x, past: read.append(x.shape[1]) or extend(x, past)
    )
    reader, text = Reader(model), torch.randint(5, (2, 8), generator=g)
    for T in (3, 4, 5, 8):
        torch.testing.assert_close(
            reader.scores(text[:, :T]), scores(model, text[:, :T])
        )
    assert read == [3, 1, 1, 3]

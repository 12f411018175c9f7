"""Recurrent nets: PyTorch's own, masks over unequal lengths, truncation."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from charlm import data, gradcheck, layers
from charlm.models import GRU, LSTM, RNN

F64 = torch.float64
KINDS = {"rnn_cell": nn.RNN, "gru_cell_after": nn.GRU, "lstm_cell": nn.LSTM}
FIRST = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0"}


def both(pair, g, n_in=3, H=4, **options):
    """Our layer and PyTorch's, with the same random parameters."""
    ours = layers.Recurrent(pair, n_in, H, g, dtype=F64, **options)
    theirs = KINDS[pair](n_in, H, batch_first=True, dtype=F64)
    with torch.no_grad():
        for n, p, _ in ours.named():
            p += 0.5 * torch.randn(p.shape, generator=g, dtype=F64)
            if n in FIRST:
                getattr(theirs, FIRST[n]).copy_(p.T if p.dim() > 1 else p)
        theirs.bias_hh_l0.zero_()
        if pair == "gru_cell_after":
            theirs.bias_hh_l0[2 * H :] = ours.v
    return ours, theirs


def compare(ours, theirs, dx, x, H=4):
    """All gradients, relative to the largest of each."""
    found = {n: getattr(theirs, name).grad for n, name in FIRST.items()}
    for n, p, d in ours.named():
        right = found[n] if n in found else theirs.bias_hh_l0.grad[2 * H :]
        right = right.T if p.dim() > 1 else right
        assert (d - right).abs().max() <= 1e-10 * right.abs().max(), n
    assert (dx - x.grad).abs().max() <= 1e-10 * x.grad.abs().max()


@pytest.mark.parametrize(("B", "T"), [(1, 1), (1, 5), (4, 1), (4, 7)])
@pytest.mark.parametrize("pair", KINDS)
def test_the_layer_equals_that_of_torch(pair, B, T, g):
    ours, theirs = both(pair, g)
    x = torch.randn(B, T, 3, generator=g, dtype=F64)
    h, cache = ours.forward(x)
    x.requires_grad_()
    right, _ = theirs(x)
    torch.testing.assert_close(h, right.detach(), rtol=1e-10, atol=1e-12)
    dy = gradcheck.upstream(h)
    right.backward(dy)
    compare(ours, theirs, ours.backward(dy, cache), x)


@pytest.mark.parametrize("last", [True, False], ids=["last state", "all states"])
@pytest.mark.parametrize("pair", KINDS)
def test_masks_are_packed_sequences(pair, last, g):
    """The held state is the last one of each text, and nothing comes from padding."""
    ours, theirs = both(pair, g)
    lengths = torch.tensor([7, 3, 1, 5])
    mask = torch.arange(7) < lengths.unsqueeze(1)
    x = torch.randn(4, 7, 3, generator=g, dtype=F64)
    h, cache = ours.forward(x, mask=mask)
    x.requires_grad_()
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states, final = theirs(packed)
    states, _ = pad_packed_sequence(states, batch_first=True)
    final = (final[0] if pair == "lstm_cell" else final)[0]
    dy = gradcheck.upstream(h)
    if last:
        torch.testing.assert_close(h[:, -1], final.detach(), rtol=1e-10, atol=1e-12)
        dy[:, :-1] = 0
        final.backward(dy[:, -1])
    else:
        dy = dy * mask.unsqueeze(-1)
        torch.testing.assert_close(
            h * mask.unsqueeze(-1), states.detach(), rtol=1e-10, atol=1e-12
        )
        states.backward(dy)
    dx = ours.backward(dy, cache)
    compare(ours, theirs, dx, x)
    assert not dx[~mask].any()


@pytest.mark.parametrize("k", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("pair", KINDS)
def test_truncation_is_a_detached_state(pair, k, g):
    ours, theirs = both(pair, g, truncate=k)
    x = torch.randn(3, 7, 3, generator=g, dtype=F64)
    h, cache = ours.forward(x)
    x.requires_grad_()
    state, found = None, []
    for piece in x.split(k, 1):
        part, state = theirs(piece, state)
        found.append(part)
        two = isinstance(state, tuple)
        state = tuple(s.detach() for s in state) if two else state.detach()
    right = torch.cat(found, 1)
    torch.testing.assert_close(h, right.detach(), rtol=1e-10, atol=1e-12)
    dy = gradcheck.upstream(h)
    right.backward(dy)
    compare(ours, theirs, ours.backward(dy, cache), x)
    if k < 7:  # and it is not the gradient of the whole
        whole, _ = both(pair, torch.Generator().manual_seed(0))
        for (_, p, _), (_, q, _) in zip(whole.named(), ours.named(), strict=True):
            p.copy_(q)
        whole.backward(dy, whole.forward(x.detach())[1])
        assert (whole.dU - ours.dU).abs().max() > 1e-3 * whole.dU.abs().max()


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_padding_changes_no_gradient(kind, g):
    """Names of unequal length in one batch, and one after the other."""
    names = ["bo", "emilia", "ada"]
    vocab = data.Vocab.of(names)
    model = kind(len(vocab), g, n_embd=3, n_hidden=5, dtype=F64)

    def gradient(part):
        X, Y = data.encode(model, part, vocab)
        logits, cache = model.forward(X)
        dy = torch.zeros_like(logits)
        dy[Y >= 0] = logits[Y >= 0].softmax(-1)
        model.zero_grad()
        model.backward(dy, cache)
        return [d.clone() for _, _, d in model.named()]

    single = [gradient([name]) for name in names]
    for i, d in enumerate(gradient(names)):
        alone = sum(grads[i] for grads in single)
        torch.testing.assert_close(d, alone, rtol=1e-10, atol=1e-12)


def test_no_state_is_left_from_the_text_before(g):
    model = LSTM(11, g, n_embd=3, n_hidden=5)
    ix = torch.randint(11, (2, 6), generator=g)
    first = model.forward(ix)[0]
    model.forward(torch.randint(11, (4, 9), generator=g))
    assert torch.equal(model.forward(ix)[0], first)


def test_the_forget_bias_is_where_it_should_be(g):
    plain = LSTM(11, torch.Generator().manual_seed(1), n_hidden=5)
    biased = LSTM(11, torch.Generator().manual_seed(1), n_hidden=5, forget=1.0)
    assert not plain.cell.b.any()
    assert biased.cell.b.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
    assert torch.equal(plain.cell.U, biased.cell.U)


def test_another_pair_is_no_cell(g):
    with pytest.raises(ValueError, match="'linear' is no cell; give rnn_cell or gru"):
        layers.Recurrent("linear", 3, 4, g)

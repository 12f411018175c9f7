"""The 26 tensors of the lectures' backprop exercise, one by one, in float64.

The forward pass is broken into the same small steps, with the same names; the backward
pass is the long form of the book. Two batch sizes.
"""

import pytest
import torch

from charlm.gradcheck import compare

NAMES = """logprobs probs counts_sum_inv counts_sum counts norm_logits logit_maxes
logits h W2 b2 hpreact bngain bnbias bnraw bnvar_inv bnvar bndiff2 bndiff bnmeani
hprebn embcat W1 b1 emb C""".split()


def forward(P, Xb, Yb):
    """All intermediates of the MLP with batch normalisation, by name."""
    n = len(Xb)
    t = dict(P)
    t["emb"] = P["C"][Xb]
    t["embcat"] = t["emb"].view(n, -1)
    t["hprebn"] = t["embcat"] @ P["W1"] + P["b1"]
    t["bnmeani"] = 1 / n * t["hprebn"].sum(0, keepdim=True)
    t["bndiff"] = t["hprebn"] - t["bnmeani"]
    t["bndiff2"] = t["bndiff"] ** 2
    t["bnvar"] = 1 / (n - 1) * t["bndiff2"].sum(0, keepdim=True)
    t["bnvar_inv"] = (t["bnvar"] + 1e-5) ** -0.5
    t["bnraw"] = t["bndiff"] * t["bnvar_inv"]
    t["hpreact"] = P["bngain"] * t["bnraw"] + P["bnbias"]
    t["h"] = torch.tanh(t["hpreact"])
    t["logits"] = t["h"] @ P["W2"] + P["b2"]
    t["logit_maxes"] = t["logits"].max(1, keepdim=True).values
    t["norm_logits"] = t["logits"] - t["logit_maxes"]
    t["counts"] = t["norm_logits"].exp()
    t["counts_sum"] = t["counts"].sum(1, keepdim=True)
    t["counts_sum_inv"] = t["counts_sum"] ** -1
    t["probs"] = t["counts"] * t["counts_sum_inv"]
    t["logprobs"] = t["probs"].log()
    loss = -t["logprobs"][torch.arange(n), Yb].mean()
    return loss, t


def two_roundings(h, dh):
    return (1 - h**2) * dh


def one_rounding(h, dh):
    """1 - h*h as a fused multiply-add, the way PyTorch's vectorised kernel has it."""
    return torch.addcmul(torch.ones_like(h), h, h, value=-1) * dh


def backward(t, Xb, Yb, tanh_backward=two_roundings):
    """The gradient of every one of the 26, in reverse order of the forward."""
    n = len(Xb)
    d = {}
    d["logprobs"] = torch.zeros_like(t["logprobs"])
    d["logprobs"][torch.arange(n), Yb] = -1.0 / n
    d["probs"] = d["logprobs"] / t["probs"]
    d["counts_sum_inv"] = (t["counts"] * d["probs"]).sum(1, keepdim=True)
    d["counts_sum"] = -(t["counts_sum"] ** -2) * d["counts_sum_inv"]
    # counts is used twice: in probs, and in its own sum
    d["counts"] = t["counts_sum_inv"] * d["probs"] + d["counts_sum"]
    d["norm_logits"] = t["counts"] * d["counts"]
    d["logit_maxes"] = -d["norm_logits"].sum(1, keepdim=True)
    # logits is used twice: as it is, and through its maximum
    d["logits"] = d["norm_logits"].clone()
    where = t["logits"].argmax(1, keepdim=True)
    d["logits"].scatter_add_(1, where, d["logit_maxes"])
    d["h"] = d["logits"] @ t["W2"].T
    d["W2"] = t["h"].T @ d["logits"]
    d["b2"] = d["logits"].sum(0)
    d["hpreact"] = tanh_backward(t["h"], d["h"])
    d["bngain"] = (t["bnraw"] * d["hpreact"]).sum(0, keepdim=True)
    d["bnbias"] = d["hpreact"].sum(0, keepdim=True)
    d["bnraw"] = t["bngain"] * d["hpreact"]
    d["bnvar_inv"] = (t["bndiff"] * d["bnraw"]).sum(0, keepdim=True)
    d["bnvar"] = -0.5 * (t["bnvar"] + 1e-5) ** -1.5 * d["bnvar_inv"]
    d["bndiff2"] = 1 / (n - 1) * d["bnvar"].expand_as(t["bndiff2"])
    # bndiff is used twice: in bnraw, and squared
    d["bndiff"] = t["bnvar_inv"] * d["bnraw"] + 2 * t["bndiff"] * d["bndiff2"]
    d["bnmeani"] = -d["bndiff"].sum(0, keepdim=True)
    # hprebn is used twice: as it is, and in the mean
    d["hprebn"] = d["bndiff"] + 1 / n * d["bnmeani"]
    d["embcat"] = d["hprebn"] @ t["W1"].T
    d["W1"] = t["embcat"].T @ d["hprebn"]
    d["b1"] = d["hprebn"].sum(0)
    d["emb"] = d["embcat"].view(t["emb"].shape)
    d["C"] = torch.zeros_like(t["C"])
    d["C"].index_add_(0, Xb.view(-1), d["emb"].view(-1, t["C"].shape[1]))
    return d


def problem(n, hidden, dtype):
    """Forward pass and autograd's gradients: tensors, gradients, symbols."""
    g = torch.Generator().manual_seed(2147483647)

    def randn(*shape):
        return torch.randn(shape, generator=g, dtype=dtype)

    P = {
        "C": randn(27, 10),
        "W1": randn(30, hidden) * (5 / 3) / 30**0.5,
        "b1": randn(hidden) * 0.1,
        "W2": randn(hidden, 27) * 0.1,
        "b2": randn(27) * 0.1,
        "bngain": randn(1, hidden) * 0.1 + 1.0,
        "bnbias": randn(1, hidden) * 0.1,
    }
    Xb = torch.randint(27, (n, 3), generator=g)
    Yb = torch.randint(27, (n,), generator=g)
    for p in P.values():
        p.requires_grad_()
    loss, t = forward(P, Xb, Yb)
    for name in NAMES:
        t[name].retain_grad()
    loss.backward()
    return t, {name: t[name].grad for name in NAMES}, Xb, Yb


@pytest.fixture(params=[(32, 64), (2, 5)], ids=["batch 32", "batch 2"])
def exercise(request):
    t, reference, Xb, Yb = problem(*request.param, torch.float64)
    with torch.no_grad():
        return t, backward(t, Xb, Yb), reference, Xb, Yb


def test_there_are_26():
    assert len(set(NAMES)) == 26


def test_all_26_at_1e_9(exercise):
    _, ours, reference, _, _ = exercise
    assert set(ours) == set(NAMES)
    # the two that are zero by cancellation sum terms below 1, so 1e-15 is rounding
    results = [compare(n, ours[n], reference[n], 1e-9, zero=1e-15) for n in NAMES]
    assert [str(r) for r in results if not r.ok] == []
    assert {r.name for r in results if r.zero} == {"b1", "logit_maxes"}


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_in_any_of_them_is_caught(exercise, name):
    _, ours, reference, _, _ = exercise
    # of a gradient that is zero the sign says nothing, but the size does
    zero = name in ("b1", "logit_maxes")
    wrong = ours[name] + 1e-6 if zero else -ours[name]
    assert not compare(name, wrong, reference[name], 1e-9, zero=1e-15).ok


def test_the_pairs_give_the_same(exercise):
    """The fused pairs of the package agree with the long form, tensor by tensor."""
    from charlm import ops

    t, d, reference, Xb, Yb = exercise
    with torch.no_grad():
        loss, c_loss = ops.cross_entropy(t["logits"], Yb)
        dlogits = ops.cross_entropy_backward(torch.ones_like(loss), c_loss)
        _, c_norm = ops.batchnorm(
            t["hprebn"], t["bngain"][0], t["bnbias"][0], correction=1
        )
        dx, dgamma, dbeta = ops.batchnorm_backward(d["hpreact"], c_norm)
        _, c_emb = ops.embedding(Xb, t["C"])
        dC = ops.embedding_backward(d["emb"], c_emb)
    for name, ours in (
        ("logits", dlogits),
        ("hprebn", dx),
        ("bngain", dgamma[None]),
        ("bnbias", dbeta[None]),
        ("C", dC),
    ):
        result = compare(name, ours, reference[name], 1e-9, zero=1e-15)
        assert result.ok, str(result)

"""The forward passes in NumPy: what an exported program contains, read from here.

``p`` holds the parameters by name, ``text`` the numbers of the symbols so far (T), at
most as many as the model reads, ``options`` what the model was made with. Each function
gives the scores (V) of the next symbol.
"""
# ruff: noqa: D103
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np


def normed(x, gamma, beta, mean, var):
    return (x - mean) / np.sqrt(var + 1e-5) * gamma + beta


def layernorm(x, p, name):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return normed(x, p[name + ".gamma"], p[name + ".beta"], mean, var)


def linear(x, p, name):
    return x @ p[name + ".W"] + p[name + ".b"]


def bigram(p, text, options):
    return p["W"][text[-1]]


def mlp(p, text, options):
    block = len(p["W1"]) // p["C"].shape[1]
    text = ([0] * block + text)[-block:]
    h = p["C"][text].reshape(-1) @ p["W1"] + p["b1"]
    if "gamma" in p:
        h = normed(h, p["gamma"], p["beta"], p["running_mean"], p["running_var"])
    return np.tanh(h) @ p["W2"] + p["b2"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(p, text, options):
    h = np.zeros(len(p["cell.U"]))
    for e in p["embed.C"][text]:
        h = np.tanh(linear(e, p, "cell") + h @ p["cell.U"])
    return linear(h, p, "head")


def gru(p, text, options):
    U, H = p["cell.U"], len(p["cell.U"])
    h = np.zeros(H)
    for e in p["embed.C"][text]:
        a = linear(e, p, "cell")
        r, z = np.split(sigmoid(a[: 2 * H] + h @ U[:, : 2 * H]), 2)
        if options.get("reset", "after") == "after":
            n = np.tanh(a[2 * H :] + r * (h @ U[:, 2 * H :] + p["cell.v"]))
        else:
            n = np.tanh(a[2 * H :] + (r * h) @ U[:, 2 * H :])
        h = (1 - z) * n + z * h
    return linear(h, p, "head")


def lstm(p, text, options):
    h = c = np.zeros(len(p["cell.U"]))
    for e in p["embed.C"][text]:
        i, f, g, o = np.split(linear(e, p, "cell") + h @ p["cell.U"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return linear(h, p, "head")


def tree(p, text, options):
    levels = options.get("levels", 3)
    h = p["stack.0.C"][([0] * 2**levels + text)[-(2**levels) :]]
    for i in range(levels):
        norm = f"stack.{4 * i + 3}."
        names = ("gamma", "beta", "running_mean", "running_var")
        h = h.reshape(len(h) // 2, -1) @ p[f"stack.{4 * i + 2}.W"]
        h = np.tanh(normed(h, *(p[norm + name] for name in names)))
    return linear(h[0], p, f"stack.{4 * levels + 1}")


def wavenet(p, text, options):
    x, total = p["embed.C"][text], 0.0
    for i in range(options.get("levels", 3)):
        W = p[f"blocks.{i}.conv.W"]
        past = np.vstack([np.zeros((2**i, x.shape[1]), x.dtype), x])[: len(x)]
        both = past @ W[0] + x @ W[1] + p[f"blocks.{i}.conv.b"]
        a, b = np.split(both, 2, axis=-1)
        out = linear(np.tanh(a) * sigmoid(b), p, f"blocks.{i}.out")
        x, total = x + out[:, : x.shape[1]], total + out[:, x.shape[1] :]
    return linear(np.maximum(total, 0), p, "head")[-1]


def gpt(p, text, options):
    heads, layers = options.get("n_head", 4), options.get("n_layer", 4)
    positions, T = options.get("positions", "learned"), len(text)
    x = p["wte.C"][text]
    E, D = x.shape[1], x.shape[1] // heads
    if positions == "learned":
        x = x + p["wpe.C"][:T]
    elif positions == "sinusoid":
        turn = np.arange(T)[:, None] * 10_000.0 ** (-np.arange(0, E, 2) / E)
        x = x + np.stack([np.sin(turn), np.cos(turn)], -1).reshape(T, E)

    def rotated(q):
        turn = np.arange(T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D)
        even, odd = q[..., 0::2], q[..., 1::2]
        pair = [even * np.cos(turn) - odd * np.sin(turn)]
        pair += [even * np.sin(turn) + odd * np.cos(turn)]
        return np.stack(pair, -1).reshape(q.shape)

    for i in range(layers):
        one, two = f"blocks.{i}.attend.", f"blocks.{i}.think."
        qkv = linear(layernorm(x, p, one + "0"), p, one + "1.qkv")
        q, k, v = (
            part.reshape(T, heads, D).transpose(1, 0, 2)
            for part in np.split(qkv, 3, axis=-1)
        )
        if positions == "rope":
            q, k = rotated(q), rotated(k)
        fit = q @ k.transpose(0, 2, 1) / np.sqrt(D)
        fit = np.where(np.triu(np.ones((T, T), bool), 1), -np.inf, fit)
        weights = np.exp(fit - fit.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(T, E)
        x = x + linear(mixed, p, one + "1.proj")
        h = linear(layernorm(x, p, two + "0"), p, two + "1")
        h = h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))) / 2
        x = x + linear(h, p, two + "3")
    x = layernorm(x, p, "norm")[-1]
    return x @ p["wte.C"].T if options.get("tied", True) else x @ p["head.W"]


FORWARDS = {f.__name__: f for f in (bigram, mlp, rnn, gru, lstm, tree, wavenet, gpt)}
HELPERS = (normed, layernorm, linear, sigmoid)

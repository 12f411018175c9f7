"""The same forward functions by PyTorch's own operators: name of a pair -> function.

The package must not call these; the tests compare with them.
"""

import torch
import torch.nn.functional as F


def batchnorm(x, gamma, beta, eps=1e-5, correction=0):
    rows = x.reshape(-1, x.shape[-1])
    var, mean = torch.var_mean(rows, 0, correction=correction)
    if correction == 0 and len(rows) > 1:  # F.batch_norm refuses one row
        y = F.batch_norm(rows, None, None, gamma, beta, training=True, eps=eps)
    else:
        y = F.batch_norm(rows, mean, var, gamma, beta, eps=eps)
    return y.reshape(x.shape)


def batchnorm_eval(x, gamma, beta, mean, var, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    return F.batch_norm(rows, mean, var, gamma, beta, eps=eps).reshape(x.shape)


def cross_entropy(logits, targets):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def embedding(ix, C):
    return F.embedding(ix, C)


def linear(x, W, b):
    return F.linear(x, W.T, b)


def tanh(x):
    return torch.tanh(x)

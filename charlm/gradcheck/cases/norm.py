"""Normalisation."""

import torch
from torch import Generator

from .draw import Inputs, randn


def batchnorm(g: Generator) -> Inputs:
    """Both variances, few rows, three axes, tiny and shifted features."""
    for label, shape, options in (
        ("matrix", (6, 4), {}),
        ("Bessel's correction", (6, 4), {"correction": 1}),
        ("two rows", (2, 3), {}),
        ("two rows, Bessel", (2, 3), {"correction": 1}),
        ("one row", (1, 3), {}),
        ("three axes", (3, 4, 2), {}),
        ("three axes, Bessel", (3, 4, 2), {"correction": 1}),
        ("large eps", (5, 3), {"eps": 0.7}),
    ):
        x, gamma, beta = randn(g, *shape), randn(g, shape[-1]), randn(g, shape[-1])
        yield label, (x, gamma, beta), options
    far = 3 * randn(g, 5, 2) + 50
    yield "far from zero", (far, randn(g, 2), randn(g, 2)), {}


def batchnorm_eval(g: Generator) -> Inputs:
    """Statistics that are not those of the rows; one row, three axes."""
    for label, shape in (
        ("matrix", (6, 4)),
        ("one row", (1, 3)),
        ("three axes", (2, 3, 4)),
        ("no rows", (0, 3)),
    ):
        C = shape[-1]
        mean, var = randn(g, C), torch.rand(C, generator=g, dtype=torch.float64) + 0.1
        yield label, (randn(g, *shape), randn(g, C), randn(g, C), mean, var), {}


def layernorm(g: Generator) -> Inputs:
    """One row, extra axes, two features, a large eps, far from zero."""
    for label, shape, options in (
        ("matrix", (4, 5), {}),
        ("one row", (1, 5), {}),
        ("sequence", (2, 3, 4), {}),
        ("two features", (3, 2), {"eps": 0.01}),
        ("one feature", (3, 1), {"eps": 0.1}),
        ("large eps", (3, 4), {"eps": 0.7}),
        ("no rows", (0, 4), {}),
    ):
        C = shape[-1]
        yield label, (randn(g, *shape), randn(g, C), randn(g, C)), options
    yield "far from zero", (3 * randn(g, 3, 5) + 50, randn(g, 5), randn(g, 5)), {}


def rmsnorm(g: Generator) -> Inputs:
    """As for layer normalisation, without a shift."""
    for label, (x, gamma, _), options in layernorm(g):
        yield label, (x, gamma), options


def groupnorm(g: Generator) -> Inputs:
    """One group, several, extra axes."""
    for label, shape, options in (
        ("two groups", (4, 6), {"groups": 2}),
        ("one group", (3, 4), {"groups": 1}),
        ("sequence", (2, 3, 6), {"groups": 2}),
        ("groups of two", (2, 6), {"groups": 3, "eps": 0.01}),
        ("one row, large eps", (1, 6), {"groups": 2, "eps": 0.7}),
    ):
        C = shape[-1]
        yield label, (randn(g, *shape), randn(g, C), randn(g, C)), options

"""The basis of the leading coordinates, and when it pays."""

from __future__ import annotations

import numpy as np
import torch
from references.unit_vectors import unit

from fairseq_xling.neighbours.directions import basis, paying_basis


def sides(exponent: float, rows: int = 1500, dim: int = 512) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(0)
    scale = np.arange(1, dim + 1) ** (-exponent / 2)
    left = generator.standard_normal((rows, dim)) * scale
    right = left + 0.3 * generator.standard_normal((rows, dim)) * scale
    return torch.from_numpy(unit(left)), torch.from_numpy(unit(right))


def test_directions_are_orthonormal_and_catch_the_variance() -> None:
    left, right = sides(1.5)
    found = basis(left, right, 64)
    gram = found.directions.T @ found.directions
    torch.testing.assert_close(gram, torch.eye(64), atol=1e-5, rtol=0)
    centred = left - found.source_mean
    best = torch.linalg.svdvals(centred)[:64].square().sum()
    assert float((centred @ found.directions).square().sum() / best) > 0.95


def test_a_falling_spectrum_pays_and_a_flat_one_does_not() -> None:
    falling = paying_basis(*sides(2.0), 4, 1e-11)
    assert falling is not None
    assert falling.directions.shape[1] < 256
    assert paying_basis(*sides(0.0), 4, 1e-11) is None

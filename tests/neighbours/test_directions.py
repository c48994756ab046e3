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
    falling = paying_basis(*sides(2.0, 6000), 4, 2e-11)
    assert falling is not None
    assert falling.directions.shape[1] < 256
    assert paying_basis(*sides(0.0, 6000), 4, 2e-11) is None


def test_it_does_not_pay_for_few_rows() -> None:
    """All rows of the other side are to be turned and coded, for few products each."""
    left, right = sides(2.0, 6000)
    assert paying_basis(left[:200], right, 4, 2e-11) is None


def test_what_only_the_targets_need_does_not_count() -> None:
    """Each source has five near targets, so that its list is soon closed; half of the targets have no near source."""
    generator = np.random.default_rng(0)
    scale = np.arange(1, 513) ** -0.5
    left = generator.standard_normal((3000, 512)) * scale
    near = np.repeat(left, 5, axis=0) + 0.1 * generator.standard_normal((15_000, 512)) * scale
    both_kinds = np.concatenate([near, generator.standard_normal((15_000, 512)) * scale])
    source, target = torch.from_numpy(unit(left)), torch.from_numpy(unit(both_kinds[generator.permutation(30_000)]))
    both, one = (paying_basis(source, target, 4, 2e-11, forward_only) for forward_only in (False, True))
    assert both is not None
    assert one is not None
    assert one.directions.shape[1] < both.directions.shape[1]

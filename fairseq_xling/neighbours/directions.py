"""The directions in which the vectors differ most, and how many of them to multiply before the rest is bounded.

Sentence vectors have falling spectra: in the right basis, a third of the coordinates carries most of every cosine, and
what the others can add is bounded by a product of two lengths (Cauchy-Schwarz). So most pairs are ruled out without
their last coordinates. What is chosen here decides how long a search takes, never what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_SAMPLE_ROWS = 2048  # of each side, for the basis
_JUDGED_ROWS = 64  # of each side, whose k-th best cosines tell how many pairs a width would leave
_JUDGED_COLUMNS = 1024
_STEP = 64  # widths are multiples of it, which products of blocks like
_LARGEST_SHARE = 5 / 8  # of the dimension: more directions never paid

# Costs on one core in nanoseconds, measured on AVX-512 processors; only their ratios matter.
_PICKED = 6.0  # a pair that the first bound leaves
_REFINED = 0.08  # one more coordinate of it
_FINISHED = 0.15  # one coordinate of a pair that the second bound leaves, too
_THRESHOLDS_RISE = 1.4  # early blocks meet lower thresholds than the final ones


@dataclass(frozen=True)
class Basis:
    """Nearly orthonormal `directions` [d, D] around the two means [d]; the product takes the first `leading` of them.

    The remaining D - leading tighten the bound of the pairs that are left.
    """

    source_mean: torch.Tensor
    target_mean: torch.Tensor
    directions: torch.Tensor
    leading: int


def basis(source: torch.Tensor, target: torch.Tensor, count: int, leading: int) -> Basis:
    """The `count` directions with the most variance, by two steps of subspace iteration on a sample of rows."""
    rows, columns = _sample(source, _SAMPLE_ROWS), _sample(target, _SAMPLE_ROWS)
    means = rows.mean(dim=0), columns.mean(dim=0)
    covariance = sum(part.T @ part for part in (rows - means[0], columns - means[1]))
    assert isinstance(covariance, torch.Tensor)
    covariance /= covariance.trace().clamp_min(1e-30)
    start = torch.randn(source.shape[1], count, generator=torch.Generator().manual_seed(0))
    # Columns of a QR are nested: the first few span what the iteration found from the first few starts.
    directions = torch.linalg.qr(covariance @ (covariance @ start)).Q
    return Basis(*means, directions.contiguous(), leading)


def paying_basis(source: torch.Tensor, target: torch.Tensor, k: int, seconds_per_product: float) -> Basis | None:
    """The basis and widths with the least predicted time, or None where multiplying all coordinates is no slower.

    `seconds_per_product`: of one coordinate in a block product, on one core.
    """
    dim = source.shape[1]
    count = int(dim * _LARGEST_SHARE) // _STEP * _STEP
    if count < 2 * _STEP:
        return None
    found = basis(source, target, count, count)
    left = _shares_left(source, target, found, k) + _shares_left(target, source, _turned(found), k)
    per_product = 1e9 * seconds_per_product
    rotation = per_product * dim * (1 / len(source) + 1 / len(target))
    best, best_cost = (0, 0), 0.9 * per_product * dim  # a tenth for what is not predicted
    for first in range(1, len(left)):
        for last in range(first, len(left)):
            width, more = first * _STEP, (last - first) * _STEP
            cost = width * per_product + (width + more) * rotation
            cost += _THRESHOLDS_RISE * float(left[first]) * (_PICKED + _REFINED * more)
            cost += _THRESHOLDS_RISE * float(left[last]) * _FINISHED * dim
            if cost < best_cost:
                best, best_cost = (width, width + more), cost
    if best == (0, 0):
        return None
    # One column of each width is the length of what the width leaves out; the second width cancels the first's.
    leading = best[0] - 1
    total = max(leading, best[1] - 3)
    return Basis(found.source_mean, found.target_mean, found.directions[:, :total].contiguous(), leading)


def _shares_left(source: torch.Tensor, target: torch.Tensor, found: Basis, k: int) -> torch.Tensor:
    """Share of a sample's pairs [widths + 1] whose bound after 0, 64, 128 ... coordinates reaches the source's list."""
    rows, columns = _sample(source, _JUDGED_ROWS), _sample(target, _JUDGED_COLUMNS)
    thresholds = _kth_best(rows, target, k)
    centred = rows - found.source_mean, columns - found.target_mean
    left, right = (part @ found.directions for part in centred)
    rest = [part.square().sum(dim=1) for part in centred]
    bounds = rows @ found.target_mean
    bounds = bounds[:, None] + (columns - found.target_mean) @ found.source_mean
    shares = [1.0]
    for start in range(0, found.directions.shape[1], _STEP):
        now = slice(start, start + _STEP)
        bounds = bounds + left[:, now] @ right[:, now].T
        rest = [length - part[:, now].square().sum(dim=1) for length, part in zip(rest, (left, right), strict=True)]
        lengths = [length.clamp_min(0).sqrt() for length in rest]
        shares.append(float((bounds + lengths[0][:, None] * lengths[1] >= thresholds[:, None]).float().mean()))
    return torch.tensor(shares)


def _kth_best(rows: torch.Tensor, others: torch.Tensor, k: int) -> torch.Tensor:
    best = torch.full((len(rows), 0), 0.0)
    for start in range(0, len(others), 1 << 14):
        best = torch.cat([best, rows @ others[start : start + (1 << 14)].T], dim=1)
        best = best.topk(min(k, best.shape[1]), dim=1).values
    return best[:, -1]


def _turned(found: Basis) -> Basis:
    return Basis(found.target_mean, found.source_mean, found.directions, found.leading)


def _sample(vectors: torch.Tensor, rows: int) -> torch.Tensor:
    """At most `rows` rows at equal distances."""
    return vectors[:: -(-len(vectors) // rows)]

"""The directions in which the vectors differ most, and how many of them to multiply before the rest is bounded.

Sentence vectors have falling spectra: in the right basis, a quarter of the coordinates carries most of every cosine,
and what the others can add is bounded by a product of two lengths (Cauchy-Schwarz). So most pairs are ruled out without
their last coordinates. What is chosen here decides how long a search takes, never what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_SAMPLE_ROWS = 2048  # of each side, for the basis
_JUDGED_ROWS = 64  # of each side, whose k-th best cosines tell how many pairs a width would leave
JUDGED_COLUMNS = 1024
STEP = 64  # widths are multiples of it, which products of blocks like

# Costs on one core in nanoseconds, measured on an AVX-512 processor; only their ratios matter.
PICKED = 10.0  # a pair that the first bound leaves
CODED = 0.03  # one coordinate of it in codes
_PREPARED = 10.0  # one coordinate of a row: centred, measured, coded (with AVX2)
THRESHOLDS_RISE = 1.3  # early blocks meet lower thresholds than the final ones


@dataclass(frozen=True)
class Basis:
    """Nearly orthonormal `directions` [d, w] around the means [d] of the two sides.

    `share` is the part of the other coordinates' lengths that a bound adds: 1 proves it, less makes it likely.
    """

    source_mean: torch.Tensor
    target_mean: torch.Tensor
    directions: torch.Tensor
    share: float = 1.0

    @property
    def turned(self) -> Basis:
        """The same seen from the other side."""
        return Basis(self.target_mean, self.source_mean, self.directions)


def basis(source: torch.Tensor, target: torch.Tensor, width: int) -> Basis:
    """The `width` directions with the most variance, by two steps of subspace iteration on a sample of rows."""
    rows, columns = sample_rows(source, _SAMPLE_ROWS), sample_rows(target, _SAMPLE_ROWS)
    means = rows.mean(dim=0), columns.mean(dim=0)
    left, right = rows - means[0], columns - means[1]
    covariance = left.T @ left + right.T @ right
    covariance /= covariance.trace().clamp_min(1e-30)
    start = torch.randn(source.shape[1], width, generator=torch.Generator().manual_seed(0))
    # Columns of a QR are nested: the first few span what the iteration found from the first few starts.
    return Basis(*means, torch.linalg.qr(covariance @ (covariance @ start)).Q.contiguous())


def paying_basis(
    source: torch.Tensor, target: torch.Tensor, k: int, seconds_per_product: float, forward_only: bool = False
) -> Basis | None:
    """As many directions as promise the shortest search, or None where multiplying all coordinates is no slower.

    `seconds_per_product`: of one coordinate in a block product, on one core.
    """
    dim = source.shape[1]
    largest = dim // 2 // STEP * STEP
    if largest < STEP:
        return None
    found = basis(source, target, largest)
    left = _shares_left(source, target, found, k)
    if not forward_only:
        left += _shares_left(target, source, found.turned, k)
    widths = torch.arange(0, largest + 1, STEP)
    multiplied = widths + dim * widths * (1 / len(source) + 1 / len(target))
    costs = 1e9 * seconds_per_product * multiplied + THRESHOLDS_RISE * left * (PICKED + CODED * dim)
    costs += _PREPARED * dim * (1 / len(source) + 1 / len(target))
    best = int(costs[1:].argmin()) + 1
    if float(costs[best]) > 0.95 * 1e9 * seconds_per_product * dim:
        return None
    # One more coordinate is the length of what the others leave out: together they make a round number.
    return Basis(found.source_mean, found.target_mean, found.directions[:, : best * STEP - 1].contiguous())


def _shares_left(source: torch.Tensor, target: torch.Tensor, found: Basis, k: int) -> torch.Tensor:
    """Share of a sample's pairs [widths + 1] whose bound after 0, 64, 128 ... coordinates reaches the source's list."""
    rows, columns = sample_rows(source, _JUDGED_ROWS), sample_rows(target, JUDGED_COLUMNS)
    thresholds = _kth_best(rows, target, k)
    centred = rows - found.source_mean, columns - found.target_mean
    left, right = (part @ found.directions for part in centred)
    rest = [part.square().sum(dim=1) for part in centred]
    bounds = (rows @ found.target_mean)[:, None] + centred[1] @ found.source_mean
    shares = [1.0]
    for start in range(0, found.directions.shape[1], STEP):
        now = slice(start, start + STEP)
        bounds = bounds + left[:, now] @ right[:, now].T
        rest = [length - part[:, now].square().sum(dim=1) for length, part in zip(rest, (left, right), strict=True)]
        lengths = [length.clamp_min(0).sqrt() for length in rest]
        shares.append(float((bounds + lengths[0][:, None] * lengths[1] >= thresholds[:, None]).float().mean()))
    return torch.tensor(shares)


def _kth_best(rows: torch.Tensor, others: torch.Tensor, k: int) -> torch.Tensor:
    best = torch.empty(len(rows), 0)
    for start in range(0, len(others), 1 << 14):
        best = torch.cat([best, rows @ others[start : start + (1 << 14)].T], dim=1)
        best = best.topk(min(k, best.shape[1]), dim=1).values
    return best[:, -1]


def sample_rows(vectors: torch.Tensor, rows: int) -> torch.Tensor:
    """At most `rows` rows at equal distances."""
    return vectors[:: -(-len(vectors) // rows)]

"""How many leading coordinates, and how much of the rest, find a given share of the neighbours: asked of a sample.

The proven bound of what the last coordinates add to a cosine is the product of two lengths (`bounds`). Hardly any pair
comes near it: that would take two sentences whose small differences point the same way. So a search that may miss some
neighbours adds only a share of that product, the least that would have kept the wanted part of a sample's neighbours.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from fairseq_xling.neighbours.directions import (
    CODED,
    JUDGED_COLUMNS,
    PICKED,
    THRESHOLDS_RISE,
    Basis,
    basis,
    sample_rows,
)

_STEP = 32  # widths are multiples of it
_ASKED_ROWS = 192  # of each side, whose neighbours are known exactly: some 1500 of them for k = 4
_MULTIPLIED = 0.03  # nanoseconds a coordinate; measured each time, it would decide differently each time
_COLUMNS = 1 << 14


def likely_basis(source: torch.Tensor, target: torch.Tensor, k: int, recall: float) -> Basis | None:
    """The cheapest basis by whose bounds each sentence of a sample keeps `recall` of its k nearest; None: no basis is.

    A sentence's own list decides here; in the search the other side's list is a second chance.
    """
    dim = source.shape[1]
    largest = dim // 2 // _STEP * _STEP
    if largest < _STEP:
        return None
    found = basis(source, target, largest)
    asked = [_Asked(source, target, found, k), _Asked(target, source, found.turned, k)]
    best, least = None, _MULTIPLIED * dim
    for place, width in enumerate(range(_STEP, largest + 1, _STEP)):
        needed = torch.cat([side.needed[place] for side in asked])
        share = float(needed.quantile(recall).clamp(0, 1))
        left = sum(side.left(place, share) for side in asked)
        multiplied = width + dim * width * (1 / len(source) + 1 / len(target))
        cost = _MULTIPLIED * multiplied + THRESHOLDS_RISE * left * (PICKED + CODED * dim)
        if cost < least:
            best, least = (width, share), cost
    if best is None:
        return None
    # One more coordinate is the length of what the others leave out: together they make a round number.
    width, share = best
    return replace(found, directions=found.directions[:, : width - 1].contiguous(), share=share)


class _Asked:
    """A sample of one side's sentences: what their neighbours need, and what a share leaves, after 32, 64 ... ."""

    def __init__(self, source: torch.Tensor, target: torch.Tensor, found: Basis, k: int) -> None:
        rows = sample_rows(source, _ASKED_ROWS)
        cosines, ids = _nearest(rows, target, k)
        self.thresholds = cosines[:, -1:]
        one = _Parts(rows, found.source_mean, found.directions)
        near = _Parts(target[ids.ravel()], found.target_mean, found.directions)
        some = _Parts(sample_rows(target, JUDGED_COLUMNS), found.target_mean, found.directions)
        offsets = (rows @ found.target_mean)[:, None] - found.source_mean @ found.target_mean
        near_offsets = offsets + (target[ids.ravel()] @ found.source_mean).view(ids.shape)
        self.some_offsets = offsets + sample_rows(target, JUDGED_COLUMNS) @ found.source_mean
        self.needed, self.seen = list[torch.Tensor](), list[tuple[torch.Tensor, torch.Tensor]]()
        for width in range(_STEP, found.directions.shape[1] + 1, _STEP):
            (left, rest), (right, near_rest), (other, some_rest) = (side.at(width) for side in (one, near, some))
            products = torch.einsum("rw,rkw->rk", left, right.view(*ids.shape, width)) + near_offsets
            lengths = rest[:, None] * near_rest.view(ids.shape)
            self.needed.append(((self.thresholds - products) / lengths.clamp_min(1e-30)).ravel())
            self.seen.append((left @ other.T + self.some_offsets, rest[:, None] * some_rest))

    def left(self, place: int, share: float) -> float:
        """Share of all pairs that the bound leaves."""
        products, lengths = self.seen[place]
        return float((products + share * lengths >= self.thresholds).float().mean())


class _Parts:
    """Rows around their mean in turned coordinates."""

    def __init__(self, rows: torch.Tensor, mean: torch.Tensor, directions: torch.Tensor) -> None:
        centred = rows - mean
        self.coordinates, self.squares = centred @ directions, centred.square().sum(dim=1)

    def at(self, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(the first coordinates, the length of what they miss)."""
        first = self.coordinates[:, :width]
        return first, (self.squares - first.square().sum(dim=1)).clamp_min(0).sqrt()


def _nearest(rows: torch.Tensor, others: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(cosines, ids) [rows, min(k, m)] of each row's nearest others."""
    cosines, ids = torch.empty(len(rows), 0), torch.empty(len(rows), 0, dtype=torch.int64)
    for start in range(0, len(others), _COLUMNS):
        part = rows @ others[start : start + _COLUMNS].T
        found = torch.cat([cosines, part], dim=1)
        numbers = torch.cat([ids, torch.arange(start, start + part.shape[1]).expand(len(rows), -1)], dim=1)
        cosines, places = found.topk(min(k, found.shape[1]), dim=1)
        ids = numbers.gather(1, places)
    return cosines, ids

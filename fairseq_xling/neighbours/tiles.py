"""A search in tiles, whose vectors need not fit into memory: each tile is one run of the exact kernel.

The cosines are those of `certify.pair_cosines`, so lists of tiles merge to the very lists of a search in one piece,
whatever the tiles, their order, and who found them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairseq_xling.configs import checked
from fairseq_xling.errors import CorpusError
from fairseq_xling.neighbours.kernel import (
    Approach,
    Neighbours,
    Prepared,
    SearchConfig,
    SearchReport,
    checked_rows,
    empty_lists,
    is_long,
    neighbours_of,
)
from fairseq_xling.neighbours.lists import NO_ID, Float32, Int64, TopLists
from fairseq_xling.neighbours.workers import Progress
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows

Rows = UnitRows | Float32
_SAMPLE = 32_768  # rows of each side that the approach is chosen by


@dataclass(frozen=True)
class Tile:
    """What was found in a tile: lists of its sources and of its targets, with ids of the whole search.

    A list may lack a pair of the tile that others, known before the tile was searched, rule out of the final list.
    """

    rows: TopLists
    columns: TopLists
    report: SearchReport


class TileSearch:
    """A search of unit rows [n, d] and [m, d] that finds one tile after the other."""

    def __init__(self, source: Rows, target: Rows, grid: TileGrid, config: SearchConfig) -> None:
        checked(config)
        if source.shape[1] != target.shape[1]:
            raise CorpusError(
                f"source vectors have dimension {source.shape[1]}, target vectors {target.shape[1]}. "
                "Encode both with the same encoder."
            )
        self.source, self.target, self.grid, self.config = source, target, grid, config
        self._approach: Approach | None = None
        self._left: tuple[range, Prepared] | None = None

    def empty(self, rows: range, columns: range) -> tuple[TopLists, TopLists]:
        """Lists of these sources and these targets."""
        return empty_lists((len(rows), len(columns)), (self.grid.sources, self.grid.targets), self.config)

    def tile(self, number: int, known: tuple[TopLists, TopLists], progress: Progress | None = None) -> Tile:
        """Search one tile; `known` lists of its sources and its targets, without pairs of this tile, rule pairs out."""
        rows, columns = self.grid.tile(number)
        if not (len(rows) and len(columns)):
            return Tile(*self.empty(rows, columns), SearchReport(0.0))
        started = time.perf_counter()
        left = self._source_side(rows)
        right = self._chosen().prepared(_read(self.target, columns, "target"), of_source=False)
        found = _moved(known[0], -columns.start), _moved(known[1], -rows.start)
        report = self._chosen().sweep(left, right, *found, progress)
        own = _own(found[0], columns), _own(found[1], rows)
        return Tile(*own, replace(report, seconds=time.perf_counter() - started))

    def _chosen(self) -> Approach:
        if self._approach is None:
            grid = self.grid
            most = min(_SAMPLE, *grid.largest) if is_long((grid.sources, grid.targets), self.source.shape[1]) else 1
            left, right = (
                _picked(side, np.linspace(0, side.shape[0] - 1, min(most, side.shape[0])).astype(np.int64))
                for side in (self.source, self.target)
            )
            self._approach = Approach.choose(left, right, (grid.sources, grid.targets), self.config)
        return self._approach

    def _source_side(self, rows: range) -> Prepared:
        """Kept for the next tile, which most often has the same sources."""
        approach = self._chosen()
        if self._left is None or self._left[0] != rows:
            self._left = None  # before another one is made
            self._left = rows, approach.prepared(_read(self.source, rows, "source"), of_source=True)
        return self._left[1]


def search_tiles(
    source: Rows, target: Rows, grid: TileGrid, config: SearchConfig, progress: Progress | None = None
) -> Neighbours:
    """What `kernel.search` finds, in one process, with no more of the vectors in memory than those of a tile."""
    search = TileSearch(source, target, grid, config)
    forward, backward = search.empty(range(grid.sources), range(grid.targets))
    reports = []
    for number in range(len(grid)):
        rows, columns = grid.tile(number)
        known = _part(forward, rows), _part(backward, columns)
        tile = search.tile(number, known, progress)
        forward.merge(tile.rows, rows.start)
        backward.merge(tile.columns, columns.start)
        reports.append(tile.report)
    return neighbours_of(forward, backward, config, joined(reports))


def joined(reports: Sequence[SearchReport]) -> SearchReport:
    """One report of all tiles: seconds added up, the share of finished products by their number."""
    done = [report for report in reports if report.gemm]
    if not done:
        return SearchReport(0.0)
    return replace(
        max(done, key=lambda report: report.seconds),
        seconds=sum(report.seconds for report in done),
        gemm_seconds=sum(report.gemm_seconds for report in done),
        tiles=len(reports),
        finished=float(np.mean([report.finished for report in done])),
    )


def _read(side: Rows, rows: range, name: str) -> Float32:
    found = side.read(rows.start, rows.stop) if isinstance(side, UnitRows) else side[rows.start : rows.stop]
    return checked_rows(found, f"{name} rows {rows.start} to {rows.stop - 1}:")


def _picked(side: Rows, ids: Int64) -> Float32:
    return np.ascontiguousarray(side[ids], dtype=np.float32)


def _part(lists: TopLists, rows: range) -> TopLists:
    own = slice(rows.start, rows.stop)
    return TopLists(lists.cosines[own], lists.ids[own])


def _moved(lists: TopLists, by: int) -> TopLists:
    """A copy with ids as the other side's part counts them; ids outside it are below 0 or behind its end."""
    return TopLists(lists.cosines.copy(), np.where(lists.ids == NO_ID, NO_ID, lists.ids + by))


def _own(lists: TopLists, others: range) -> TopLists:
    """The lists without what was known before, with ids of the whole search."""
    mine = (lists.ids >= 0) & (lists.ids < len(others))
    order = np.argsort(~mine, axis=1, kind="stable")
    cosines = np.where(mine, lists.cosines, np.float32(-np.inf))
    ids = np.where(mine, lists.ids + others.start, NO_ID)
    return TopLists(np.take_along_axis(cosines, order, 1), np.take_along_axis(ids, order, 1))

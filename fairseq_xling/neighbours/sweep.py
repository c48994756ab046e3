"""From a block of upper bounds to the lists of its rows and columns: compiled, or with torch and NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.bounds import UpperBound
from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.lists import TopLists

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """What all workers share: the vectors, their bound, and the lists of all rows (sources) and columns (targets).

    A row block's lists belong to the worker that searches it; a column block's lists are written under its lock and
    read without: a k-th best cosine only rises, so an old one lets more products through, never fewer. Every pair is
    swept once: the lists start empty, or with other pairs, whose ids may be anything outside the problem's own.

    `floors` [m, k], where given, are read instead of the columns' lists: their cosines before the present step.
    """

    source: Float32
    target: Float32
    bound: UpperBound
    rows: TopLists
    columns: TopLists
    floors: Float32 | None = None


class Sweep(Protocol):
    """One worker's way through blocks; `finished` counts the products computed in full."""

    finished: int

    def block(self, bounds: torch.Tensor, first_row: int, first_column: int, lock: Lock) -> None:
        """Update the lists with `bounds` [r, c], the products of rows first_row.. and columns first_column.. ."""


class TorchSweep:
    """The plain expression of the sweep; the compiled one gives the same lists."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.finished = problem, 0

    def block(self, bounds: torch.Tensor, first_row: int, first_column: int, lock: Lock) -> None:
        last_row, last_column = first_row + bounds.shape[0], first_column + bounds.shape[1]
        problem = self.problem
        upper = bounds + torch.from_numpy(problem.bound.source_offsets[first_row:last_row, None])
        upper += torch.from_numpy(problem.bound.target_offsets[first_column:last_column])
        upper += problem.bound.slack
        with lock:
            self._seed(upper, first_row, first_column)
            row_thresholds = problem.rows.thresholds(first_row, last_row)
            column_thresholds = problem.columns.thresholds(first_column, last_column)
            least = torch.minimum(
                torch.from_numpy(row_thresholds)[:, None], torch.from_numpy(column_thresholds)[None, :]
            )
            picked = (upper >= least).nonzero().numpy()
            self._offer(picked[:, 0] + first_row, picked[:, 1] + first_column)

    def _seed(self, upper: torch.Tensor, first_row: int, first_column: int) -> None:
        """Where a list is not full yet: the pairs with the highest bounds first, so that thresholds bite."""
        rows, columns = self.problem.rows, self.problem.columns
        for lists, first, bounds in ((rows, first_row, upper), (columns, first_column, upper.T)):
            if np.isneginf(lists.thresholds(first, first + len(bounds))).any():
                best = bounds.topk(min(lists.k, bounds.shape[1]), dim=1).indices.numpy()
                own, other = np.repeat(np.arange(len(best)), best.shape[1]), best.ravel()
                mine, theirs = (own, other) if lists is rows else (other, own)
                self._offer(mine + first_row, theirs + first_column)

    def _offer(self, rows: Int64, columns: Int64) -> None:
        cosines = pair_cosines(self.problem.source, self.problem.target, rows, columns)
        self.problem.rows.offer(rows, columns, cosines)
        self.problem.columns.offer(columns, rows, cosines)
        self.finished += len(rows)


class CompiledSweep:
    """The same in loops compiled by numba: what a block's bounds leave is estimated first, and only then finished.

    An estimate less its slack is a lower bound of a cosine, so k of them bound the k-th best from below: most of what
    the first blocks would finish is ruled out by the rest of their own block.
    """

    def __init__(self, problem: Problem, block_rows: int, block_columns: int) -> None:
        self.problem, self.finished = problem, 0
        most = block_rows * block_columns
        self._found = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.float32)
        from fairseq_xling.neighbours.simd import TOGETHER

        room = block_columns + TOGETHER
        self._space = np.empty((2, block_columns), np.float32), np.empty(room, np.int64), np.empty(room, np.int32)

    def block(self, bounds: torch.Tensor, first_row: int, first_column: int, lock: Lock) -> None:
        from fairseq_xling.neighbours import compiled

        problem, bound, block = self.problem, self.problem.bound, bounds.numpy()
        corner = first_row, first_column
        codes = bound.source_codes, bound.target_codes
        slack = bound.code_slack if codes[0].codes.shape[1] else bound.slack
        # The lists hold no pair of this block yet, so that lower bounds of its pairs may raise copies of their cosines.
        row_floors = problem.rows.cosines[first_row : first_row + block.shape[0]].copy()
        seen = problem.columns.cosines if problem.floors is None else problem.floors
        column_floors = seen[first_column : first_column + block.shape[1]].copy()
        count = compiled.candidates(
            block,
            corner,
            (
                bound.source_offsets,
                bound.target_offsets,
                bound.slack,
                *((side.codes, side.scales) for side in codes),
                slack,
            ),
            row_floors,
            column_floors,
            self._found,
            self._space,
        )
        rows = problem.rows
        reached, finished = compiled.finish(
            count,
            corner,
            problem.source,
            problem.target,
            slack,
            row_floors,
            column_floors,
            (rows.cosines, rows.ids),
            self._found,
        )
        self.finished += finished
        sources, columns, cosines = self._found
        with lock:
            lists = problem.columns
            compiled.place_all(lists.cosines, lists.ids, first_column, columns, sources, cosines, reached)

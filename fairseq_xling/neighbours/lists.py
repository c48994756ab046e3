"""The k best pairs seen so far of every row: a state that may be updated in any order and merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

NO_ID = np.iinfo(np.int64).max  # of an empty place, whose cosine is -inf


@dataclass(frozen=True)
class TopLists:
    """`cosines` and `ids` [n, k], each row sorted by (-cosine, id), empty places last.

    Cosines are those of `certify.pair_cosines`, so a pair that is offered twice is recognised, and the lists do not
    depend on the order or the grouping of what was offered: they merge associatively.
    """

    cosines: Float32
    ids: Int64

    @classmethod
    def empty(cls, rows: int, k: int) -> TopLists:
        return cls(np.full((rows, k), -np.inf, np.float32), np.full((rows, k), NO_ID, np.int64))

    @classmethod
    def closed(cls, rows: int) -> TopLists:
        """Lists that nothing can enter, of a side that is not asked."""
        return cls(np.full((rows, 1), np.inf, np.float32), np.full((rows, 1), NO_ID, np.int64))

    @property
    def k(self) -> int:
        return int(self.ids.shape[1])

    def thresholds(self, first: int, last: int) -> Float32:
        """The k-th best cosine of rows first..last-1; -inf where the list is not full."""
        return self.cosines[first:last, -1]

    def offer(self, rows: Int64, ids: Int64, cosines: Float32) -> None:
        """Take each (row, id, cosine) that belongs into its row's list."""
        touched = np.unique(rows)
        if len(touched) == 0:
            return
        rows = np.concatenate([np.repeat(touched, self.k), rows])
        ids = np.concatenate([self.ids[touched].ravel(), ids])
        cosines = np.concatenate([self.cosines[touched].ravel(), cosines])
        order = np.lexsort((ids, -cosines, rows))
        rows, ids, cosines = rows[order], ids[order], cosines[order]
        repeated = np.zeros(len(rows), bool)
        repeated[1:] = (rows[1:] == rows[:-1]) & (ids[1:] == ids[:-1]) & (ids[1:] != NO_ID)
        rows, ids, cosines = rows[~repeated], ids[~repeated], cosines[~repeated]
        starts = np.searchsorted(rows, touched)
        places = starts[:, None] + np.arange(self.k)
        self.ids[touched], self.cosines[touched] = ids[places], cosines[places]

    def merge(self, others: TopLists, first: int = 0) -> None:
        """Take the lists of rows first, first + 1, ...; no pair may be in both."""
        own = slice(first, first + len(others.ids))
        better = np.flatnonzero(others.cosines[:, 0] >= self.cosines[own, -1])
        rows = better + first
        ids = np.concatenate([self.ids[rows], others.ids[better]], axis=1)
        cosines = np.concatenate([self.cosines[rows], others.cosines[better]], axis=1)
        best = np.lexsort((ids, -cosines), axis=1)[:, : self.k]
        self.ids[rows] = np.take_along_axis(ids, best, 1)
        self.cosines[rows] = np.take_along_axis(cosines, best, 1)

"""Pairs that some search proposes, scored exactly and offered to both sides' lists."""

from __future__ import annotations

from importlib.util import find_spec
from threading import Lock

from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.lists import Float32, Int64, TopLists


class Finisher:
    """The lists of all rows (sources) and columns (targets); every proposed pair may enter both.

    The lists depend on the set of the pairs only, not on who proposes them, in what order, or how often.
    """

    def __init__(self, source: Float32, target: Float32, k: int) -> None:
        self.source, self.target = source, target
        self.rows = TopLists.empty(len(source), min(k, len(target)))
        self.columns = TopLists.empty(len(target), min(k, len(source)))
        self.finished, self._lock, self._compiled = 0, Lock(), find_spec("numba") is not None

    def propose(self, rows: Int64, columns: Int64) -> None:
        """Score the pairs (rows[p], columns[p]); may be called from several threads."""
        if self._compiled:
            from fairseq_xling.neighbours import compiled

            cosines = compiled.cosines_of(self.source, self.target, rows, columns)
        else:
            cosines = pair_cosines(self.source, self.target, rows, columns)
        with self._lock:
            self.finished += len(rows)
            for lists, own, other in ((self.rows, rows, columns), (self.columns, columns, rows)):
                if self._compiled:
                    compiled.place_all(lists.cosines, lists.ids, 0, own, other, cosines, len(cosines))
                else:
                    lists.offer(own, other, cosines)

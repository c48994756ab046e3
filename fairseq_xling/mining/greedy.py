"""One-to-one pairs from more candidates than memory holds: sorted runs on disk, merged in the house's total order.

What is in memory does not grow with the candidates, but for a byte a sentence that says whether it is taken. Runs and
result lie in files without a name in the folder for temporary files (TMPDIR), which go with the arrays that map them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.mining.pairs import Float64, Int64, MinedPairs, canonical_order

HELD = 1 << 21  # candidates sorted at a time: about 250 MB
_LOOPED = 1 << 17  # candidates at a time as Python's own numbers
_COLUMNS = (np.float64, np.int64, np.int64)

Flags = npt.NDArray[np.uint8]


def take_greedily(candidates: Iterable[MinedPairs], sources: int, targets: int, held: int = HELD) -> MinedPairs:
    """All candidates by falling score, a pair kept if neither sentence was taken before; in canonical order.

    `candidates` come in parts of any size and order. With no more than `held` of them, no file is written.
    """
    taken, kept = _Taken(sources, targets), _Stored()
    for part in _in_order(candidates, held):
        kept.append(taken.accept(part))
    return kept.whole()


def _in_order(candidates: Iterable[MinedPairs], held: int) -> Iterator[MinedPairs]:
    """All candidates in canonical order, in parts of at most about `held`."""
    runs, ends = _Stored(), list[int]()
    for run in _runs(candidates, held):
        if not ends and len(run) < held:  # the only one
            yield run
            return
        runs.append(run)
        ends.append(len(runs))
    if ends:
        yield from _merged(runs.whole(), [0, *ends[:-1]], ends, max(1, held // len(ends)))


def _runs(candidates: Iterable[MinedPairs], held: int) -> Iterator[MinedPairs]:
    """Sorted runs of `held` candidates, the last one shorter and perhaps empty."""
    waiting, count = list[MinedPairs](), 0
    for part in candidates:
        while count + len(part) >= held:
            room = held - count
            yield _sorted([*waiting, part.take(slice(0, room))])
            part, waiting, count = part.take(slice(room, None)), [], 0
        waiting.append(part)
        count += len(part)
    if waiting:
        yield _sorted(waiting)


def _merged(runs: MinedPairs, places: list[int], ends: Sequence[int], window: int) -> Iterator[MinedPairs]:
    """Merge sorted runs that lie one after the other from `places` to `ends`.

    Of each run the next `window` candidates are looked at. Whatever comes before the first of these windows' last
    candidates in the order is complete, because nothing behind any window comes before it.
    """
    while True:
        stops = [min(place + window, end) for place, end in zip(places, ends, strict=True)]
        lasts = [_key(runs, stop - 1) for stop, end in zip(stops, ends, strict=True) if stop < end]
        if lasts:
            bound = min(lasts)
            stops = [_before(runs, place, stop, bound) for place, stop in zip(places, stops, strict=True)]
        parts = [runs.take(slice(place, stop)) for place, stop in zip(places, stops, strict=True)]
        yield _sorted(parts)
        places = stops
        if not lasts:
            return


def _key(pairs: MinedPairs, place: int) -> tuple[float, int, int]:
    return -float(pairs.scores[place]), int(pairs.source_ids[place]), int(pairs.target_ids[place])


def _before(runs: MinedPairs, place: int, stop: int, bound: tuple[float, int, int]) -> int:
    """Where in places place..stop-1, which are sorted, the first candidate behind `bound` is."""
    while place < stop:
        middle = (place + stop) // 2
        if _key(runs, middle) <= bound:
            place = middle + 1
        else:
            stop = middle
    return place


def _sorted(parts: Sequence[MinedPairs]) -> MinedPairs:
    columns = [np.concatenate([_columns(part)[at] for part in parts]) for at in range(len(_COLUMNS))]
    scores, source_ids, target_ids = columns
    return MinedPairs(scores, source_ids, target_ids).take(canonical_order(scores, source_ids, target_ids))


def _columns(pairs: MinedPairs) -> tuple[Float64, Int64, Int64]:
    return pairs.scores, pairs.source_ids, pairs.target_ids


class _Taken:
    """Which sentences are in a pair already: a byte each, read by NumPy and written by the loop."""

    def __init__(self, sources: int, targets: int) -> None:
        self._sources, self._targets = bytearray(sources), bytearray(targets)

    def accept(self, pairs: MinedPairs) -> MinedPairs:
        """Those of `pairs`, in canonical order, that use no sentence twice; their sentences are taken from now on."""
        sources, targets = self._sources, self._targets
        kept = list[Int64]()
        for first in range(0, len(pairs), _LOOPED):
            part = slice(first, first + _LOOPED)
            free = _free(sources, pairs.source_ids[part]) & _free(targets, pairs.target_ids[part])
            places, accepted = np.flatnonzero(free) + first, list[int]()
            numbers = zip(
                places.tolist(), pairs.source_ids[places].tolist(), pairs.target_ids[places].tolist(), strict=True
            )
            for place, source, target in numbers:
                if not (sources[source] or targets[target]):
                    sources[source] = targets[target] = 1
                    accepted.append(place)
            kept.append(np.array(accepted, np.int64))
        return pairs.take(np.concatenate(kept)) if kept else pairs


def _free(taken: bytearray, ids: Int64) -> npt.NDArray[np.bool_]:
    flags: Flags = np.frombuffer(taken, np.uint8)
    return np.equal(flags[ids], 0)


class _Stored:
    """Pairs that are only ever appended to; in memory as long as there is one part, then in files."""

    def __init__(self) -> None:
        self._first: MinedPairs | None = None
        self._files: tuple[Any, ...] = ()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, pairs: MinedPairs) -> None:
        if not len(pairs):
            return
        self._count += len(pairs)
        if self._first is None and not self._files:
            self._first = pairs
            return
        if self._first is not None:
            self._files = tuple(tempfile.TemporaryFile(prefix="xling-greedy-") for _ in _COLUMNS)  # noqa: SIM115
            self._write(self._first)
            self._first = None
        self._write(pairs)

    def whole(self) -> MinedPairs:
        """All of them, mapped where they are in files."""
        columns: list[npt.NDArray[Any]] = [np.empty(0, kind) for kind in _COLUMNS]
        if self._files:
            for file in self._files:
                file.flush()
            columns = [np.memmap(file, kind, "r") for file, kind in zip(self._files, _COLUMNS, strict=True)]
        return self._first or MinedPairs(columns[0], columns[1], columns[2])

    def _write(self, pairs: MinedPairs) -> None:
        for file, column, kind in zip(self._files, _columns(pairs), _COLUMNS, strict=True):
            file.write(np.ascontiguousarray(column, kind).data)

"""Loops compiled by numba: the scan of a block of upper bounds, and the updates of the lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from fairseq_xling.neighbours.certify import LANES

_GROUP = 32  # products tested together; most groups hold no candidate
_SPAN = 256  # columns scanned between two looks at the thresholds


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """numba's njit without the interpreter lock, kept on disk where there is a folder that can be written."""

    def decorate(function: Any) -> Any:
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # a read-only installation without a home: numba finds no folder for its cache
            return numba.njit(nogil=True, **options)(function)

    return decorate


@_compiled(fastmath={"reassoc", "contract", "nsz"})
def _quick_cosine(left, right):  # type: ignore[no-untyped-def]
    """A float32 dot product in whatever order is fastest; `certify.product_error` bounds it."""
    total = np.float32(0)
    for position in range(len(left)):
        total += left[position] * right[position]
    return total


@_compiled()
def _exact_cosine(left, right, lanes):  # type: ignore[no-untyped-def]
    """`certify.pair_cosines` of one pair; `lanes` is working space."""
    lanes[:] = 0
    whole = len(left) // LANES * LANES
    for position in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += np.float64(left[position + lane]) * np.float64(right[position + lane])
    for position in range(whole, len(left)):
        lanes[position - whole] += np.float64(left[position]) * np.float64(right[position])
    width = LANES // 2
    while width > 0:
        for lane in range(width):
            lanes[lane] += lanes[lane + width]
        width //= 2
    return np.float32(lanes[0])


@_compiled()
def _place(cosines, ids, cosine, number):  # type: ignore[no-untyped-def]
    """Insert into one sorted list unless it is there already or too low."""
    last = len(ids) - 1
    place = last + 1
    while place > 0 and (cosines[place - 1] < cosine or (cosines[place - 1] == cosine and ids[place - 1] > number)):
        place -= 1
    if place > last or (place > 0 and cosines[place - 1] == cosine and ids[place - 1] == number):
        return
    for move in range(last, place, -1):
        cosines[move] = cosines[move - 1]
        ids[move] = ids[move - 1]
    cosines[place] = cosine
    ids[place] = number


@_compiled()
def place_all(cosines, ids, first, rows, numbers, found, count):  # type: ignore[no-untyped-def]
    """Offer `count` (row, number, cosine) triples to the lists of rows first, first + 1, ..."""
    for index in range(count):
        row = first + rows[index]
        _place(cosines[row], ids[row], found[index], numbers[index])


@_compiled()
def seed(block, other_offsets, own, other, corner, lists, space):  # type: ignore[no-untyped-def]
    """Give each row of `block` the exact cosines of its k highest bounds, so that thresholds bite from the start."""
    first, first_other = corner
    cosines, ids = lists
    best, places, lanes = space
    k = min(cosines.shape[1], block.shape[1])
    for i in range(block.shape[0]):
        best[:k] = -np.inf
        for j in range(block.shape[1]):
            value = block[i, j] + other_offsets[first_other + j]
            if value > best[k - 1]:
                place = k - 1
                while place > 0 and best[place - 1] < value:
                    best[place] = best[place - 1]
                    places[place] = places[place - 1]
                    place -= 1
                best[place] = value
                places[place] = j
        for rank in range(k):
            number = first_other + places[rank]
            cosine = _exact_cosine(own[first + i], other[number], lanes)
            _place(cosines[first + i], ids[first + i], cosine, number)


@_compiled()
def scan(  # type: ignore[no-untyped-def]
    block, corner, source, target, offsets, slacks, lists, column_thresholds, found, space
):
    """Finish every product of `block` that may reach a list; returns (how many reach a column, how many were finished).

    corner: first row and column of the block. offsets: of all sources and targets. slacks: of the bound and of
    `_quick_cosine`. lists: the rows' cosines and ids, updated here. column_thresholds [c]: k-th best cosine of each
    column. found: rows, columns and cosines [r * c] for the columns' lists. space: float32 [2, c], int64 [c], lanes.
    """
    first_row, first_column = corner
    source_offsets, target_offsets = offsets
    slack, quick_slack = slacks
    cosines, ids = lists
    found_rows, found_columns, found_cosines = found
    floors, picked, lanes = space
    columns = block.shape[1]
    last = cosines.shape[1] - 1
    for j in range(columns):
        floors[0, j] = -target_offsets[first_column + j] - slack
        floors[1, j] = column_thresholds[j] + floors[0, j]
    reached = 0
    finished = 0
    for i in range(block.shape[0]):
        row = first_row + i
        offset = source_offsets[row]
        for start in range(0, columns, _SPAN):
            stop = min(start + _SPAN, columns)
            threshold = cosines[row, last]
            count = _pick(block[i], floors, threshold - offset, offset, start, stop, picked)
            for index in range(count):
                j = picked[index]
                column = first_column + j
                needed = min(cosines[row, last], column_thresholds[j])
                if block[i, j] < needed - offset + floors[0, j]:
                    continue
                finished += 1
                if _quick_cosine(source[row], target[column]) + quick_slack < needed:
                    continue
                cosine = _exact_cosine(source[row], target[column], lanes)
                if cosine >= cosines[row, last]:
                    _place(cosines[row], ids[row], cosine, column)
                if cosine >= column_thresholds[j]:
                    found_rows[reached] = row
                    found_columns[reached] = j
                    found_cosines[reached] = cosine
                    reached += 1
    return reached, finished


@_compiled()
def _pick(values, floors, row_floor, offset, start, stop, picked):  # type: ignore[no-untyped-def]
    """Write the positions start..stop-1 whose bound may reach the row's or the column's list; returns their number."""
    count = 0
    for group in range(start, stop, _GROUP):
        end = min(group + _GROUP, stop)
        hit = 0
        for j in range(group, end):
            hit |= values[j] >= min(row_floor + floors[0, j], floors[1, j] - offset)
        if hit:
            for j in range(group, end):
                picked[count] = j
                count += values[j] >= min(row_floor + floors[0, j], floors[1, j] - offset)
    return count

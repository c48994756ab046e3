"""Loops compiled by numba: the scan of a block of upper bounds, and the updates of the lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from fairseq_xling.neighbours.simd import GROUP, code_product, exact_cosine, lowest_bit, reaching

_SPAN = 4 * GROUP  # columns whose vectors stay in the cache while all rows of a block pass by
_SEED_COLUMNS = 512
_ONE = np.uint64(1)


# Read-only stands for what may be a memory map; an array that can be written is taken as well.
_MATRIX, _FIXED_MATRIX = numba.float32[:, ::1], types.Array(numba.float32, 2, "C", readonly=True)
_VECTOR, _FIXED_VECTOR = numba.float32[::1], types.Array(numba.float32, 1, "C", readonly=True)
_NUMBERS, _NUMBER_MATRIX, _INT = numba.int64[::1], numba.int64[:, ::1], numba.int64
_LISTS, _CORNER = types.Tuple((_MATRIX, _NUMBER_MATRIX)), types.UniTuple(_INT, 2)
_FOUND = types.Tuple((_NUMBERS, _NUMBERS, _VECTOR))
_CODES = types.Tuple((numba.int8[:, ::1], _VECTOR))
_BOUND = types.Tuple((_FIXED_VECTOR,) * 2 + (numba.float64,) + (_CODES,) * 2 + (numba.float64,))


def _compiled(*signature: Any) -> Callable[[Any], Any]:
    """numba's njit without the interpreter lock, kept on disk where there is a folder that can be written.

    With a signature it compiles at once (or reads what was kept), and never again for another kind of array.
    """
    given = [signature] if signature else []

    def decorate(function: Any) -> Any:
        try:
            return numba.njit(*given, nogil=True, cache=True)(function)
        except RuntimeError:  # a read-only installation without a home: numba finds no folder for its cache
            return numba.njit(*given, nogil=True)(function)

    return decorate


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


@_compiled(_MATRIX, _NUMBER_MATRIX, _INT, _NUMBERS, _NUMBERS, _VECTOR, _INT)
def place_all(cosines, ids, first, rows, numbers, found, count):  # type: ignore[no-untyped-def]
    """Offer `count` (row, number, cosine) triples to the lists of rows first, first + 1, ..."""
    for index in range(count):
        row = first + rows[index]
        _place(cosines[row], ids[row], found[index], numbers[index])


@_compiled(_MATRIX, _FIXED_VECTOR, _FIXED_MATRIX, _FIXED_MATRIX, _CORNER, _LISTS, types.Tuple((_VECTOR, _NUMBERS)))
def seed(block, other_offsets, own, other, corner, lists, space):  # type: ignore[no-untyped-def]
    """Give each row of `block` exact cosines of its highest bounds (in part of it), so that thresholds bite at once."""
    first, first_other = corner
    cosines, ids = lists
    best, places = space
    k = min(cosines.shape[1], block.shape[1])
    columns = min(max(k, _SEED_COLUMNS), block.shape[1])
    for i in range(block.shape[0]):
        best[:k] = -np.inf
        for j in range(columns):
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
            cosine = exact_cosine(own, first + i, other, number)
            _place(cosines[first + i], ids[first + i], cosine, number)


@_compiled(_FIXED_MATRIX, _FIXED_MATRIX, _MATRIX, _NUMBER_MATRIX, _NUMBER_MATRIX, _INT)
def offer_guesses(own, other, cosines, ids, guesses, first):  # type: ignore[no-untyped-def]
    """Offer row first + i of `own` the exact cosines of its guessed neighbours guesses[i]."""
    for i in range(len(guesses)):
        row = first + i
        for rank in range(guesses.shape[1]):
            number = guesses[i, rank]
            _place(cosines[row], ids[row], exact_cosine(own, row, other, number), number)


@_compiled()
def _pick(block, i, floors, row_floor, offset, start, stop, picked):  # type: ignore[no-untyped-def]
    """Write the positions start..stop-1 whose bound may reach the row's or the column's list; returns their number."""
    count = 0
    whole = start + (stop - start) // GROUP * GROUP
    for group in range(start, whole, GROUP):
        bits = reaching(block, i, floors[0], floors[1], row_floor, offset, group)
        while bits != 0:
            picked[count] = group + lowest_bit(bits)
            count += 1
            bits &= bits - _ONE
    for j in range(whole, stop):
        if block[i, j] >= min(row_floor + floors[0, j], floors[1, j] - offset):
            picked[count] = j
            count += 1
    return count


@_compiled(
    _MATRIX,
    _CORNER,
    _FIXED_MATRIX,
    _FIXED_MATRIX,
    _BOUND,
    _LISTS,
    _VECTOR,
    _FOUND,
    types.Tuple((_MATRIX, _NUMBERS)),
)
def scan(  # type: ignore[no-untyped-def]
    block, corner, source, target, bound, lists, column_thresholds, found, space
):
    """Finish every product of `block` that may reach a list; returns (how many reach a column, how many were finished).

    corner: first row and column of the block. bound: both sides' offsets, the slack, both sides' codes and scales, and
    their slack. lists: the rows' cosines and ids, updated here. column_thresholds [c]: k-th best cosine of each column.
    found: rows, columns and cosines [r * c] for the columns' lists. space: float32 [2, c], int64 [c].
    """
    first_row, first_column = corner
    source_offsets, target_offsets, slack, (source_codes, source_scales), (target_codes, target_scales), code_slack = (
        bound
    )
    coded = source_codes.shape[1] > 0
    cosines, ids = lists
    found_rows, found_columns, found_cosines = found
    floors, picked = space
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
            count = _pick(block, i, floors, cosines[row, last] - offset, offset, start, stop, picked)
            for index in range(count):
                j = picked[index]
                column = first_column + j
                needed = min(cosines[row, last], column_thresholds[j])
                if coded:
                    scale = np.float64(source_scales[row]) * target_scales[column]
                    product = scale * code_product(source_codes, row, target_codes, column)
                    if product + offset + target_offsets[column] + code_slack < needed:
                        continue
                finished += 1
                place = 0
                while place <= last and ids[row, place] != column:
                    place += 1
                cosine = cosines[row, place] if place <= last else exact_cosine(source, row, target, column)
                if cosine >= cosines[row, last]:
                    _place(cosines[row], ids[row], cosine, column)
                if cosine >= column_thresholds[j]:
                    found_rows[reached] = row
                    found_columns[reached] = j
                    found_cosines[reached] = cosine
                    reached += 1
    return reached, finished

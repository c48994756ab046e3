"""Loops compiled by numba: what a block of upper bounds leaves, its exact cosines, and the updates of the lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from fairseq_xling.neighbours.simd import GROUP, TOGETHER, code_products, exact_cosine, lowest_bit, reaching

_SPAN = 4 * GROUP  # columns between two looks at a row's floor
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


@_compiled()
def _raise(floors, floor):  # type: ignore[no-untyped-def]
    """Insert into one row of falling floors, whose lowest leaves."""
    place = len(floors) - 1
    if floors[place] >= floor:
        return
    while place > 0 and floors[place - 1] < floor:
        floors[place] = floors[place - 1]
        place -= 1
    floors[place] = floor


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


@_compiled(_MATRIX, _CORNER, _BOUND, _MATRIX, _MATRIX, _FOUND, types.Tuple((_MATRIX, _NUMBERS, numba.int32[::1])))
def candidates(block, corner, bound, row_floors, column_floors, found, space):  # type: ignore[no-untyped-def]
    """Find the products of `block` that may reach a list, and raise the floors of the lists; returns their number.

    corner: first row and column of the block. bound: both sides' offsets, the slack, both sides' codes and scales, and
    their slack. row_floors [r, k], column_floors [c, k]: falling lower bounds of cosines of different pairs.
    found: rows and columns in the block and estimated cosines [r * c]. space: float32 [2, c], int64 and int32
    [c + TOGETHER].
    """
    first_row, first_column = corner
    source_offsets, target_offsets, slack, (source_codes, source_scales), (target_codes, target_scales), code_slack = (
        bound
    )
    coded = source_codes.shape[1] > 0
    found_rows, found_columns, estimates = found
    needed, picked, products = space
    columns = block.shape[1]
    last_row, last_column = row_floors.shape[1] - 1, column_floors.shape[1] - 1
    for j in range(columns):
        needed[0, j] = -target_offsets[first_column + j] - slack
        needed[1, j] = column_floors[j, last_column] + needed[0, j]
    count = 0
    for i in range(block.shape[0]):
        offset = source_offsets[first_row + i]
        for start in range(0, columns, _SPAN):
            stop = min(start + _SPAN, columns)
            reaching = _pick(block, i, needed, row_floors[i, last_row] - offset, offset, start, stop, picked)
            if coded and reaching > 0:
                picked[reaching : reaching + TOGETHER] = picked[reaching - 1]
                for first in range(0, reaching, TOGETHER):
                    code_products(source_codes, first_row + i, target_codes, first_column, picked, first, products)
            for index in range(reaching):
                j = picked[index]
                if coded:
                    scale = np.float64(source_scales[first_row + i]) * target_scales[first_column + j]
                    product = scale * products[index]
                else:
                    product = np.float64(block[i, j])
                estimate = product + offset + target_offsets[first_column + j]
                if estimate + code_slack < min(row_floors[i, last_row], column_floors[j, last_column]):
                    continue
                found_rows[count] = i
                found_columns[count] = j
                estimates[count] = estimate
                count += 1
                _raise(row_floors[i], estimate - code_slack)
                _raise(column_floors[j], estimate - code_slack)
                needed[1, j] = column_floors[j, last_column] + needed[0, j]
    return count


@_compiled(_INT, _CORNER, _FIXED_MATRIX, _FIXED_MATRIX, numba.float64, _MATRIX, _MATRIX, _LISTS, _FOUND)
def finish(  # type: ignore[no-untyped-def]
    count, corner, source, target, code_slack, row_floors, column_floors, lists, found
):
    """Compute what `candidates` found and the floors now leave; returns (how many reach a column, how many computed).

    lists: the rows' cosines and ids, updated here. found: from now on rows, columns in the block and cosines, for the
    columns' lists.
    """
    first_row, first_column = corner
    cosines, ids = lists
    found_rows, found_columns, found_cosines = found
    last_row, last_column = row_floors.shape[1] - 1, column_floors.shape[1] - 1
    reached = 0
    finished = 0
    for index in range(count):
        i, j = found_rows[index], found_columns[index]
        if found_cosines[index] + code_slack < min(row_floors[i, last_row], column_floors[j, last_column]):
            continue
        finished += 1
        cosine = exact_cosine(source, first_row + i, target, first_column + j)
        if cosine >= row_floors[i, last_row]:
            _place(cosines[first_row + i], ids[first_row + i], cosine, first_column + j)
        if cosine >= column_floors[j, last_column]:
            found_rows[reached] = first_row + i
            found_columns[reached] = j
            found_cosines[reached] = cosine
            reached += 1
    return reached, finished


@_compiled(_FIXED_MATRIX, _FIXED_MATRIX, _NUMBERS, _NUMBERS)
def cosines_of(source, target, rows, columns):  # type: ignore[no-untyped-def]
    """`certify.pair_cosines` of the pairs (rows[p], columns[p]), [p]."""
    cosines = np.empty(len(rows), np.float32)
    for index in range(len(rows)):
        cosines[index] = exact_cosine(source, rows[index], target, columns[index])
    return cosines

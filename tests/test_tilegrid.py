"""Tiles cover every pair of sentences once, and are as many and as large as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.tilegrid import TileGrid


def covered(grid: TileGrid) -> np.ndarray:
    """How often each pair of sentences is in a tile."""
    times = np.zeros((grid.sources, grid.targets), int)
    for number in range(len(grid)):
        rows, columns = grid.tile(number)
        times[rows.start : rows.stop, columns.start : columns.stop] += 1
    return times


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_of_a_number(sources: int, targets: int, number: int) -> None:
    grid = TileGrid.of_number(sources, targets, number)
    assert len(grid) == number
    assert (covered(grid) == 1).all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 150))
def test_of_a_size(sources: int, targets: int, most: int) -> None:
    grid = TileGrid.of_size(sources, targets, most)
    assert (covered(grid) == 1).all()
    assert sum(grid.largest) <= max(2, most)
    sizes = [tuple(map(len, grid.tile(number))) for number in range(len(grid))]
    assert grid.largest == tuple(np.max(sizes, axis=0))


@pytest.mark.parametrize(
    ("sources", "targets", "number", "shape"),
    [(100, 100, 16, (4, 4)), (1000, 100, 8, (8, 1)), (100, 1000, 8, (1, 8)), (100, 100, 7, (1, 7)), (5, 5, 1, (1, 1))],
)
def test_tiles_are_square_where_their_number_allows(sources, targets, number, shape) -> None:
    grid = TileGrid.of_number(sources, targets, number)
    assert (grid.rows, grid.columns) == shape


def test_a_short_side_stays_whole() -> None:
    assert TileGrid.of_size(10, 1000, 110) == TileGrid(10, 1000, 1, 10)
    assert TileGrid.of_size(1000, 10, 110) == TileGrid(1000, 10, 10, 1)
    assert TileGrid.of_size(1000, 1000, 200) == TileGrid(1000, 1000, 10, 10)


def test_tiles_beside_each_other_share_a_side() -> None:
    grid = TileGrid(30, 40, 3, 4)
    for number in range(12):
        own = grid.tile(number)
        sharing = [
            other
            for other in range(12)
            if other != number and (grid.tile(other)[0] == own[0] or grid.tile(other)[1] == own[1])
        ]
        assert grid.beside(number) == sharing


def test_by_row_each_begins_far_from_the_others() -> None:
    grid = TileGrid(80, 80, 4, 8)
    rows = grid.by_row(range(len(grid)))
    assert [row for row, _ in rows] == [0, 1, 2, 3]
    assert [[number % 8 for number in tiles] for _, tiles in rows] == [
        [0, 1, 2, 3, 4, 5, 6, 7], [4, 5, 6, 7, 0, 1, 2, 3], [2, 3, 4, 5, 6, 7, 0, 1], [6, 7, 0, 1, 2, 3, 4, 5]
    ]  # fmt: skip
    assert grid.by_row([30, 9, 13, 15]) == [(1, [13, 15, 9]), (3, [30])]


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_by_row_leaves_none_out(rows: int, columns: int, data: st.DataObject) -> None:
    grid = TileGrid(80, 80, rows, columns)
    some = data.draw(st.lists(st.integers(0, len(grid) - 1), unique=True))
    assert sorted(number for _, tiles in grid.by_row(some) for number in tiles) == sorted(some)

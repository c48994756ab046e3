"""Tiles against the search in one piece: bit for bit, whatever the tiles, their order and what was known before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references.unit_vectors import Float32, two_sides, unit

from fairseq_xling.errors import CorpusError
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search
from fairseq_xling.neighbours.lists import NO_ID
from fairseq_xling.neighbours.tiles import TileSearch, joined, search_tiles
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows, Vectors

CONFIGS = st.builds(
    SearchConfig,
    k=st.integers(1, 9),
    precision=st.sampled_from(["fp32", "bf16"]),
    backend=st.sampled_from(["numba", "torch"]),
    threads=st.sampled_from([1, 2]),
    block_rows=st.integers(1, 45),
    block_columns=st.integers(1, 45),
    coordinates=st.none() | st.integers(1, 60),
    forward_only=st.booleans(),
)


def assert_same(found: Neighbours, expected: Neighbours) -> None:
    np.testing.assert_array_equal(found.forward_ids, expected.forward_ids)
    np.testing.assert_array_equal(found.backward_ids, expected.backward_ids)
    assert found.forward_cosines.tobytes() == expected.forward_cosines.tobytes()
    assert found.backward_cosines.tobytes() == expected.backward_cosines.tobytes()


@settings(max_examples=150, deadline=None)
@given(two_sides(), CONFIGS, st.integers(1, 9), st.integers(1, 9))
def test_tiles_one_after_the_other(
    sides: tuple[Float32, Float32], config: SearchConfig, rows: int, columns: int
) -> None:
    source, target = sides
    grid = TileGrid(len(source), len(target), rows, columns)
    expected = search(source, target, SearchConfig(config.k, forward_only=config.forward_only))
    assert_same(search_tiles(source, target, grid, config), expected)


@settings(max_examples=100, deadline=None)
@given(two_sides(largest=30), CONFIGS, st.integers(1, 4), st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_order_with_any_of_the_others_known(sides, config, rows, columns, draw) -> None:
    """Also with tiles that are searched twice, as after damage."""
    source, target = sides
    config = replace(config, forward_only=False)
    grid = TileGrid(len(source), len(target), rows, columns)
    tiles, one = {}, TileSearch(source, target, grid, config)
    order = [*range(len(grid)), *draw.choices(range(len(grid)), k=3)]
    draw.shuffle(order)
    for number in order:
        own = grid.tile(number)
        known = one.empty(*own)
        for other in grid.beside(number):
            if other in tiles and draw.random() < 0.7:
                for lists, found, same in ((known[0], tiles[other].rows, 0), (known[1], tiles[other].columns, 1)):
                    if other // columns == number // columns if same == 0 else other % columns == number % columns:
                        lists.merge(found)
        tiles[number] = one.tile(number, known)
    whole = one.empty(range(len(source)), range(len(target)))
    for number in draw.sample(range(len(grid)), len(grid)):
        for lists, found, part in zip(
            whole, (tiles[number].rows, tiles[number].columns), grid.tile(number), strict=True
        ):
            lists.merge(found, part.start)
    found = Neighbours(whole[0].ids, whole[0].cosines, whole[1].ids, whole[1].cosines, joined([]))
    assert_same(found, search(source, target, SearchConfig(config.k)))


def test_vectors_of_any_length_on_disk_in_the_way_that_long_searches_take(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    spectrum = np.arange(1, 193, dtype=np.float32) ** -0.7
    for name, rows in (("x", 17_000), ("y", 14_000)):
        np.save(tmp_path / f"{name}.npy", generator.standard_normal((rows, 192), np.float32) * spectrum)
    sides = [UnitRows(Vectors(name, (np.load(tmp_path / f"{name}.npy", mmap_mode="r"),))) for name in ("x", "y")]
    steps = list[int]()
    found = search_tiles(*sides, TileGrid(17_000, 14_000, 2, 3), SearchConfig(4), steps.append)
    assert_same(found, search(sides[0].read(), sides[1].read(), SearchConfig(4)))
    assert found.report.coordinates < 192  # leading ones only
    assert sum(steps) == 17_000 * 14_000


def test_what_is_known_rules_pairs_out() -> None:
    generator = np.random.default_rng(2)
    source, target = (unit(generator.standard_normal((400, 32))) for _ in range(2))
    grid, config = TileGrid(400, 400, 1, 2), SearchConfig(4, backend="torch")
    one = TileSearch(source, target, grid, config)
    first, alone = (one.tile(number, one.empty(*grid.tile(number))) for number in (0, 1))
    knowing = one.tile(1, (first.rows, one.empty(*grid.tile(1))[1]))
    assert knowing.report.finished < alone.report.finished
    assert (knowing.rows.ids[knowing.rows.ids != NO_ID] >= 200).all()  # its own pairs only
    assert (knowing.rows.ids == NO_ID).sum() > 400


def test_unusable_rows_are_named_with_their_tile() -> None:
    rows = unit(np.ones((6, 3)))
    with pytest.raises(CorpusError, match="dimension 3, target vectors 2"):
        TileSearch(rows, unit(np.ones((4, 2))), TileGrid(6, 4, 1, 1), SearchConfig())
    wrong = rows.copy()
    wrong[4] = np.nan
    with pytest.raises(CorpusError, match="source rows 3 to 5: row 1"):
        search_tiles(wrong, rows, TileGrid(6, 6, 2, 1), SearchConfig())

"""Proposals in any order and number give the sorted best of both sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references.unit_vectors import Float32, two_sides

from fairseq_xling.neighbours import finishing
from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.finishing import Finisher
from fairseq_xling.neighbours.lists import TopLists


@given(two_sides(largest=9), st.integers(1, 4), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8))), st.data())
def test_both_lists_hold_the_best_of_what_was_proposed(
    sides: tuple[Float32, Float32], k: int, wanted: list[tuple[int, int]], data: st.DataObject
) -> None:
    source, target = sides
    proposed = [(i % len(source), j % len(target)) for i, j in wanted]
    for lists in (proposed, data.draw(st.permutations(proposed)) + proposed):
        finisher = Finisher(source, target, k)
        for start in range(0, len(lists), 3):
            finisher.propose(*as_arrays(lists[start : start + 3]))
        rows, columns = as_arrays(proposed)
        cosines = pair_cosines(source, target, rows, columns)
        expected = TopLists.empty(len(source), min(k, len(target))), TopLists.empty(len(target), min(k, len(source)))
        expected[0].offer(rows, columns, cosines)
        expected[1].offer(columns, rows, cosines)
        for found, right in zip((finisher.rows, finisher.columns), expected, strict=True):
            np.testing.assert_array_equal(found.ids, right.ids)
            assert found.cosines.tobytes() == right.cosines.tobytes()
        assert finisher.finished == len(lists)


def as_arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([i for i, _ in pairs], np.int64), np.array([j for _, j in pairs], np.int64)


def test_without_numba_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    none: Callable[[str], None] = lambda name: None  # noqa: E731
    monkeypatch.setattr(finishing, "find_spec", none)
    test_both_lists_hold_the_best_of_what_was_proposed()

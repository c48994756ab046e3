"""The k best of every row, however they are offered."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.neighbours.lists import NO_ID, TopLists

OFFERS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=60)


def cosine(row: int, number: int) -> float:
    """One value a pair, with ties."""
    return float(np.float32((row * 7 + number * 3) % 5 / 5))


@given(OFFERS, st.integers(1, 4), st.integers(1, 7))
def test_any_grouping_gives_the_sorted_best(offers: list[tuple[int, int]], k: int, step: int) -> None:
    lists = TopLists.empty(5, k)
    for start in range(0, len(offers), step):
        part = offers[start : start + step]
        rows, ids = (np.array(column, np.int64) for column in zip(*part, strict=True))
        lists.offer(rows, ids, np.array([cosine(*pair) for pair in part], np.float32))
    for row in range(5):
        best = sorted({(-cosine(row, number), number) for own, number in offers if own == row})[:k]
        found = [(-float(c), int(i)) for c, i in zip(lists.cosines[row], lists.ids[row], strict=True) if i != NO_ID]
        assert found == best
        assert lists.thresholds(row, row + 1)[0] == (-best[-1][0] if len(best) == k else -np.inf)


@given(OFFERS, st.integers(1, 4), st.integers(0, 9), st.integers(0, 3), st.integers(1, 5))
def test_merging_gives_what_offering_all_gives(
    offers: list[tuple[int, int]], k: int, middle: int, first: int, count: int
) -> None:
    """Of lists without a common pair, of all rows or of some."""
    count = min(count, 5 - first)

    def lists(rows: int, shift: int, some: list[tuple[int, int]]) -> TopLists:
        found = TopLists.empty(rows, k)
        own, ids = (np.array([pair[at] for pair in some], np.int64) for at in (0, 1))
        found.offer(own - shift, ids, np.array([cosine(*pair) for pair in some], np.float32))
        return found

    left = [pair for pair in offers if pair[1] < middle]
    right = [pair for pair in offers if pair[1] >= middle and first <= pair[0] < first + count]
    merged, expected = lists(5, 0, left), lists(5, 0, left + right)
    merged.merge(lists(count, first, right), first)
    assert merged.ids.tolist() == expected.ids.tolist()
    assert merged.cosines.tolist() == expected.cosines.tolist()

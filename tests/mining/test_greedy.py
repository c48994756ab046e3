"""Greedy one-to-one through files against a plain loop over everything: any input, any ties, any size of a run."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references.mining import canonical, greedy

from fairseq_xling.mining import greedy as module
from fairseq_xling.mining.greedy import HELD, take_greedily
from fairseq_xling.mining.pairs import MinedPairs

SCORES = st.sampled_from([0.0, 1.0, 1.0000001, 1.5, -2.0]) | st.floats(-3, 3).map(lambda score: round(score, 7))
CANDIDATES = st.lists(st.tuples(SCORES, st.integers(0, 7), st.integers(0, 6)), max_size=70)


def as_pairs(rows: list[tuple[float, int, int]]) -> MinedPairs:
    scores, sources, targets = zip(*rows, strict=True) if rows else ((), (), ())
    return MinedPairs(np.array(scores, np.float64), np.array(sources, np.int64), np.array(targets, np.int64))


def as_rows(pairs: MinedPairs) -> list[tuple[float, int, int]]:
    return list(zip(pairs.scores.tolist(), pairs.source_ids.tolist(), pairs.target_ids.tolist(), strict=True))


@given(CANDIDATES, st.integers(1, 80), st.integers(1, 30))
def test_is_the_loop_over_all_candidates_in_memory(
    candidates: list[tuple[float, int, int]], held: int, part: int
) -> None:
    parts = [as_pairs(candidates[first : first + part]) for first in range(0, len(candidates), part)]
    assert as_rows(take_greedily(parts, 8, 7, held)) == greedy(canonical(candidates))


@given(st.integers(0, 2**32 - 1), st.integers(1, 500), st.sampled_from([2, 50, 10**6]))
def test_larger_ones_in_many_runs(seed: int, held: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    n, m, count = 300, 250, 1500
    columns = (
        generator.integers(0, levels, count) / levels,
        generator.integers(0, n, count),
        generator.integers(0, m, count),
    )
    whole = take_greedily([MinedPairs(*columns)], n, m)
    split = take_greedily([MinedPairs(*(column[i::7] for column in columns)) for i in range(7)], n, m, held)
    assert as_rows(whole) == as_rows(split) == greedy(canonical(as_rows(MinedPairs(*columns))))


@pytest.mark.parametrize("place", [0, 3])
def test_repetitions_and_a_single_score_are_in_order_of_ids(place: int) -> None:
    rows = [(1.0, source, target) for source in range(9) for target in range(9)] * 3
    rows = rows[place:] + rows[:place]
    assert as_rows(take_greedily([as_pairs(rows)], 9, 9, held=5)) == [(1.0, i, i) for i in range(9)]


def test_no_file_is_written_for_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    rows = [(float(i), i, i) for i in range(50)]
    assert len(take_greedily([as_pairs(rows)], 50, 50)) == 50
    assert HELD > 50
    with pytest.raises(TypeError):
        take_greedily([as_pairs(rows)], 50, 50, held=10)


def test_nothing_gives_nothing() -> None:
    assert len(take_greedily([], 0, 0)) == 0
    assert len(take_greedily([as_pairs([])], 3, 3, held=1)) == 0


def test_no_more_than_what_may_be_held_is_ever_sorted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()
    plain = module.canonical_order

    def seen(scores, source_ids, target_ids):
        sizes.append(len(scores))
        return plain(scores, source_ids, target_ids)

    monkeypatch.setattr(module, "canonical_order", seen)
    generator = np.random.default_rng(0)
    for scores in (generator.random(20_000), np.arange(20_000.0), np.zeros(20_000)):
        ids = generator.integers(0, 5000, (2, 20_000))
        take_greedily([MinedPairs(scores, *ids)], 5000, 5000, held=1000)
        assert max(sizes) <= 1000

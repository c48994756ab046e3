"""Candidates to pairs, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references.mining import limited, mine_slowly

from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.mine import mine_pairs
from fairseq_xling.mining.select import Candidates, everything, margins_of, mutual, one_to_one, score_candidates, select
from fairseq_xling.neighbours.kernel import SearchConfig, search
from fairseq_xling.vectors import unit_rows

RETRIEVALS = ("max", "forward", "backward", "intersect")


@st.composite
def sides(draw):
    """Two small sets of positive vectors (so that ratios are defined), often with equal rows."""
    n, m, d = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, y = rng.uniform(0.1, 3, size=(n, d)), rng.uniform(0.1, 3, size=(m, d))
    if draw(st.booleans()):
        x[rng.integers(n, size=n // 2)] = x[0]
        y[rng.integers(m, size=m // 2)] = x[0]
    return x.astype(np.float32), y.astype(np.float32)


def as_tuples(pairs):
    return list(zip(pairs.scores.tolist(), pairs.source_ids.tolist(), pairs.target_ids.tolist(), strict=True))


@settings(max_examples=150, deadline=None)
@given(
    sides(),
    st.integers(1, 6),
    st.sampled_from(["ratio", "distance", "absolute"]),
    st.sampled_from(RETRIEVALS),
    st.floats(0, 1.2),
    st.sampled_from([None, 1.1]),
    st.integers(0, 4),
    st.sampled_from([None, 0, 3]),
)
def test_pairs_equal_the_slow_loops(data, k, margin, retrieval, threshold, bound, floor, cap):
    x, y = data
    if (bound is not None and bound <= threshold) or (cap is not None and floor > cap):
        return
    common = {"margin": margin, "mining_k": k, "retrieval": retrieval}
    limits = {"threshold": threshold, "max_margin": bound, "min_count": floor, "max_count": cap}
    found = as_tuples(mine_pairs(x, y, MiningConfig(**common, **limits)))
    everything_found = as_tuples(mine_pairs(x, y, MiningConfig(**common, threshold=-9)))
    slow = mine_slowly(unit_rows(x).astype(np.float64), unit_rows(y).astype(np.float64), k, margin, retrieval)
    # The limits, exactly, on what retrieval gave; the retrieval itself, up to near-ties of the float32 cosines.
    assert found == limited(everything_found, bound, threshold, floor, cap)
    assert_same_up_to_near_ties(everything_found, slow)


def assert_same_up_to_near_ties(found, slow, near=5e-6):
    """Equal multisets of scores, and equal pairs wherever no other candidate's score is within `near`."""
    assert len(found) == len(slow)
    np.testing.assert_allclose([p[0] for p in found], [p[0] for p in slow], atol=near)
    scores = np.array([p[0] for p in slow])
    for place, (one, other) in enumerate(zip(found, slow, strict=True)):
        if (np.abs(scores - scores[place]) < near).sum() == 1 and one[1:] != other[1:]:
            raise AssertionError(f"place {place}: {one} instead of {other}")


@settings(max_examples=50, deadline=None)
@given(sides(), st.integers(1, 5))
def test_one_to_one_uses_no_sentence_twice_and_blocks_all_better_pairs(data, k):
    candidates = score_candidates(search(unit_rows(data[0]), unit_rows(data[1]), SearchConfig(k=k)), "ratio")
    pairs = one_to_one(candidates)
    assert len(set(pairs.source_ids.tolist())) == len(pairs) == len(set(pairs.target_ids.tolist()))
    kept = {(s, t): score for score, s, t in as_tuples(pairs)}
    best_of_source = {s: score for (s, _), score in kept.items()}
    best_of_target = {t: score for (_, t), score in kept.items()}
    for side in candidates.best():
        for score, s, t in as_tuples(side):
            assert max(best_of_source.get(s, -9), best_of_target.get(t, -9)) >= score


def test_threshold_is_strict_and_never_changes_which_pairs_survive_above_it():
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(60, 8)).astype(np.float32) + 1 for _ in range(2))
    whole = as_tuples(mine_pairs(x, y, MiningConfig(threshold=0)))
    cut = whole[len(whole) // 2][0]
    assert as_tuples(mine_pairs(x, y, MiningConfig(threshold=cut))) == [pair for pair in whole if pair[0] > cut]


def test_margin_decides_the_best_candidate_not_the_cosine():
    # Source 0's nearest target is a hub (every target's mean is high there); by margin the second-nearest wins.
    candidates = Candidates(np.array([[0, 1]]), np.array([[0.9, 1.1]]), np.array([[0], [0]]), np.array([[0.9], [1.1]]))
    assert mutual(candidates).target_ids.tolist() == [1]


def test_equal_margins_take_the_nearer_neighbour():
    candidates = Candidates(np.array([[3, 1]]), np.array([[1.0, 1.0]]), np.zeros((4, 1), int), np.zeros((4, 1)))
    assert candidates.best()[0].target_ids.tolist() == [3]


def test_all_lists_every_neighbour_of_both_sides_ranked_by_margin():
    rng = np.random.default_rng(1)
    x, y = unit_rows(rng.random((7, 5), np.float32)), unit_rows(rng.random((6, 5), np.float32))
    candidates = score_candidates(search(x, y, SearchConfig(k=3)), "ratio")
    pairs = everything(candidates)
    assert len(pairs) == 7 * 3 + 6 * 3
    for direction, own_ids in ((0, pairs.source_ids), (1, pairs.target_ids)):
        for own in range(7 if direction == 0 else 6):
            mine = (pairs.directions == direction) & (own_ids == own)
            ranked = pairs.scores[mine][np.argsort(pairs.ranks[mine])]
            assert (np.diff(ranked) <= 0).all()
            assert sorted(pairs.ranks[mine].tolist()) == [0, 1, 2]
    selected = select(candidates, MiningConfig(retrieval="all", threshold=1.0))
    assert (selected.scores > 1).all()
    assert (np.diff(selected.scores) <= 0).all()
    assert selected.directions is not None


def test_floor_overrides_the_threshold_and_the_cap_comes_last():
    rng = np.random.default_rng(2)
    x, y = (rng.random((30, 6), np.float32) for _ in range(2))
    assert len(mine_pairs(x, y, MiningConfig(threshold=99))) == 0
    assert len(mine_pairs(x, y, MiningConfig(threshold=99, min_count=7))) == 7
    assert len(mine_pairs(x, y, MiningConfig(threshold=0, max_count=5))) == 5


def test_a_ratio_without_positive_denominator_names_the_pair():
    cosines = np.array([0.1, -0.3], np.float32)
    with pytest.raises(CorpusError, match=r"source 5 and target 8 .* --margin distance"):
        margins_of(cosines, np.array([0.2, -0.4]), np.array([0.2, 0.1]), "ratio", lambda place: (4 + place, 7 + place))


def test_vectors_that_share_nothing_have_margin_zero():
    assert margins_of(np.zeros(1, np.float32), np.zeros(1), np.zeros(1), "ratio", lambda place: (0, 0)).tolist() == [0]

"""What a likely bound misses is what the sample says, and the same whatever the threads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.unit_vectors import Float32, falling, two_sides

from fairseq_xling.errors import ConfigError
from fairseq_xling.neighbours.calibration import likely_basis
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search


def found_share(found: Neighbours, exact: Neighbours) -> float:
    """Share of the exact neighbours' cosines that were reached, both directions."""
    sides = ((found.forward_cosines, exact.forward_cosines), (found.backward_cosines, exact.backward_cosines))
    return float(np.mean([(one >= other[:, -1:]).mean() for one, other in sides]))


def test_more_recall_needs_a_larger_share_of_the_lengths() -> None:
    source, target = (torch.from_numpy(side) for side in falling(1500, 1400, 256, 1))
    careless, careful = (likely_basis(source, target, 4, recall) for recall in (0.5, 0.99))
    assert careless is not None
    assert careful is not None
    assert 0 <= careless.share < careful.share < 1
    assert careful.directions.shape[0] == 256


def test_hardly_a_neighbour_is_missed_and_what_is_found_is_exact() -> None:
    source, target = falling(3000, 2500, 256, 2)
    exact = search(source, target, SearchConfig(4))
    shares = []
    for recall in (0.2, 0.9):
        found = search(source, target, SearchConfig(4, recall=recall))
        assert found.report.coordinates < 256
        shares.append(found_share(found, exact))
        ours, theirs = cosine_of(found), cosine_of(exact)
        assert all(theirs[pair] == cosine for pair, cosine in ours.items() if pair in theirs)
    assert shares[0] < shares[1] < 1  # something is left out, so that the shares say something
    assert shares[1] >= 0.9


def cosine_of(found: Neighbours) -> dict[tuple[int, int], float]:
    """Of each source and its neighbours."""
    own = np.repeat(np.arange(len(found.forward_ids)), found.forward_ids.shape[1]).tolist()
    pairs = zip(own, found.forward_ids.ravel().tolist(), strict=True)
    return dict(zip(pairs, found.forward_cosines.ravel().tolist(), strict=True))


@settings(max_examples=8, deadline=None)
@given(st.integers(100, 900), st.integers(100, 900), st.integers(128, 200), st.integers(0, 99), st.floats(0.05, 0.99))
def test_threads_change_nothing(n: int, m: int, dim: int, seed: int, recall: float) -> None:
    source, target = falling(n, m, dim, seed)
    config = SearchConfig(3, block_rows=64, block_columns=96, recall=recall, threads=1)
    one = search(source, target, config)
    for other in (search(source, target, replace(config, threads=threads)) for threads in (2, 3)):
        np.testing.assert_array_equal(one.forward_ids, other.forward_ids)
        np.testing.assert_array_equal(one.backward_ids, other.backward_ids)
        assert one.forward_cosines.tobytes() == other.forward_cosines.tobytes()
        assert one.backward_cosines.tobytes() == other.backward_cosines.tobytes()


@given(two_sides(longest=63))
def test_short_vectors_have_no_coordinates_to_leave_out_so_all_is_found(sides: tuple[Float32, Float32]) -> None:
    exact, likely = (search(*sides, SearchConfig(3, recall=recall)) for recall in (None, 0.5))
    np.testing.assert_array_equal(exact.forward_ids, likely.forward_ids)
    np.testing.assert_array_equal(exact.backward_ids, likely.backward_ids)


@settings(max_examples=15, deadline=None)
@given(two_sides(largest=120, longest=300), st.floats(0.05, 0.95), st.integers(1, 9))
def test_lists_are_full_and_sorted_on_any_input(sides: tuple[Float32, Float32], recall: float, k: int) -> None:
    source, target = sides
    found = search(source, target, SearchConfig(k, block_rows=30, block_columns=40, recall=recall))
    for ids, cosines, others in (
        (found.forward_ids, found.forward_cosines, len(target)),
        (found.backward_ids, found.backward_cosines, len(source)),
    ):
        assert ids.shape[1] == min(k, others)
        assert ids.max() < others
        assert all(len(set(row)) == len(row) for row in ids.tolist())
        assert (np.diff(cosines) <= 0).all()


@pytest.mark.parametrize("recall", [0.0, 1.0, -1.0])
def test_a_recall_that_is_none_is_refused(recall: float) -> None:
    with pytest.raises(ConfigError, match="`recall` must be between 0 and 1"):
        search(*falling(5, 5, 8, 0), SearchConfig(recall=recall))

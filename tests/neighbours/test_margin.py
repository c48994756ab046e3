"""Margins against the formulas, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import neighbours as reference
from references.unit_vectors import Float32, two_sides

from fairseq_xling.errors import ConfigError
from fairseq_xling.neighbours.kernel import SearchConfig, search
from fairseq_xling.neighbours.margin import MARGINS, margin_scores, neighbour_means


@settings(max_examples=40, deadline=None)
@given(two_sides(largest=15), st.integers(1, 6), st.sampled_from(MARGINS))
def test_margins_of_all_neighbours_are_the_loops(sides: tuple[Float32, Float32], k: int, name: str) -> None:
    found = search(*sides, SearchConfig(k))
    table = reference.cosines(*sides).astype(np.float64)
    source_means = [sum(sorted(row, reverse=True)[:k]) / min(k, len(row)) for row in table.tolist()]
    target_means = [sum(sorted(row, reverse=True)[:k]) / min(k, len(row)) for row in table.T.tolist()]
    means = neighbour_means(found.forward_cosines), neighbour_means(found.backward_cosines)
    np.testing.assert_allclose(means[0], source_means, rtol=0, atol=1e-12)
    np.testing.assert_allclose(means[1], target_means, rtol=0, atol=1e-12)
    scores = margin_scores(found.forward_cosines, means[0][:, None], means[1][found.forward_ids], name)
    for i, row in enumerate(found.forward_ids.tolist()):
        for rank, j in enumerate(row):
            if name != "ratio" or abs(source_means[i] + target_means[j]) > 1e-3:
                expected = reference.margin(table[i, j], source_means[i], target_means[j], name)
                assert scores[i, rank] == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_shapes_broadcast_and_absolute_is_the_cosine() -> None:
    cosines = np.array([[0.5, 0.25]], np.float32)
    for name in MARGINS:
        assert margin_scores(cosines, np.ones((3, 1)), np.ones(2), name).shape == (3, 2)
    assert margin_scores(cosines, np.ones((1, 1)), np.ones(2), "absolute").tolist() == [[0.5, 0.25]]


def test_an_unknown_margin_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown margin `ration`.*`ratio`"):
        margin_scores(np.ones(1), np.ones(1), np.ones(1), "ration")

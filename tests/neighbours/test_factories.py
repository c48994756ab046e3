"""faiss factories: Flat is exact, everything is scored exactly, threads change nothing, faults are said in one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references.unit_vectors import Float32, falling, two_sides, unit

from fairseq_xling.errors import ConfigError, MissingDependencyError
from fairseq_xling.neighbours import factories
from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.factories import factory_search
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search

APPROXIMATE = ["IVF8,Flat:nprobe=2", "SQ8", "PQ8x4", "IVF8,PQ8x4:nprobe=3", "HNSW8", "IVF8,SQ8:nprobe=8"]


def assert_same(one: Neighbours, other: Neighbours) -> None:
    np.testing.assert_array_equal(one.forward_ids, other.forward_ids)
    np.testing.assert_array_equal(one.backward_ids, other.backward_ids)
    assert one.forward_cosines.tobytes() == other.forward_cosines.tobytes()
    assert one.backward_cosines.tobytes() == other.backward_cosines.tobytes()


@settings(max_examples=60, deadline=None)
@given(two_sides(largest=32), st.integers(1, 9))
def test_flat_is_exact_on_anything_that_it_proposes_whole(sides: tuple[Float32, Float32], k: int) -> None:
    assert_same(factory_search("Flat", *sides, SearchConfig(k)), search(*sides, SearchConfig(k)))


@settings(max_examples=8, deadline=None)
@given(st.integers(100, 2500), st.integers(100, 2500), st.integers(8, 60), st.integers(0, 99), st.integers(1, 9))
def test_flat_is_exact_where_fewer_tie_than_are_proposed(n: int, m: int, dim: int, seed: int, k: int) -> None:
    sides = falling(n, m, dim, seed)
    assert_same(factory_search("Flat", *sides, SearchConfig(k)), search(*sides, SearchConfig(k)))


@pytest.mark.parametrize("index", APPROXIMATE)
def test_whatever_is_found_has_its_exact_cosine_and_threads_change_nothing(index: str) -> None:
    source, target = falling(2300, 1900, 64, 4)
    config = SearchConfig(4, threads=1)
    found = factory_search(index, source, target, config)
    assert_same(found, factory_search(index, source, target, replace(config, threads=3)))
    own = np.repeat(np.arange(2300), 4)
    cosines = pair_cosines(source, target, own, found.forward_ids.ravel())
    assert cosines.tobytes() == found.forward_cosines.tobytes()
    exact = search(source, target, config)
    for ours, theirs in (
        (found.forward_cosines, exact.forward_cosines),
        (found.backward_cosines, exact.backward_cosines),
    ):
        assert (ours <= theirs).all()
        assert (ours == theirs).mean() > 0.3
    assert (np.diff(found.forward_cosines) <= 0).all()
    assert found.report.backend == "faiss"


def test_languages_around_means_of_their_own_find_each_other() -> None:
    source, target = falling(2300, 1900, 64, 4)
    means = unit(np.random.default_rng(1).standard_normal((2, 64)))
    source, target = (unit(0.5 * side + mean) for side, mean in zip((source, target), means, strict=True))
    found = factory_search("IVF16,Flat:nprobe=4", source, target, SearchConfig(4))
    exact = search(source, target, SearchConfig(4))
    # Clusters of vectors that are not centred find one in two hundred.
    assert (found.forward_cosines >= exact.forward_cosines[:, -1:]).mean() > 0.8
    assert (found.backward_cosines >= exact.backward_cosines[:, -1:]).mean() > 0.8


def test_what_one_direction_finds_the_other_one_has() -> None:
    source, target = falling(900, 700, 32, 5)
    found = factory_search("IVF16,Flat:nprobe=1", source, target, SearchConfig(4))
    for row in range(900):
        for column, cosine in zip(found.forward_ids[row], found.forward_cosines[row], strict=True):
            last = found.backward_cosines[column, -1]
            assert cosine <= last or row in found.backward_ids[column]


def test_progress_adds_up_to_all_products() -> None:
    source, target = falling(1501, 1203, 32, 6)
    steps = list[int]()
    factory_search("IVF8,Flat", source, target, SearchConfig(4), steps.append)
    assert abs(sum(steps) - 1501 * 1203) <= 2
    assert len(steps) == 4


def test_a_sentence_for_which_nothing_is_proposed_still_has_k_neighbours() -> None:
    generator = np.random.default_rng(0)
    source = np.eye(64, dtype=np.float32)[generator.integers(0, 64, 300)]
    found = factory_search("IVF64,Flat:nprobe=1", source, source[:40], SearchConfig(9))
    assert found.forward_ids.shape == (300, 9)
    assert found.forward_ids.max() < 40
    assert all(len(set(row)) == 9 for row in found.forward_ids.tolist())


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("IVF64", "could not parse"),
        ("Nonsense", "could not parse"),
        ("PQ7", "multiple of the number of subquantizers"),
        ("IVF512,Flat", "as large as number of clusters"),
        ("Flat:nprobe=3", "nprobe"),
    ],
)
def test_what_faiss_cannot_do_is_one_line(index: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"`index` .* 100 x 90 vectors of dimension 32 \(.*--index auto") as caught:
        factory_search(index, *falling(100, 90, 32, 7), SearchConfig(4))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_faiss_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match="pip install faiss-cpu"):
        factories.factory_search("Flat", *falling(9, 9, 8, 8), SearchConfig(4))

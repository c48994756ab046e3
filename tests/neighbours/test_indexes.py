"""Names of indexes, the choice by size, and the recall that is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references.unit_vectors import Float32, falling, two_sides

from fairseq_xling.neighbours.indexes import decide, index_faults, sampled_recall, search_by
from fairseq_xling.neighbours.kernel import SearchConfig, search


@pytest.mark.parametrize(
    "index", ["exact", "auto", "likely", "likely:0.9", "likely:.99", "Flat", "IVF64,Flat", "HNSW32", "SQ8",
              "IVF65536_HNSW32,PQ64:nprobe=8,quantizer_efSearch=64", "OPQ16_64,IVF16(PQ8),PQ8"],
)  # fmt: skip
def test_names_that_mean_something(index: str) -> None:
    assert list(index_faults(index)) == []


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("", "faiss factory"),
        ("exact:1", "takes nothing after a colon"),
        ("likely:2", "between 0 and 1"),
        ("likely:0.0", "between 0 and 1"),
        ("likely:x", "between 0 and 1"),
        ("IVF64,Flat:nprobe", "faiss factory"),
        ("IVF64;Flat", "faiss factory"),
        ("Flat|x", "faiss factory"),
    ],
)
def test_names_that_mean_nothing(index: str, said: str) -> None:
    assert [said in fault for fault in index_faults(index)] == [True]


@pytest.mark.parametrize(
    ("index", "n", "m", "meant"),
    [
        ("auto", 50_000, 50_000, "exact"),
        ("auto", 1, 2_500_000_000, "exact"),
        ("auto", 50_000, 50_001, "likely:0.95"),
        ("auto", 10_000_000, 1_000_000, "likely:0.95"),
        ("auto", 10_000_000, 10_000_000, "likely:0.95"),
        ("auto", 20_000_000, 10_000_000, "IVF16384,SQ8:nprobe=64"),
        ("auto", 100_000_000, 100_000_000, "IVF32768,SQ8:nprobe=64"),
        ("likely", 5, 5, "likely:0.95"),
        ("likely:0.5", 5, 5, "likely:0.5"),
        ("exact", 10**9, 10**9, "exact"),
        ("IVF64,Flat", 5, 5, "IVF64,Flat:nprobe=4"),
        ("IVF8,Flat", 5, 5, "IVF8,Flat:nprobe=1"),
        ("IVF64_HNSW32,PQ8:quantizer_efSearch=9", 5, 5, "IVF64_HNSW32,PQ8:quantizer_efSearch=9,nprobe=4"),
        ("IVF64,Flat:nprobe=64", 5, 5, "IVF64,Flat:nprobe=64"),
        ("HNSW32", 5, 5, "HNSW32"),
    ],
)
def test_what_is_meant_for_a_size(index: str, n: int, m: int, meant: str) -> None:
    assert decide(index, n, m) == meant
    assert decide(meant, n, m) == meant
    assert list(index_faults(meant)) == []


@pytest.mark.parametrize("index", ["likely:0.05", "IVF16,Flat:nprobe=2"])
def test_recall_is_the_share_of_exact_neighbours_that_are_found(index: str) -> None:
    source, target = falling(3000, 2500, 256, 2)
    exact = search(source, target, SearchConfig(4))
    found = search_by(index, source, target, SearchConfig(4))
    by_hand = [
        np.mean([len(set(one) & set(other)) / 4 for one, other in zip(ours.tolist(), theirs.tolist(), strict=True)])
        for ours, theirs in ((found.forward_ids, exact.forward_ids), (found.backward_ids, exact.backward_ids))
    ]
    assert sampled_recall(source, target, found, SearchConfig(4), rows=3000) == pytest.approx(by_hand)
    assert max(by_hand) < 1
    assert (found.report.index, found.report.recall_rows) == (index, 512)
    assert [found.report.forward_recall, found.report.backward_recall] == pytest.approx(by_hand, abs=0.05)


def test_a_sample_is_near_the_recall_of_all_rows_and_always_the_same() -> None:
    source, target = falling(2000, 1500, 128, 3)
    exact = search(source, target, SearchConfig(4))
    damaged = exact.forward_cosines.copy()
    damaged[:500] -= 1  # a quarter of the sources found nothing
    found = replace(exact, forward_cosines=damaged)
    forward, backward = sampled_recall(source, target, found, SearchConfig(4))
    assert forward == pytest.approx(0.75, abs=0.06)
    assert backward == 1
    assert sampled_recall(source, target, found, SearchConfig(4)) == (forward, backward)


@given(two_sides(largest=30), st.integers(1, 5))
def test_exact_is_the_kernel_and_says_so(sides: tuple[Float32, Float32], k: int) -> None:
    found, exact = search_by("exact", *sides, SearchConfig(k)), search(*sides, SearchConfig(k))
    np.testing.assert_array_equal(found.forward_ids, exact.forward_ids)
    assert (found.report.index, found.report.forward_recall, found.report.backward_recall) == ("exact", 1, 1)

"""The kernel against loops over all pairs: bit for bit, whatever the blocks, threads, backend and precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import neighbours as reference
from references.unit_vectors import Float32, two_sides, unit

from fairseq_xling.errors import ConfigError, CorpusError, XlingError
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search

CONFIGS = st.builds(
    SearchConfig,
    k=st.integers(1, 9),
    precision=st.sampled_from(["fp32", "bf16", "auto"]),
    backend=st.sampled_from(["numba", "torch"]),
    threads=st.sampled_from([1, 2]),
    block_rows=st.integers(1, 45),
    block_columns=st.integers(1, 45),
    coordinates=st.none() | st.integers(1, 60),
)


def assert_same(found: Neighbours, expected: Neighbours) -> None:
    np.testing.assert_array_equal(found.forward_ids, expected.forward_ids)
    np.testing.assert_array_equal(found.backward_ids, expected.backward_ids)
    assert found.forward_cosines.tobytes() == expected.forward_cosines.tobytes()
    assert found.backward_cosines.tobytes() == expected.backward_cosines.tobytes()


@settings(max_examples=120, deadline=None)
@given(two_sides(), CONFIGS)
def test_is_what_loops_over_all_pairs_find(sides: tuple[Float32, Float32], config: SearchConfig) -> None:
    source, target = sides
    table = reference.cosines(source, target)
    found = search(source, target, config)
    for ids, cosines, own in (
        (found.forward_ids, found.forward_cosines, table),
        (found.backward_ids, found.backward_cosines, table.T),
    ):
        expected_ids, expected_cosines = reference.nearest(own, config.k)
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(cosines, expected_cosines)
        assert ids.dtype == np.int64
        assert cosines.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(two_sides(), CONFIGS)
def test_targets_that_are_not_asked_for_change_nothing_for_the_sources(
    sides: tuple[Float32, Float32], config: SearchConfig
) -> None:
    both, one = search(*sides, config), search(*sides, replace(config, forward_only=True))
    np.testing.assert_array_equal(one.forward_ids, both.forward_ids)
    assert one.forward_cosines.tobytes() == both.forward_cosines.tobytes()
    assert one.backward_ids.shape == one.backward_cosines.shape == (len(sides[1]), 0)


@settings(max_examples=6, deadline=None)
@given(two_sides(largest=900, longest=200), CONFIGS, CONFIGS)
def test_two_ways_to_search_agree_bit_for_bit(
    sides: tuple[Float32, Float32], one: SearchConfig, other: SearchConfig
) -> None:
    other = SearchConfig(one.k, other.precision, other.backend, other.threads, 300, 257)
    assert_same(search(*sides, one), search(*sides, other))


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_ties_far_deeper_than_k_go_to_the_lowest_ids(backend: str, precision: str) -> None:
    source = np.repeat(unit(np.eye(3)), 200, axis=0)[np.random.default_rng(3).permutation(600)]
    found = search(source, source, SearchConfig(4, precision, backend, 2, 100, 128))
    for row in range(600):
        assert found.forward_ids[row].tolist() == np.flatnonzero((source == source[row]).all(axis=1))[:4].tolist()
    np.testing.assert_array_equal(found.forward_ids, found.backward_ids)


def test_a_rotation_or_a_permutation_changes_nothing_but_names() -> None:
    generator = np.random.default_rng(5)
    source, target = unit(generator.standard_normal((90, 24))), unit(generator.standard_normal((70, 24)))
    rotation = np.linalg.qr(generator.standard_normal((24, 24)))[0]
    found = search(source, target, SearchConfig(3))
    turned = search(unit(source @ rotation), unit(target @ rotation), SearchConfig(3))
    np.testing.assert_array_equal(turned.forward_ids, found.forward_ids)
    order = generator.permutation(70)
    shuffled = search(source, target[order], SearchConfig(3))
    np.testing.assert_array_equal(order[shuffled.forward_ids], found.forward_ids)
    np.testing.assert_array_equal(shuffled.backward_ids, found.backward_ids[order])


def test_sources_and_targets_are_alike() -> None:
    generator = np.random.default_rng(6)
    source, target = unit(generator.standard_normal((90, 24))), unit(generator.standard_normal((30, 24)))
    there, back = search(source, target, SearchConfig(5)), search(target, source, SearchConfig(5))
    np.testing.assert_array_equal(there.forward_ids, back.backward_ids)
    np.testing.assert_array_equal(there.backward_cosines, back.forward_cosines)


def test_memory_maps_and_strided_arrays_are_read_as_they_are(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    source, target = unit(generator.standard_normal((80, 16))), unit(generator.standard_normal((60, 16)))
    np.save(tmp_path / "x.npy", source)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = search(source, target, SearchConfig(4))
    assert_same(search(mapped, np.asfortranarray(target), SearchConfig(4)), expected)
    assert (np.load(tmp_path / "x.npy") == source).all()


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_progress_adds_up_to_all_products_and_the_report_says_how(backend: str) -> None:
    generator = np.random.default_rng(8)
    source, target = unit(generator.standard_normal((83, 16))), unit(generator.standard_normal((61, 16)))
    steps = list[int]()
    report = search(source, target, SearchConfig(4, "fp32", backend, 2, 20, 30), steps.append).report
    assert sum(steps) == 83 * 61
    assert len(steps) == 5 * 3
    assert (report.precision, report.backend, report.threads) == ("fp32", backend, 2)
    assert (report.block_rows, report.block_columns) == (20, 30)
    assert 0 < report.gemm_seconds < report.seconds
    assert report.finished > 0


def test_a_failing_progress_bar_ends_the_search() -> None:
    def fail(done: int) -> None:
        raise RuntimeError("no terminal")

    rows = unit(np.ones((5, 3)))
    with pytest.raises(RuntimeError, match="no terminal"):
        search(rows, rows, SearchConfig(), fail)


def test_the_callers_number_of_threads_is_left_alone() -> None:
    before = torch.get_num_threads()
    rows = unit(np.random.default_rng(0).standard_normal((50, 8)))
    search(rows, rows, SearchConfig(threads=3))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 2.0])
def test_a_row_that_is_no_unit_vector_is_named(bad: float) -> None:
    rows = unit(np.ones((5, 3)))
    wrong = rows.copy()
    wrong[3] = bad
    with pytest.raises(CorpusError, match="target row 3"):
        search(rows, wrong)


def test_empty_sides_and_different_dimensions_are_refused() -> None:
    rows = unit(np.ones((5, 3)))
    with pytest.raises(CorpusError, match="source vectors must be a matrix"):
        search(rows[:0], rows)
    with pytest.raises(CorpusError, match="dimension 3, target vectors 2"):
        search(rows, unit(np.ones((4, 2))))


def test_a_config_out_of_bounds_is_refused_with_all_its_faults() -> None:
    with pytest.raises(ConfigError, match="`k`.*`block_rows`"):
        search(unit(np.ones((5, 3))), unit(np.ones((5, 3))), SearchConfig(k=0, block_rows=0))


def test_products_that_break_their_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(np.random.default_rng(0).standard_normal((90, 64)))

    def sloppy(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        return torch.mm(left.bfloat16(), right.bfloat16().t()).float()

    from fairseq_xling.neighbours import gemm

    assert search(rows, rows, SearchConfig(precision="fp32")).report.gemm == "mm fp32"
    monkeypatch.setitem(gemm._KNOWN, "fp32", (gemm.Gemm("sloppy", sloppy),))
    with pytest.raises(XlingError, match="less exact"):
        search(rows, rows, SearchConfig(precision="fp32"))

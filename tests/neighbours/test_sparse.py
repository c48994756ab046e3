from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.neighbours import sparse as module
from fairseq_xling.neighbours.kernel import search
from fairseq_xling.neighbours.sparse import sparse_neighbours, sparse_pair_cosines


def slow_lists(cosines: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Each row's k best columns by (-cosine, id)."""
    ids = np.array([sorted(range(len(row)), key=lambda j: (-row[j], j))[:k] for row in cosines])
    return ids, np.take_along_axis(cosines, ids, axis=1)


def slow_cosines(source: npt.NDArray[np.float32], target: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Every cosine as a float64 loop over the columns that both rows have, rounded to float32."""
    cosines = np.zeros((len(source), len(target)))
    for i, x in enumerate(source.astype(np.float64)):
        for j, y in enumerate(target.astype(np.float64)):
            for c in np.flatnonzero((x != 0) & (y != 0)):
                cosines[i, j] += x[c] * y[c]
    return cosines.astype(np.float32)


def drawn_rows(seed: int, rows: int, columns: int, kinds: int) -> npt.NDArray[np.float32]:
    """Sparse unit rows, drawn from `kinds` different ones so that many are equal; about one in ten is zero."""
    draw = np.random.default_rng(seed)
    pool = draw.random((kinds, columns)) * (draw.random((kinds, columns)) < 0.4)
    pool[draw.random(kinds) < 0.1] = 0
    norms = np.linalg.norm(pool, axis=1, keepdims=True)
    return (pool / np.where(norms == 0, 1, norms))[draw.integers(kinds, size=rows)].astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 14),
    m=st.integers(1, 14),
    columns=st.integers(1, 9),
    kinds=st.integers(1, 10),
    k=st.integers(1, 6),
    block=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    threads=st.sampled_from([1, 2]),
)
def test_lists_are_those_of_the_loop(
    seed: int, n: int, m: int, columns: int, kinds: int, k: int, block: tuple[int, int], threads: int
) -> None:
    source, target = drawn_rows(seed, n, columns, kinds), drawn_rows(seed, m, columns, kinds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SOURCE_ROWS", block[0])
        patch.setattr(module, "_TARGET_ROWS", block[1])
        found = sparse_neighbours(sparse.csr_matrix(source), sparse.csr_matrix(target), k, threads)
    cosines = slow_cosines(source, target)
    for ids, values, expected in (
        (found.forward_ids, found.forward_cosines, slow_lists(cosines, k)),
        (found.backward_ids, found.backward_cosines, slow_lists(cosines.T, k)),
    ):
        np.testing.assert_array_equal(ids, expected[0])
        np.testing.assert_array_equal(values, expected[1])


def test_lists_are_those_of_the_dense_search() -> None:
    draw = np.random.default_rng(2)
    source, target = (draw.normal(size=(rows, 40)) * (draw.random((rows, 40)) < 0.5) for rows in (70, 90))
    source, target = (
        (side / np.linalg.norm(side, axis=1, keepdims=True)).astype(np.float32) for side in (source, target)
    )
    ours, dense = sparse_neighbours(sparse.csr_matrix(source), sparse.csr_matrix(target)), search(source, target)
    np.testing.assert_array_equal(ours.forward_ids, dense.forward_ids)
    np.testing.assert_array_equal(ours.backward_ids, dense.backward_ids)
    np.testing.assert_allclose(ours.forward_cosines, dense.forward_cosines, atol=1e-7)


def test_the_cosine_of_a_given_pair_is_the_searched_one() -> None:
    source, target = (sparse.csr_matrix(drawn_rows(seed, 50, 30, 50)) for seed in (1, 2))
    found = sparse_neighbours(source, target, k=3)
    sources = np.repeat(np.arange(50), 3)
    np.testing.assert_array_equal(
        sparse_pair_cosines(source, target, sources, found.forward_ids.ravel()), found.forward_cosines.ravel()
    )


def test_progress_counts_every_cosine() -> None:
    counts: list[int] = []
    source = sparse.csr_matrix(drawn_rows(1, 30, 9, 30))
    sparse_neighbours(source, source[:20], progress=counts.append)
    assert sum(counts) == 600


def test_unusable_input_is_refused_and_left_alone() -> None:
    good = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    with pytest.raises(CorpusError, match=r"target side has shape \(0, 3\)"):
        sparse_neighbours(good, good[:0])
    with pytest.raises(CorpusError, match="source rows have 3 columns, target rows 2"):
        sparse_neighbours(good, good[:, :2])
    with pytest.raises(CorpusError, match="source side holds a NaN"):
        sparse_neighbours(good * np.nan, good)
    with pytest.raises(ConfigError, match="2 faults"):
        sparse_neighbours(good, good, k=0, threads=0)
    unsorted = sparse.csr_matrix((np.ones(2), np.array([1, 0]), np.array([0, 2])), shape=(1, 3))
    sparse_neighbours(unsorted, good)
    np.testing.assert_array_equal(unsorted.indices, [1, 0])

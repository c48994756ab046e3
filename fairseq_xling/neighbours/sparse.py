"""The same two-way search for sparse rows: blocks of source · targetᵀ, top-k both ways in one pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import torch
from scipy import sparse

from fairseq_xling.configs import at_least
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.neighbours.kernel import Neighbours, SearchReport
from fairseq_xling.neighbours.lists import Float32, Int64, TopLists

Found = tuple[Int64, Int64, Float32]

_SOURCE_ROWS, _TARGET_ROWS = 1024, 2048
_PAIRS_AT_ONCE = 1 << 16


def sparse_neighbours(
    source: sparse.csr_matrix,
    target: sparse.csr_matrix,
    k: int = 4,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Neighbours:
    """The exact k nearest neighbours of both sides, `source` [n, d] and `target` [m, d] with unit or zero rows.

    A cosine is the float64 sum over shared columns in ascending order, rounded to float32; ties go to the lower id.
    `progress` is told how many cosines more are done.
    """
    started = time.perf_counter()
    faults = [*at_least("k", k, 1), *at_least("threads", threads, 1)]
    if faults:
        raise ConfigError(faults, "sparse search")
    left, right = _prepared(source, "source"), _prepared(target, "target")
    if left.shape[1] != right.shape[1]:
        raise CorpusError(
            f"source rows have {left.shape[1]} columns, target rows {right.shape[1]}. "
            "Encode both with the same encoder."
        )
    threads = threads or torch.get_num_threads()
    n, m = left.shape[0], right.shape[0]
    forward, backward = TopLists.empty(n, min(k, m)), TopLists.empty(m, min(k, n))
    turned = {j: right[j : j + _TARGET_ROWS].T.tocsr() for j in range(0, m, _TARGET_ROWS)}

    def search_block(corner: tuple[int, int]) -> tuple[int, Found, Found]:
        i, j = corner
        cosines = (left[i : i + _SOURCE_ROWS] @ turned[j]).astype(np.float32).toarray()
        # The lists may be filled by other blocks meanwhile: an older threshold is only a lower one.
        rows, columns, found = _best(cosines, forward.k, forward.thresholds(i, i + len(cosines)))
        towards_target = (rows + i, columns + j, found)
        rows, columns, found = _best(cosines.T, backward.k, backward.thresholds(j, j + cosines.shape[1]))
        return cosines.size, towards_target, (rows + j, columns + i, found)

    with ThreadPoolExecutor(threads) as pool:
        for done, towards_target, towards_source in pool.map(search_block, product(range(0, n, _SOURCE_ROWS), turned)):
            forward.offer(*towards_target)
            backward.offer(*towards_source)
            if progress is not None:
                progress(done)
    report = SearchReport(
        time.perf_counter() - started,
        precision="fp64",
        gemm="scipy",
        backend="numpy",
        threads=threads,
        block_rows=min(_SOURCE_ROWS, n),
        block_columns=min(_TARGET_ROWS, m),
        coordinates=left.shape[1],
    )
    return Neighbours(forward.ids, forward.cosines, backward.ids, backward.cosines, report)


def sparse_pair_cosines(
    source: sparse.csr_matrix, target: sparse.csr_matrix, source_ids: Int64, target_ids: Int64
) -> Float32:
    """The cosine of each pair (source_ids[p], target_ids[p]), [p]: the very number that `sparse_neighbours` gives."""
    left, right = _prepared(source, "source"), _prepared(target, "target")
    cosines = np.empty(len(source_ids), np.float32)
    ones = np.ones(left.shape[1])
    for start in range(0, len(cosines), _PAIRS_AT_ONCE):
        piece = slice(start, start + _PAIRS_AT_ONCE)
        # A product with ones adds a row's entries one after the other, as the matrix product does.
        cosines[piece] = left[source_ids[piece]].multiply(right[target_ids[piece]]).tocsr() @ ones
    return cosines


def _prepared(matrix: sparse.csr_matrix, name: str) -> sparse.csr_matrix:
    if 0 in matrix.shape:
        raise CorpusError(f"the {name} side has shape {matrix.shape}. There must be at least one row and one column.")
    matrix = sparse.csr_matrix(matrix, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    if not np.isfinite(matrix.data).all():
        raise CorpusError(f"the {name} side holds a NaN or infinite value. Encode it again.")
    return matrix


def _best(cosines: Float32, k: int, thresholds: Float32) -> Found:
    """(row, column, cosine) of everything in the block that may belong to a row's k best, `thresholds` [rows]."""
    columns = cosines.shape[1]
    if k < columns:
        thresholds = np.maximum(thresholds, np.partition(cosines, columns - k, axis=1)[:, columns - k])
    wanted = cosines >= thresholds[:, None]
    # Strangers share no column at all and tie at 0: of a row's ties only the k lowest ids can win.
    for row in np.flatnonzero(wanted.sum(axis=1) > 2 * k):
        tied = np.flatnonzero(cosines[row] == thresholds[row])
        wanted[row, tied[k:]] = False
    rows, places = np.nonzero(wanted)
    return rows, places, cosines[rows, places]

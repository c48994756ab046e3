"""One pass over all cosines of two sets of vectors: the k nearest neighbours of every source AND every target."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock, local
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.configs import at_least, checked, option
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.neighbours import gemm
from fairseq_xling.neighbours.bounds import as_tensor, bf16_bound, plain_bound
from fairseq_xling.neighbours.certify import product_error
from fairseq_xling.neighbours.lists import Float32, Int64, TopLists
from fairseq_xling.neighbours.sweep import CompiledSweep, Problem, Sweep, TorchSweep

Progress = Callable[[int], None]

_PROBED_FROM = 1e10  # multiply-adds; a smaller search is over before the fastest product is known
_NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class SearchConfig:
    """How to search. Only `k` changes the neighbours found; everything else changes the time it takes."""

    k: int = option(4, "neighbours of each sentence")
    precision: Literal["auto", "fp32", "bf16"] = option("auto", "arithmetic of the products; auto: the faster here")
    backend: Literal["auto", "numba", "torch"] = option("auto", "who updates the lists; auto: numba where installed")
    threads: int | None = option(None, "threads (default: as many as PyTorch uses)")
    block_rows: int = option(512, "sources of one block of products")
    block_columns: int = option(2048, "targets of one block of products")

    def faults(self) -> Iterator[str]:
        for name in ("k", "threads", "block_rows", "block_columns"):
            yield from at_least(name, getattr(self, name), 1)


@dataclass(frozen=True)
class SearchReport:
    """What a search did, beside its result: `finished` is the share of all products computed in full precision."""

    seconds: float
    gemm_seconds: float = 0.0
    finished: float = 1.0
    precision: str = "fp32"
    gemm: str = ""
    backend: str = ""
    threads: int = 1
    block_rows: int = 0
    block_columns: int = 0
    coordinates: int = 0


@dataclass(frozen=True)
class Neighbours:
    """The exact k nearest of every source and every target, each row sorted by (-cosine, id).

    forward_ids, forward_cosines [n, min(k, m)]: targets of each source; backward_ids, backward_cosines
    [m, min(k, n)]: sources of each target. Ids are int64, cosines the float32 of `certify.pair_cosines`.
    """

    forward_ids: Int64
    forward_cosines: Float32
    backward_ids: Int64
    backward_cosines: Float32
    report: SearchReport


def search(
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    config: SearchConfig = SearchConfig(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Neighbours:
    """Exact neighbours of `source` [n, d] and `target` [m, d], unit-norm float32 rows, arrays or memory maps.

    The result does not depend on precision, backend, threads or block sizes. `progress` is told, from any thread but
    one at a time, how many of the n * m products more are done.
    """
    started = time.perf_counter()
    checked(config)
    left, right = _unit_rows(source, "source"), _unit_rows(target, "target")
    if left.shape[1] != right.shape[1]:
        raise CorpusError(
            f"source vectors have dimension {left.shape[1]}, target vectors {right.shape[1]}. "
            "Encode both with the same encoder."
        )
    return _Search(left, right, config, progress).run(started)


class _Search:
    """One search: sources are rows, targets are columns, blocks of rows go to workers."""

    def __init__(self, source: Float32, target: Float32, config: SearchConfig, progress: Progress | None) -> None:
        n, m = len(source), len(target)
        self.config, self.progress, self.progress_lock = config, progress, Lock()
        self.threads = config.threads or torch.get_num_threads()
        self.block_rows = max(1, min(config.block_rows, -(-n // self.threads)))
        self.block_columns = min(config.block_columns, m)
        probe = float(n) * m * source.shape[1] >= _PROBED_FROM
        self.precision = config.precision
        if self.precision == "auto":
            self.precision = "bf16" if probe and gemm.bf16_pays() else "fp32"
        self.compiled = _compiled_backend(config.backend)
        bound = (bf16_bound if self.precision == "bf16" else plain_bound)(source, target)
        self.gemm = gemm.choose(self.precision, bound.source, bound.target, probe)
        self.problem = Problem(
            source,
            target,
            bound,
            TopLists.empty(n, min(config.k, m)),
            TopLists.empty(m, min(config.k, n)),
            product_error(source.shape[1], 1 + _NORM_TOLERANCE, 1 + _NORM_TOLERANCE),
            [Lock() for _ in range(0, m, self.block_columns)],
        )
        self.worker = local()

    def run(self, started: float) -> Neighbours:
        pool_threads = torch.get_num_threads()
        workers = list[_Worker]()
        pool = ThreadPoolExecutor(self.threads, initializer=self._start_worker, initargs=(workers,))
        try:
            for _ in pool.map(self._rows, range(0, len(self.problem.source), self.block_rows)):
                pass  # a fault in a worker, or Ctrl-C, is raised here
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(pool_threads)  # what a new thread starts with
        rows, columns = self.problem.rows, self.problem.columns
        seconds = time.perf_counter() - started
        report = SearchReport(
            seconds,
            sum(worker.gemm_seconds for worker in workers) / self.threads,
            sum(worker.sweep.finished for worker in workers) / (len(rows.ids) * len(columns.ids)),
            self.precision,
            self.gemm.name,
            "numba" if self.compiled else "torch",
            self.threads,
            self.block_rows,
            self.block_columns,
            self.problem.bound.source.shape[1],
        )
        return Neighbours(rows.ids, rows.cosines, columns.ids, columns.cosines, report)

    def _start_worker(self, workers: list[_Worker]) -> None:
        torch.set_num_threads(1)  # of this thread: the workers themselves are the parallelism
        self.worker.own = _Worker(self)
        workers.append(self.worker.own)

    def _rows(self, first_row: int) -> None:
        self.worker.own.rows(first_row)


class _Worker:
    """One thread's buffers and clocks."""

    def __init__(self, search: _Search) -> None:
        self.search, self.gemm_seconds = search, 0.0
        self.product = torch.empty(search.block_rows * search.block_columns)
        self.sweep: Sweep = (
            CompiledSweep(search.problem, search.block_rows, search.block_columns)
            if search.compiled
            else TorchSweep(search.problem)
        )

    def rows(self, first_row: int) -> None:
        """All products of one block of rows; blocks of rows start at different columns, to wait less for each other."""
        search, bound = self.search, self.search.problem.bound
        left = bound.source[first_row : first_row + search.block_rows]
        blocks = len(search.problem.column_locks)
        for step in range(blocks):
            turn = (first_row // search.block_rows + step) % blocks
            first_column = turn * search.block_columns
            right = bound.target[first_column : first_column + search.block_columns]
            started = time.perf_counter()
            out = self.product[: len(left) * len(right)].view(len(left), len(right))
            block = search.gemm.multiply(left, right, out)
            self.gemm_seconds += time.perf_counter() - started
            self.sweep.block(block, first_row, first_column, search.problem.column_locks[turn])
            if search.progress is not None:
                with search.progress_lock:
                    search.progress(len(left) * len(right))


def _compiled_backend(backend: str) -> bool:
    there = find_spec("numba") is not None
    if backend == "numba" and not there:
        raise ConfigError("`backend` numba needs the package numba. Install it, or choose backend torch")
    return there and backend != "torch"


def _unit_rows(vectors: npt.ArrayLike, name: str) -> Float32:
    """The vectors as a plain C-ordered float32 array (no copy where they are one), checked."""
    array = np.ascontiguousarray(np.asarray(vectors), dtype=np.float32)
    if array.ndim != 2 or 0 in array.shape:
        raise CorpusError(f"{name} vectors must be a matrix with rows and columns, but have shape {array.shape}.")
    norms = torch.linalg.vector_norm(as_tensor(array), dim=1).numpy()
    wrong = np.flatnonzero(~(np.abs(norms - 1) <= _NORM_TOLERANCE))
    if len(wrong):
        raise CorpusError(
            f"{name} row {wrong[0]} (from 0) has length {norms[wrong[0]]:g}, but must have length 1. "
            "Scale with vectors.unit_rows, and mend rows with zeros, NaN or infinite values."
        )
    return array

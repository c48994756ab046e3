"""One pass over all cosines of two sets of vectors: the k nearest neighbours of every source AND every target."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.configs import at_least, checked, option
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.neighbours import gemm
from fairseq_xling.neighbours.bounds import LeadingSide, bf16_bound, joined_bound, leading_side, plain_bound
from fairseq_xling.neighbours.calibration import likely_basis
from fairseq_xling.neighbours.codes import LONGEST_CODED
from fairseq_xling.neighbours.directions import Basis, basis, paying_basis
from fairseq_xling.neighbours.lists import Float32, Int64, TopLists
from fairseq_xling.neighbours.sweep import Problem
from fairseq_xling.neighbours.tensors import as_tensor
from fairseq_xling.neighbours.threads import torch_threads
from fairseq_xling.neighbours.workers import Grid, Progress, sweep_all

_TUNED_FROM = 4e10  # multiply-adds; a shorter search is over before the fastest way is known
_NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class SearchConfig:
    """How to search. Only `k`, `forward_only` and `recall` change what is found; all else changes the time it takes.

    With `recall` the shape of the blocks decides too (but not the number of threads), and arithmetic is fp32.
    """

    k: int = option(4, "neighbours of each sentence")
    precision: Literal["auto", "fp32", "bf16"] = option("auto", "arithmetic of the products; auto: the faster here")
    backend: Literal["auto", "numba", "torch"] = option("auto", "who updates the lists; auto: numba where installed")
    threads: int | None = option(None, "threads (default: as many as PyTorch uses)")
    block_rows: int = option(1024, "sources of one block of products")
    block_columns: int = option(512, "targets of one block of products")

    coordinates: int | None = option(
        None, "leading coordinates that are multiplied before the rest is bounded (default: as many as pay; numba only)"
    )

    forward_only: bool = option(False, "find the targets of each source, and not the sources of each target")

    recall: float | None = option(
        None, "share of the neighbours to find, by bounds that are likely instead of proven (default: all, proven)"
    )

    def faults(self) -> Iterator[str]:
        for name in ("k", "threads", "block_rows", "block_columns", "coordinates"):
            yield from at_least(name, getattr(self, name), 1)
        if self.recall is not None and not 0 < self.recall < 1:
            yield f"`recall` must be between 0 and 1, but is {self.recall:g}. Leave it out to find all neighbours"


@dataclass(frozen=True)
class SearchReport:
    """What a search did, beside its result: `finished` is the share of all products computed in full precision.

    The recalls are of `recall_rows` sampled sources and targets; 1 without a sample where the search is exact.
    """

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
    tiles: int = 1
    index: str = "exact"
    forward_recall: float = 1.0
    backward_recall: float = 1.0
    recall_rows: int = 0


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of every source and every target, each row sorted by (-cosine, id); all of them unless asked.

    forward_ids, forward_cosines [n, min(k, m)]: targets of each source; backward_ids, backward_cosines
    [m, min(k, n)]: sources of each target, [m, 0] where these were not asked for. Ids are int64, cosines the float32
    of `certify.pair_cosines`.
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
    checked(config)
    left, right = checked_rows(source, "source"), checked_rows(target, "target")
    if left.shape[1] != right.shape[1]:
        raise CorpusError(
            f"source vectors have dimension {left.shape[1]}, target vectors {right.shape[1]}. "
            "Encode both with the same encoder."
        )
    return _search(left, right, config, progress)


def is_long(shape: tuple[int, int], dim: int) -> bool:
    """Whether a search of (n, m) rows takes longer than to find out what is fastest."""
    return float(shape[0]) * shape[1] * dim >= _TUNED_FROM


@dataclass(frozen=True)
class Prepared:
    """One side as the sweep takes it: unit rows [n, d], and their leading coordinates where these pay."""

    vectors: Float32
    leading: LeadingSide | None


@dataclass(frozen=True)
class Approach:
    """How a search is done, decided once for all its tiles; it decides how long they take, never what they find.

    Only with `recall` it decides both. Nothing that is timed, or computed by several threads, may decide then.
    """

    config: SearchConfig
    precision: str
    threads: int
    compiled: bool
    tuned: bool
    """Whether the search is long enough to find out what is fastest."""
    basis: Basis | None

    @classmethod
    def choose(cls, left: Float32, right: Float32, shape: tuple[int, int], config: SearchConfig) -> Approach:
        """For a search of `shape` = (n, m) rows, of which `left` and `right` [., d] are all or a fair sample."""
        threads, compiled = config.threads or torch.get_num_threads(), _compiled_backend(config.backend)
        if config.recall is not None:
            with torch_threads(1):
                likely = _likely(as_tensor(left), as_tensor(right), config, compiled)
            return cls(config, "fp32", threads, compiled, False, likely)
        tuned = is_long(shape, left.shape[1])
        precision = config.precision
        if precision == "auto":
            precision = "bf16" if tuned and gemm.bf16_pays() else "fp32"
        found = _basis(as_tensor(left), as_tensor(right), cls(config, precision, threads, compiled, tuned, None))
        return cls(config, precision, threads, compiled, tuned, found)

    def prepared(self, vectors: Float32, of_source: bool) -> Prepared:
        """A side that may meet several others."""
        if self.basis is None:
            return Prepared(vectors, None)
        turn = gemm.choose("fp32", as_tensor(vectors), as_tensor(vectors), self.tuned)
        basis = self.basis if of_source else self.basis.turned
        with torch_threads(1):  # what it shares out by itself it shares out in pieces of one size
            return Prepared(vectors, leading_side(vectors, basis, turn, self.threads))

    def sweep(
        self, source: Prepared, target: Prepared, rows: TopLists, columns: TopLists, progress: Progress | None = None
    ) -> SearchReport:
        """Bring the lists to their final state; what they hold already must be other pairs than these sides'."""
        started = time.perf_counter()
        left, right, config = source.vectors, target.vectors, self.config
        if self.basis and source.leading and target.leading:
            bound = joined_bound(source.leading, target.leading, self.basis, self.precision)
        else:
            bound = (bf16_bound if self.precision == "bf16" else plain_bound)(left, right)
        product = gemm.choose(self.precision, bound.source, bound.target, self.tuned)
        in_step = config.recall is not None
        block_rows = max(1, min(config.block_rows, len(left) if in_step else -(-len(left) // self.threads)))
        grid = Grid(block_rows, min(config.block_columns, len(right)), self.threads, self.compiled, in_step)
        work = sweep_all(Problem(left, right, bound, rows, columns), product, grid, progress)
        return SearchReport(
            seconds=time.perf_counter() - started,
            gemm_seconds=work.gemm_seconds,
            finished=work.finished / (len(left) * len(right)),
            precision=self.precision,
            gemm=product.name,
            backend="numba" if self.compiled else "torch",
            threads=self.threads,
            block_rows=grid.block_rows,
            block_columns=grid.block_columns,
            coordinates=bound.source.shape[1],
        )


def _search(left: Float32, right: Float32, config: SearchConfig, progress: Progress | None) -> Neighbours:
    started = time.perf_counter()
    n, m = len(left), len(right)
    approach = Approach.choose(left, right, (n, m), config)
    rows, columns = empty_lists((n, m), (n, m), config)
    sides = approach.prepared(left, True), approach.prepared(right, False)
    report = approach.sweep(*sides, rows, columns, progress)
    report = replace(report, seconds=time.perf_counter() - started)
    return neighbours_of(rows, columns, config, report)


def empty_lists(counts: tuple[int, int], whole: tuple[int, int], config: SearchConfig) -> tuple[TopLists, TopLists]:
    """What a search begins with: lists of so many sources and targets, of `whole` = (n, m) in all."""
    rows = TopLists.empty(counts[0], min(config.k, whole[1]))
    if config.forward_only:
        return rows, TopLists.closed(counts[1])
    return rows, TopLists.empty(counts[1], min(config.k, whole[0]))


def neighbours_of(rows: TopLists, columns: TopLists, config: SearchConfig, report: SearchReport) -> Neighbours:
    """What it ends with."""
    width = 0 if config.forward_only else columns.k
    return Neighbours(rows.ids, rows.cosines, columns.ids[:, :width], columns.cosines[:, :width], report)


def _basis(left: torch.Tensor, right: torch.Tensor, approach: Approach) -> Basis | None:
    """Directions for as few coordinates as pay, or as the config says; a short search multiplies all."""
    dim, config = left.shape[1], approach.config
    if not approach.compiled or dim > LONGEST_CODED or (config.coordinates or 0) >= dim:
        return None
    if config.coordinates is not None:
        return basis(left, right, config.coordinates)
    if approach.tuned:
        seconds = gemm.seconds_per_coordinate(approach.precision)
        return paying_basis(left, right, config.k, seconds, config.forward_only)
    return None


def _likely(left: torch.Tensor, right: torch.Tensor, config: SearchConfig, compiled: bool) -> Basis | None:
    """Directions for bounds that are likely; None where vectors are so short that all coordinates are multiplied."""
    if not compiled:
        raise ConfigError("`recall` needs the package numba. Install it, or search exactly")
    if config.recall is None or left.shape[1] > LONGEST_CODED:
        return None
    return likely_basis(left, right, config.k, config.recall)


def _compiled_backend(backend: str) -> bool:
    there = find_spec("numba") is not None
    if backend == "numba" and not there:
        raise ConfigError("`backend` numba needs the package numba. Install it, or choose backend torch")
    return there and backend != "torch"


def checked_rows(vectors: npt.ArrayLike, name: str) -> Float32:
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

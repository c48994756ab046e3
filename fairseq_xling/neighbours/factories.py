"""Approximate search by a faiss factory, both ways, with exact scores for whatever it proposes.

One training on rows of both sides serves two indexes, one over the targets for the sources and one over the sources for
the targets; a pair that either finds is offered to both sentences. faiss trains and builds with one thread and is asked
in batches of one size, because its results change with the threads that share a task.

What is indexed is centred, what is asked is not: x.(y - q) ranks as x.y does, while clusters of vectors that are not
centred would be those of the languages' means, and a sentence would find its own language's clusters.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fairseq_xling.errors import ConfigError, MissingDependencyError
from fairseq_xling.neighbours.finishing import Finisher
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, SearchReport, checked_rows
from fairseq_xling.neighbours.lists import Float32, Int64
from fairseq_xling.neighbours.threads import on_all_cores

if TYPE_CHECKING:
    from fairseq_xling.neighbours.workers import Progress

_TRAINED_ROWS = 1 << 17  # of both sides together
_BATCH = 1024
_KEPT, _LEAST_KEPT = 4, 32  # times k, and at least: what the index proposes for a sentence, before exact scores decide


def factory_search(
    index: str, source: Float32, target: Float32, config: SearchConfig, progress: Progress | None = None
) -> Neighbours:
    """Neighbours of unit rows by `index`, a faiss factory with parameters after a colon: IVF1024,SQ8:nprobe=64."""
    started = time.perf_counter()
    faiss = _faiss()
    left, right = checked_rows(source, "source"), checked_rows(target, "target")
    threads = config.threads or torch.get_num_threads()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        centred = _centred(left), _centred(right)
        empty = _trained(faiss, index, *centred)
        found = Finisher(left, right, config.k)
        for queries, rows, turned in ((left, centred[1], False), (right, centred[0], True)):
            built = faiss.clone_index(empty)
            built.add(rows)
            _ask(faiss, built, queries, (found, turned), (config.k, threads, progress))
    finally:
        faiss.omp_set_num_threads(before)
    report = SearchReport(
        time.perf_counter() - started,
        finished=found.finished / (len(left) * len(right)),
        gemm="faiss",
        backend="faiss",
        threads=threads,
        block_rows=_BATCH,
        coordinates=left.shape[1],
    )
    _fill(found)
    return Neighbours(found.rows.ids, found.rows.cosines, found.columns.ids, found.columns.cosines, report)


def _ask(
    faiss: Any, index: Any, queries: Float32, found: tuple[Finisher, bool], how: tuple[int, int, Progress | None]
) -> None:
    """Propose what the index gives for each query; `found` says whether its queries are the targets."""
    (finisher, turned), (k, threads, progress) = found, how
    kept = min(index.ntotal, max(_KEPT * k, _LEAST_KEPT))

    def batch(start: int) -> None:
        ids = index.search(queries[start : start + _BATCH], kept)[1].astype(np.int64)
        own = np.repeat(np.arange(start, start + len(ids)), kept)[ids.ravel() >= 0]
        other = ids.ravel()[ids.ravel() >= 0]
        finisher.propose(*((other, own) if turned else (own, other)))

    def told(start: int) -> None:
        batch(start)
        if progress is not None:  # each direction looks at one half of the pairs
            rows, pairs = min(_BATCH, len(queries) - start), index.ntotal
            progress(-(-rows * pairs // 2) if turned else rows * pairs // 2)

    on_all_cores(told, range(0, len(queries), _BATCH), threads, lambda: faiss.omp_set_num_threads(1))


def _trained(faiss: Any, index: str, left: Float32, right: Float32) -> Any:
    """An empty index, trained on rows of both sides at equal distances, with its parameters set."""
    factory, _, parameters = index.partition(":")
    step = -(-(len(left) + len(right)) // _TRAINED_ROWS)
    try:
        made = faiss.index_factory(left.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        made.train(np.concatenate([left[::step], right[::step]]))
        if parameters:
            faiss.ParameterSpace().set_index_parameters(made, parameters)
    except RuntimeError as fault:
        raise ConfigError(
            f"`index` {index}: faiss cannot use it for {len(left)} x {len(right)} vectors of dimension "
            f"{left.shape[1]} ({_reason(fault)}). Choose another factory, or --index auto"
        ) from fault
    return made


def _centred(rows: Float32) -> Float32:
    centred: Float32 = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return centred


def _reason(fault: RuntimeError) -> str:
    """faiss's own words, without the place in its source."""
    text = " ".join(str(fault).split())
    said = re.search(r"(?:Error: )?'(?P<rule>.*)' failed:? ?(?P<words>.*)$", text)
    return (said["words"] or said["rule"]) if said else text.rpartition(": ")[2]


def _fill(found: Finisher) -> None:
    """A sentence for which the index proposed fewer than its list holds gets the other side's first ones."""
    for lists, turned in ((found.rows, False), (found.columns, True)):
        short = np.flatnonzero(np.isneginf(lists.cosines[:, -1]))
        own = np.repeat(short, 2 * lists.k)
        others = len(found.source) if turned else len(found.target)
        other: Int64 = np.tile(np.arange(2 * lists.k) % others, len(short))
        found.propose(*((other, own) if turned else (own, other)))


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as fault:
        raise MissingDependencyError("--index needs the package faiss for factories: pip install faiss-cpu") from fault
    return faiss

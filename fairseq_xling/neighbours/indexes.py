"""Which index a search uses, by name or by size, and how much of the exact neighbours an approximate one finds.

exact               every neighbour, proven (`kernel`)
likely[:R]          the same kernel with bounds that are likely instead of proven (`calibration`); aims at recall R
a faiss factory     such as IVF1024,SQ8:nprobe=64, searched both ways (`factories`)
auto                one of these, by the number of pairs

Whatever proposes a pair, its cosine is computed exactly, so an approximate search can miss neighbours and never gives a
wrong cosine. What it misses is measured on a sample of rows, whose exact neighbours are searched as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig

Float32 = npt.NDArray[np.float32]
Progress = Callable[[int], None]

EXACT, AUTO, LIKELY = "exact", "auto", "likely"
AIMED = 0.95  # a floor: on every data set tried, 0.98 and more was found
EXACT_UP_TO = 2_500_000_000  # pairs: 50 000 x 50 000, half a minute on two cores
LIKELY_UP_TO = 100_000_000_000_000  # pairs: a hundred core-hours; beyond, codes of a few clusters are quicker
_PROBED = 16  # of a factory's clusters, one in so many is searched unless nprobe says otherwise
_AUTO_PROBES = 64  # of 16 384 clusters or more; a code costs as much as 138 of the pairs that `likely` looks at
_SAMPLED_ROWS = 512  # of each side
_FACTORY = re.compile(r"[A-Za-z][\w,().]*(:\w+=[\w.]+(,\w+=[\w.]+)*)?")


def index_faults(index: str) -> Iterator[str]:
    """What is wrong with the name itself; whether faiss can build a factory shows only with the vectors."""
    name, _, aimed = index.partition(":")
    if name == LIKELY and aimed:
        if not re.fullmatch(r"0?\.\d+", aimed) or not 0 < float(aimed) < 1:
            yield f"`index` {index}: the recall aimed at must be between 0 and 1. Set --index likely:{AIMED}"
    elif name in (EXACT, AUTO) and aimed:
        yield f"`index` {name} takes nothing after a colon, but is {index}"
    elif not _FACTORY.fullmatch(index):
        yield (
            f"`index` must be exact, auto, likely, likely:{AIMED} or a faiss factory such as IVF1024,SQ8:nprobe=64, "
            f"but is {index!r}"
        )


def decide(index: str, n: int, m: int) -> str:
    """The index that is meant for n sources and m targets, with all its numbers: what a signature can carry."""
    if index == AUTO:
        if n * m <= EXACT_UP_TO:
            return EXACT
        if n * m <= LIKELY_UP_TO:
            return decide(LIKELY, n, m)
        return large_index(max(n, m))
    if index == LIKELY:
        return f"{LIKELY}:{AIMED}"
    clusters = re.search(r"IVF(\d+)", index)
    if clusters and "nprobe=" not in index:
        return f"{index}{',' if ':' in index else ':'}nprobe={max(1, int(clusters[1]) // _PROBED)}"
    return index


def large_index(rows: int) -> str:
    """The factory for so many rows where looking at all pairs takes too long."""
    # Four times the root is what faiss's guidelines give; a power of two, so that a few more lines change nothing.
    return f"IVF{2 ** round(np.log2(4 * rows**0.5))},SQ8:nprobe={_AUTO_PROBES}"


def search_by(
    index: str, source: Float32, target: Float32, config: SearchConfig, progress: Progress | None = None
) -> Neighbours:
    """Neighbours of `source` [n, d] and `target` [m, d], unit float32 rows, by an index that `decide` gave.

    The report of an approximate search holds its recall on a sample.
    """
    from fairseq_xling.neighbours.kernel import search

    if index == EXACT:
        return search(source, target, config, progress)
    if index.startswith(f"{LIKELY}:"):
        found = search(source, target, replace(config, recall=float(index.partition(":")[2])), progress)
    else:
        from fairseq_xling.neighbours.factories import factory_search

        found = factory_search(index, source, target, config, progress)
    forward, backward = sampled_recall(source, target, found, config)
    report = replace(
        found.report, index=index, forward_recall=forward, backward_recall=backward, recall_rows=_SAMPLED_ROWS
    )
    return replace(found, report=report)


def sampled_recall(
    source: Float32, target: Float32, found: Neighbours, config: SearchConfig, rows: int = _SAMPLED_ROWS
) -> tuple[float, float]:
    """Share of the exact neighbours of `rows` sources, and of as many targets, that were found; seeded.

    Counted by cosines, so that of equally near neighbours any will do.
    """
    from fairseq_xling.neighbours.kernel import search

    generator, shares = np.random.default_rng(1), list[float]()
    for one, other, cosines in ((source, target, found.forward_cosines), (target, source, found.backward_cosines)):
        asked = np.sort(generator.choice(len(one), min(rows, len(one)), replace=False))
        exact = search(one[asked], other, replace(config, forward_only=True)).forward_cosines
        shares.append(float((cosines[asked] >= exact[:, -1:]).mean()))
    return shares[0], shares[1]

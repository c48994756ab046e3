"""The search against faiss: both directions, exact, one run, one machine, equal threads; fails below its floors.

    python benchmarks/mining.py            # 20 000 x 20 000, d = 1024, k = 4, about six minutes on two cores
    python benchmarks/mining.py --quick    # 6 000 x 6 000; prints the same without judging the ratios

faiss.knn is given the fastest of several block sizes and searches both directions, as every miner built on it does. The
runs alternate, so that a busy machine slows all of them. Pairs mined from both must be the same up to near-ties.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import faiss
import numpy as np
import numpy.typing as npt
import torch
from datasets import DATASETS, EXPONENT, describe
from figures import Figure, tell

from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.select import score_candidates, select
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, SearchReport, search

Float32 = npt.NDArray[np.float32]

FLOORS = {"fp32": 3.0, "bf16": 3.3}
JUDGED = ("decaying spectrum", "strong common mean")
QUERY_BLOCKS, DATABASE_BLOCKS = (1024, 4096), (1024, 4096, 16384)


@dataclass(frozen=True)
class Timed:
    """A search's seconds in each run, its result, and the report of our own."""

    seconds: list[float]
    found: list[Neighbours]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def report(self) -> SearchReport:
        return sorted((run.report for run in self.found), key=lambda report: report.seconds)[len(self.found) // 2]


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    n = 6000 if options.quick else options.rows
    precisions = [name for name in FLOORS if name == "fp32" or has_bf16()]
    print(f"{processor()}, {options.threads} threads, torch {torch.__version__}, faiss {faiss.__version__}")
    print(
        f"n = m = {n}, d = {options.dim}, k = {options.k}, both directions, median of {options.runs} alternating runs"
    )
    failures = []
    for name, make in DATASETS.items():
        source, target = make(n, options.dim, options.seed, options.exponent)
        print(f"\n{name}: {describe(source, target)}")
        failures += compare(name, source, target, precisions, options)
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


def compare(
    name: str, source: Float32, target: Float32, precisions: list[str], options: argparse.Namespace
) -> list[str]:
    """Print one data set's table; returns what is below a floor or wrong."""
    blocks = best_blocks(source, target, options.k)
    configs = {precision: SearchConfig(k=options.k, precision=precision) for precision in precisions}  # type: ignore[arg-type]
    small = slice(0, min(len(source), 4000))
    for config in configs.values():
        search(source[small], target[small], config)  # compiles and probes, once in a process
    theirs, ours = Timed([], []), {precision: Timed([], []) for precision in precisions}
    for _ in range(options.runs):
        theirs.found[:] = [timed(theirs.seconds, lambda: faiss_both(source, target, options.k))]
        for precision, config in configs.items():
            ours[precision].found.append(
                timed(ours[precision].seconds, lambda config=config: search(source, target, config))
            )
    print("| search | seconds | ratio | in products | rows redone | finished exactly | coordinates | products by |")
    print("|---|---|---|---|---|---|---|---|")
    print(f"| faiss, blocks {blocks[0]} x {blocks[1]} | {theirs.median:.2f} | 1 | | | | {options.dim} | |")
    failures = []
    for precision, runs in ours.items():
        report, ratio = runs.report, theirs.median / runs.median
        print(
            f"| {precision} | {runs.median:.2f} | {ratio:.2f} | {report.gemm_seconds / report.seconds:.0%} | 0 % | "
            f"{report.finished:.2%} | {report.coordinates} | {report.gemm} |"
        )
        floor = FLOORS[precision] if name in JUDGED and not options.quick else None
        seconds = f"{runs.median:.2f} s", f"{theirs.median:.2f} s"
        tell([Figure(f"mining, {precision}, {name}, faiss", *seconds, ratio, floor)])
        if floor is not None and ratio < floor:
            failures.append(f"{name}, {precision}: {ratio:.2f} times faiss's speed, below {FLOORS[precision]}")
        failures += [f"{name}, {precision}: {fault}" for fault in wrong_pairs(runs.found[-1], theirs.found[-1])]
    reference = ours[precisions[0]].found[-1]
    for precision in precisions[1:]:
        if not same_bits(ours[precision].found[-1], reference):
            failures.append(f"{name}: {precision} and {precisions[0]} differ")
    return failures


def timed(seconds: list[float], run) -> Neighbours:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    found: Neighbours = run()
    seconds.append(time.perf_counter() - started)
    return found


def best_blocks(source: Float32, target: Float32, k: int) -> tuple[int, int]:
    """Try faiss's block sizes on a quarter of the sources and leave the fastest set."""
    queries, best = source[: max(1, len(source) // 4)], (float("inf"), (0, 0))
    for blocks in itertools.product(QUERY_BLOCKS, DATABASE_BLOCKS):
        set_blocks(blocks)
        started = time.perf_counter()
        faiss.knn(queries, target, k, metric=faiss.METRIC_INNER_PRODUCT)
        best = min(best, (time.perf_counter() - started, blocks))
    set_blocks(best[1])
    return best[1]


def set_blocks(blocks: tuple[int, int]) -> None:
    faiss.cvar.distance_compute_blas_query_bs, faiss.cvar.distance_compute_blas_database_bs = blocks


def faiss_both(source: Float32, target: Float32, k: int) -> Neighbours:
    forward = faiss.knn(source, target, k, metric=faiss.METRIC_INNER_PRODUCT)
    backward = faiss.knn(target, source, k, metric=faiss.METRIC_INNER_PRODUCT)
    return Neighbours(forward[1], forward[0], backward[1], backward[0], SearchReport(0.0))


def wrong_pairs(ours: Neighbours, theirs: Neighbours) -> list[str]:
    """What the default mining of both finds differently beyond near-ties."""
    config = MiningConfig()
    mined = [select(score_candidates(found, config.margin), config) for found in (ours, theirs)]
    tables = [
        {
            (int(s), int(t)): float(score)
            for score, s, t in zip(pairs.scores, pairs.source_ids, pairs.target_ids, strict=True)
        }
        for pairs in mined
    ]
    common = tables[0].keys() & tables[1].keys()
    print(f"  pairs: {len(tables[0])} mined, {len(tables[1])} by faiss, {len(common)} in both")
    return comparer().differences(*tables)[:3]


def comparer() -> ModuleType:
    """The one that the tests use."""
    path = Path(__file__).resolve().parents[1] / "tests" / "references" / "same_pairs.py"
    found = importlib.util.spec_from_file_location("same_pairs", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def same_bits(one: Neighbours, other: Neighbours) -> bool:
    names = ("forward_ids", "forward_cosines", "backward_ids", "backward_cosines")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def processor() -> str:
    found = [line.split(":")[1].strip() for line in cpuinfo() if line.startswith("model name")]
    return found[0] if found else "unknown processor"


def has_bf16() -> bool:
    return any("avx512_bf16" in line for line in cpuinfo() if line.startswith("flags"))


def cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="6000 rows, floors not judged")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--exponent", type=float, default=EXPONENT, help="how fast the spectra fall")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Approximate indexes against the exact search: the pairs mined, the neighbours found, the time, from one run.

    python benchmarks/indexes.py                                   # 20 000 x 20 000, d = 1024, two minutes
    python benchmarks/indexes.py --rows 200000 --index likely      # exact is searched first, always

"pairs" are those of the default mining: how many of the exact miner's an index gives, and how many of its own are the
exact miner's. Time is that of the search alone, without the sample that `mine --index` takes beside it; the seconds of
all processors together tell more on a machine that other work shares.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from datasets import EXPONENT, INDEXED, Float32, describe

from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.select import score_candidates, select
from fairseq_xling.neighbours.factories import factory_search
from fairseq_xling.neighbours.indexes import EXACT, LIKELY, decide
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search

INDEXES = [
    "likely:0.99",
    "likely",
    "likely:0.8",
    "IVF256,Flat:nprobe=64",
    "IVF256,SQ8:nprobe=64",
    "IVF256,PQ128x4fs:nprobe=64",
]
Pairs = set[tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """A search's result, the pairs mined from it, and what it took."""

    neighbours: Neighbours
    pairs: Pairs
    seconds: float
    processor: float


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    for name in options.data or list(INDEXED):
        source, target = INDEXED[name](options.rows, options.dim, options.seed, options.exponent)
        print(f"\n{name}: n = m = {options.rows}, d = {options.dim}, k = {options.k}, {options.threads} threads")
        print(f"{describe(source, target)}\n", flush=True)
        small = slice(0, min(options.rows, 2000))
        for recall in (None, 0.9):  # compiles and probes, once in a process
            search(source[small], target[small], SearchConfig(k=options.k, recall=recall))
        exact = run(EXACT, source, target, options)
        print(
            "| index | seconds | of exact | processor | of exact | neighbours found | exact pairs found | pairs exact |"
        )
        print("|---|---|---|---|---|---|---|---|")
        print(f"| exact | {exact.seconds:.1f} | 1 | {exact.processor:.1f} | 1 | | {len(exact.pairs)} | |", flush=True)
        for index in options.index:
            report(decide(index, options.rows, options.rows), run(index, source, target, options), exact)
    return 0


def run(index: str, source: Float32, target: Float32, options: argparse.Namespace) -> Found:
    config = SearchConfig(k=options.k, threads=options.threads)
    index = decide(index, len(source), len(target))
    started, worked = time.perf_counter(), time.process_time()
    if index == EXACT:
        found = search(source, target, config)
    elif index.startswith(LIKELY):
        found = search(source, target, replace(config, recall=float(index.partition(":")[2])))
    else:
        found = factory_search(index, source, target, config)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    mining = MiningConfig()
    pairs = select(score_candidates(found, mining.margin), mining)
    return Found(found, set(zip(pairs.source_ids.tolist(), pairs.target_ids.tolist(), strict=True)), seconds, processor)


def report(index: str, found: Found, exact: Found) -> None:
    shares = [
        float(np.mean(ours >= theirs[:, -1:]))
        for ours, theirs in (
            (found.neighbours.forward_cosines, exact.neighbours.forward_cosines),
            (found.neighbours.backward_cosines, exact.neighbours.backward_cosines),
        )
    ]
    common = len(found.pairs & exact.pairs)
    print(
        f"| {index} | {found.seconds:.1f} | {found.seconds / exact.seconds:.2f} | {found.processor:.1f} | "
        f"{found.processor / exact.processor:.2f} | {shares[0]:.2%}, {shares[1]:.2%} | "
        f"{common / max(1, len(exact.pairs)):.2%} | {common / max(1, len(found.pairs)):.2%} |",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--exponent", type=float, default=EXPONENT, help="how fast the spectra fall")
    parser.add_argument("--data", nargs="+", choices=list(INDEXED), help="data sets (default: all)")
    parser.add_argument("--index", nargs="+", default=INDEXES, help="indexes to compare with the exact search")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Greedy one-to-one on more candidates than memory should hold: time and largest anonymous memory.

    python benchmarks/greedy.py                         # 10^8 candidates of 2 x 50 million sentences, fails above 1 GB
    python benchmarks/greedy.py --candidates 2000000 --check       # against a loop over everything in memory

Six sentences in ten name each other as best, as in mining; the others name anybody. Scores have seven decimals, so that
many tie. The candidates are computed part by part, as a search in tiles would leave them on disk.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fairseq_xling.mining.greedy import HELD, take_greedily
from fairseq_xling.mining.pairs import MinedPairs, canonical_order

Numbers = npt.NDArray[np.uint64]
_PART = 1 << 18
_BOUND = 1e9  # bytes of anonymous memory, whatever the number of candidates up to 10^8
_MUTUAL = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000_000)
    parser.add_argument("--held", type=int, default=HELD, help="candidates sorted at a time")
    parser.add_argument("--check", action="store_true", help="compare with a loop in memory")
    options = parser.parse_args()
    sentences = options.candidates // 2
    started, peak, done = time.perf_counter(), [0.0], threading.Event()
    watcher = threading.Thread(target=watch, args=(peak, done))
    watcher.start()
    try:
        pairs = take_greedily(candidates(sentences), sentences, sentences, options.held)
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - started
    print(f"{2 * sentences} candidates of 2 x {sentences} sentences, {options.held} sorted at a time")
    print(
        f"{len(pairs)} pairs in {seconds:.0f} s, largest anonymous memory {peak[0] / 1e9:.2f} GB (of {_BOUND / 1e9:g})"
    )
    if options.check and not same(pairs, sentences):
        print("FAILED: not the pairs of the loop in memory", file=sys.stderr)
        return 1
    return 0 if peak[0] <= _BOUND else 1


def candidates(sentences: int) -> Iterator[MinedPairs]:
    """Both directions' best candidates, the same each time."""
    step = next(a for a in range(int(sentences * 0.618), 2 * sentences + 2) if np.gcd(a, sentences) == 1)
    back = pow(step, -1, sentences) if sentences > 1 else 0
    for forward in (True, False):
        for first in range(0, sentences, _PART):
            own = np.arange(first, min(first + _PART, sentences), dtype=np.uint64)
            partner = own * np.uint64(step if forward else back) % np.uint64(sentences)
            source = own if forward else partner  # of the pair that may be mutual
            mutual = share(source, 1) < _MUTUAL
            anybody = mixed(own, 2 + forward) % np.uint64(sentences)
            scores = np.where(mutual, 1.1 + 0.3 * share(source, 4), 0.9 + 0.3 * share(own, 5 + forward))
            ids = own.astype(np.int64), np.where(mutual, partner, anybody).astype(np.int64)
            yield MinedPairs(np.round(scores, 7), *(ids if forward else ids[::-1]))


def share(numbers: Numbers, salt: int) -> npt.NDArray[np.float64]:
    return mixed(numbers, salt) / 2.0**64


def mixed(numbers: Numbers, salt: int) -> Numbers:
    """Steele, Lea & Flood 2014: a number's place in a fixed random sequence (SplitMix64)."""
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0xD1B54A32D192ED03 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def same(pairs: MinedPairs, sentences: int) -> bool:
    """Against the plain loop."""
    parts = list(candidates(sentences))
    scores = np.concatenate([part.scores for part in parts])
    sources = np.concatenate([part.source_ids for part in parts])
    targets = np.concatenate([part.target_ids for part in parts])
    order = canonical_order(scores, sources, targets)
    used: tuple[set[int], set[int]] = (set(), set())
    kept = []
    for place, source, target in zip(order.tolist(), sources[order].tolist(), targets[order].tolist(), strict=True):
        if source not in used[0] and target not in used[1]:
            used[0].add(source)
            used[1].add(target)
            kept.append(place)
    columns = (pairs.scores, scores), (pairs.source_ids, sources), (pairs.target_ids, targets)
    return all(np.array_equal(found, every[kept]) for found, every in columns)


def watch(peak: list[float], done: threading.Event) -> None:
    """Anonymous memory of this process, every tenth of a second."""
    while not done.wait(0.1):
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        peak[0] = max(peak[0], 1024.0 * int(found[1]) if found else 0.0)


if __name__ == "__main__":
    sys.exit(main())

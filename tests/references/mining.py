"""Mining as plain float64 loops, written from the definition in tests/oracles/README.md, for comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Pair = tuple[float, int, int]


def margins(x: np.ndarray, y: np.ndarray, k: int, margin: str):
    """(score(i, j), sources' neighbours, targets' neighbours) of unit rows, all by loops over every pair."""
    n, m = len(x), len(y)
    cosine = [[dot(x[i], y[j]) for j in range(m)] for i in range(n)]
    near_x = [sorted(range(m), key=lambda j: (-cosine[i][j], j))[:k] for i in range(n)]
    near_y = [sorted(range(n), key=lambda i: (-cosine[i][j], i))[:k] for j in range(m)]
    mean_x = [math.fsum(cosine[i][j] for j in near_x[i]) / len(near_x[i]) for i in range(n)]
    mean_y = [math.fsum(cosine[i][j] for i in near_y[j]) / len(near_y[j]) for j in range(m)]

    def score(i: int, j: int) -> float:
        c, b = cosine[i][j], (mean_x[i] + mean_y[j]) / 2
        return {"ratio": lambda: c / b, "distance": lambda: c - b, "absolute": lambda: c}[margin]()

    return score, near_x, near_y


def dot(x: np.ndarray, y: np.ndarray) -> float:
    """The exact inner product, rounded once to the float32 that cosines are kept in."""
    return float(np.float32(math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))))


def mine_slowly(x: np.ndarray, y: np.ndarray, k: int, margin: str, retrieval: str) -> list[Pair]:
    """All pairs of a retrieval before any threshold, in canonical order; scores rounded to 7 decimals as files are."""
    score, near_x, near_y = margins(x, y, k, margin)

    def rounded(i: int, j: int) -> float:
        return round(score(i, j), 7)

    forward = [max(((rounded(i, j), -rank), j) for rank, j in enumerate(near_x[i]))[1] for i in range(len(x))]
    backward = [max(((rounded(i, j), -rank), i) for rank, i in enumerate(near_y[j]))[1] for j in range(len(y))]
    pairs = {
        "forward": [(i, j) for i, j in enumerate(forward)],
        "backward": [(i, j) for j, i in enumerate(backward)],
        "intersect": [(i, j) for i, j in enumerate(forward) if backward[j] == i],
    }
    pairs["max"] = pairs["forward"] + pairs["backward"]
    scored = canonical((rounded(i, j), i, j) for i, j in pairs[retrieval])
    return greedy(scored) if retrieval == "max" else scored


def canonical(pairs) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


def greedy(pairs: Sequence[Pair]) -> list[Pair]:
    """Accept by falling score when neither side was accepted before."""
    sources, targets, kept = set(), set(), []
    for pair in pairs:
        if pair[1] not in sources and pair[2] not in targets:
            sources.add(pair[1])
            targets.add(pair[2])
            kept.append(pair)
    return kept


def limited(pairs: Sequence[Pair], bound: float | None, threshold: float, floor: int, cap: int | None) -> list[Pair]:
    """Upper bound, threshold, floor and cap, one after the other."""
    bounded = [pair for pair in pairs if bound is None or pair[0] <= bound]
    kept = [pair for pair in bounded if pair[0] > threshold]
    if len(kept) < floor:
        kept = bounded[:floor]
    return kept if cap is None else kept[:cap]

"""Slow, obvious loops over all pairs that the kernel is compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


def cosine(left: Float32, right: Float32) -> np.float32:
    """The fixed-order cosine: element i is added to lane i mod 16, then the upper half of the lanes to the lower."""
    lanes = [0.0] * 16
    for place, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        lanes[place % 16] += a * b
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[i] + lanes[i + half] for i in range(half)]
    return np.float32(lanes[0])


def cosines(source: Float32, target: Float32) -> Float32:
    """All of them, [n, m]."""
    return np.array([[cosine(x, y) for y in target] for x in source], np.float32).reshape(len(source), len(target))


def nearest(table: Float32, k: int) -> tuple[Int64, Float32]:
    """Ids and cosines [n, min(k, m)] of each row's highest cosines; equal cosines: the lower id first."""
    ids = [sorted(range(len(row)), key=lambda j: (-row[j], j))[:k] for row in table]
    return np.array(ids, np.int64), np.array([[row[j] for j in own] for row, own in zip(table, ids, strict=True)])


def margin(cosine: float, source_mean: float, target_mean: float, name: str) -> float:
    """Artetxe & Schwenk 2019, eq. 2-4."""
    neighbourhood = (source_mean + target_mean) / 2
    if name == "ratio":
        return cosine / neighbourhood
    return cosine - neighbourhood if name == "distance" else cosine

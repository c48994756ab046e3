"""The surface encoder's definition as loops over words and characters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def ngrams(line: str, low: int = 2, high: int = 4) -> Counter[str]:
    """Every substring of `low` to `high` characters of every lower-cased word between its two spaces."""
    found: Counter[str] = Counter()
    for word in line.lower().split():
        padded = f" {word} "
        for n in range(low, high + 1):
            found.update(padded[start : start + n] for start in range(len(padded) - n + 1))
    return found


def tfidf(fitted: Sequence[str], lines: Sequence[str], low: int = 2, high: int = 4) -> list[dict[str, float]]:
    """Unit-length weights by n-gram of each line, with the statistics of the fitted lines."""
    lines_with = Counter(gram for line in fitted for gram in ngrams(line, low, high))
    vectors = []
    for line in lines:
        weights = {
            gram: (1 + math.log(count)) * (math.log((1 + len(fitted)) / (1 + lines_with[gram])) + 1)
            for gram, count in ngrams(line, low, high).items()
            if gram in lines_with
        }
        norm = math.sqrt(sum(weight * weight for weight in weights.values()))
        vectors.append({gram: weight / norm for gram, weight in weights.items()})
    return vectors


def cosines(left: Sequence[dict[str, float]], right: Sequence[dict[str, float]]) -> npt.NDArray[np.float64]:
    """[n, m] inner products of sparse vectors held as dictionaries."""
    return np.array([[sum(w * b.get(gram, 0.0) for gram, w in a.items()) for b in right] for a in left])

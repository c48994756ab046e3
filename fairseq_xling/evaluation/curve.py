"""Precision and recall of scored pairs at every cut; a cut never goes through a group of equal scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """What one threshold extracts; the threshold is None where nothing right can be extracted or a count decides."""

    threshold: float | None
    precision: float
    recall: float
    f1: float
    extracted: int
    correct: int
    gold: int

    def counts(self) -> dict[str, Any]:
        """Everything but the F1, for a score's counts."""
        return {name: value for name, value in asdict(self).items() if name != "f1"}


@dataclass(frozen=True)
class Curve:
    """Pairs by falling score: `scores` [p], and of the first 1, 2, … p pairs the number `correct` and `found`.

    `found` is the recall's numerator; it stays behind `correct` where several right pairs are the same find.
    """

    scores: Float64
    correct: Int64
    found: Int64
    gold: int

    def best(self) -> Cut:
        """The distinct score with the highest F1 (the higher score where equal); threshold midway to the next one."""
        ends = self._ends()
        correct, found = self.correct[ends - 1], self.found[ends - 1]
        if not correct.any():
            return self._cut(0, None)
        precision, recall = correct / ends, found / self.gold
        place = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)))
        score = float(self.scores[ends[place] - 1])
        below = float(self.scores[ends[place]]) if ends[place] < len(self.scores) else score
        return self._cut(int(ends[place]), (score + below) / 2)

    def at(self, threshold: float | None, strict: bool = False) -> Cut:
        """What scores of at least `threshold` (`strict`: above it) extract; nothing at None."""
        if threshold is None:
            return self._cut(0, None)
        # Counted from the end, because scores fall.
        above = len(self.scores) - np.searchsorted(self.scores[::-1], threshold, side="right" if strict else "left")
        return self._cut(int(above), threshold)

    def first(self, count: int) -> Cut:
        """What the `count` best pairs hold, all where there are fewer."""
        return self._cut(min(count, len(self.scores)), None)

    def rows(self) -> Iterator[tuple[float, Cut]]:
        """(score, cut) at every distinct score, highest first."""
        for end in self._ends():
            score = float(self.scores[end - 1])
            yield score, self._cut(int(end), score)

    def _ends(self) -> Int64:
        """After how many pairs each group of equal scores ends."""
        last = np.flatnonzero(np.diff(self.scores)) + 1
        return np.append(last, len(self.scores)) if len(self.scores) else last

    def _cut(self, extracted: int, threshold: float | None) -> Cut:
        correct, found = (int(sums[extracted - 1]) if extracted else 0 for sums in (self.correct, self.found))
        precision = correct / extracted if extracted else 0.0
        recall = found / self.gold if self.gold else 0.0
        f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
        return Cut(threshold, precision, recall, f1, extracted, correct, self.gold)

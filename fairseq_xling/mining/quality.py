"""How many pairs to trust when there is no gold: a false-discovery estimate from each language's own neighbours.

A sentence without a translation still has a best candidate. What that looks like is seen inside one language, where
no sentence has a translation: the best partner that a sentence finds among the OTHER sentences of its own language
("decoys") is as good as a wrong partner gets. If a share r(t) of the sentences has a mutual decoy of margin t or more,
and N real mutual pairs have it, about (pi0 * sentences * r(t) + 1) / N of these are wrong, where pi0 is the share of
sentences without a translation. This is target-decoy estimation (Elias & Gygi 2007) with the "+1" of Barber & Candès
(2015) and an iterated pi0. Sentences of one language are nearer to each other than to the other language's, so the
estimate errs on the careful side; docs/mining.md compares it with the truth on real text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.mining.pairs import Float64, Int64
from fairseq_xling.mining.select import Candidates, mutual
from fairseq_xling.neighbours.margin import margin_scores

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_WHOLE = 4000  # a side up to this size is judged whole, of a larger one this many sentences are sampled:
_SAMPLE = 500
_SPARE = 4  # extra neighbours, because a sentence finds itself and its repetitions first
_SAME = 1 - 1e-6  # a cosine from here on is a repeated sentence, not a wrong partner

Find = Callable[[Any, Any, int], tuple[Int64, npt.NDArray[np.float32]]]


@dataclass(frozen=True)
class Decoys:
    """Margins of the mutual best partners inside one language, one entry a sentence that has one, and who was asked."""

    scores: Float64
    sentences: int

    def rate(self, scores: Float64) -> Float64:
        """Share of sentences with a mutual decoy at each of `scores` or above."""
        above = len(self.scores) - np.searchsorted(np.sort(self.scores), scores, side="left")
        return above / max(1, self.sentences)


@dataclass(frozen=True)
class Quality:
    """What the scores themselves say of the mutual pairs; None where a side is too small to tell, or was not asked."""

    mutual_pairs: int
    mutual_rate: float  # mutual pairs / sentences of the smaller side
    score_quantiles: dict[str, float]  # of the mutual pairs
    target_precision: float
    median_gap: float | None = None  # best minus second-best margin of a mutual pair, the smaller of its two sides
    unmatched_share: float | None = None  # pi0
    suggested_cap: int | None = None
    suggested_threshold: float | None = None  # the score of the last trusted pair
    estimated_precision: dict[str, float] | None = None  # at these many pairs, best first

    @property
    def line(self) -> str:
        """One line for the person."""
        head = f"{self.mutual_pairs} mutual pairs ({self.mutual_rate:.0%} of the smaller side)"
        if self.suggested_cap is None:
            return f"{head}; how many are right was not estimated"
        if self.suggested_cap == 0:
            return f"{head}; no cut reaches an estimated precision of {self.target_precision:g}: do not train on these"
        return (
            f"{head}; estimated precision {self.target_precision:g} at {self.suggested_cap} pairs "
            f"(margin >= {self.suggested_threshold:.4f})"
        )


def estimate(candidates: Candidates, decoys: Sequence[Decoys] | None, target_precision: float = 0.9) -> Quality:
    """Judge the mutual best pairs; `decoys` are both languages' own, None to leave the estimate out."""
    pairs = mutual(candidates)
    scores = np.sort(pairs.scores)[::-1]
    smaller = min(len(candidates.forward_ids), len(candidates.backward_ids))
    common: dict[str, Any] = {
        "mutual_pairs": len(scores),
        "mutual_rate": len(scores) / smaller,
        "score_quantiles": {f"{q:g}": float(np.quantile(scores, q)) for q in _QUANTILES} if len(scores) else {},
        "target_precision": target_precision,
        "median_gap": median_gap(candidates, pairs.source_ids, pairs.target_ids),
    }
    if decoys is None or not len(scores) or not all(side.sentences for side in decoys):
        return Quality(**common)
    rates = np.mean([side.rate(scores) for side in decoys], axis=0)
    precision, unmatched = estimated_precision(rates, smaller)
    trusted = np.flatnonzero(precision >= target_precision)
    cap = int(trusted[-1]) + 1 if len(trusted) else 0
    marks = sorted({n for n in (100, 300, 1000, 3000, 10_000, 100_000, 1_000_000) if n < len(scores)} | {len(scores)})
    return Quality(
        **common,
        unmatched_share=unmatched,
        suggested_cap=cap,
        suggested_threshold=float(scores[cap - 1]) if cap else None,
        estimated_precision={str(n): round(float(precision[n - 1]), 4) for n in marks},
    )


def estimated_precision(rates: Float64, sentences: int) -> tuple[Float64, float]:
    """(estimated precision of the best 1, 2, … p pairs, pi0) from the decoy rate at each pair's score.

    pi0 starts at 1 (nothing has a translation) and is repeated as 1 - estimated right pairs / sentences.
    """
    ranks = np.arange(1, len(rates) + 1)
    unmatched = 1.0
    for _ in range(200):
        precision = np.clip(1 - (unmatched * sentences * rates + 1) / ranks, 0, 1)
        updated = max(0.0, 1 - float(precision[-1]) * len(rates) / sentences)
        if abs(updated - unmatched) < 1e-7:
            break
        unmatched = updated
    return precision, unmatched


def find_decoys(unit: Any, k: int, margin: str, find: Find, seed: int = 1) -> Decoys:
    """Best mutual partners inside one language; `unit` [n, d] rows of length 1, dense or CSR.

    `find(some, all, k)` gives the ids and cosines [s, k] of the nearest rows. A large side is sampled, seeded.
    """
    n = unit.shape[0]
    asked = np.arange(n)
    if n > _WHOLE:
        asked = np.sort(np.random.default_rng(seed).choice(n, _SAMPLE, replace=False))
    inside = _Inside(unit, k, margin, find)
    partners, scores = inside.best(asked)
    scored = partners >= 0
    back, _ = inside.best(partners[scored])
    return Decoys(scores[scored][back == asked[scored]], int(scored.sum()))


class _Inside:
    """Neighbours inside one language, found for as few rows as are asked for."""

    def __init__(self, unit: Any, k: int, margin: str, find: Find) -> None:
        n = unit.shape[0]
        self.unit, self.k, self.margin, self.find = unit, k, margin, find
        self.ids = np.full((n, min(k, n)), -1, np.int64)
        self.cosines = np.full(self.ids.shape, np.nan, np.float32)
        self.means = np.full(n, np.nan)
        self.learnt = np.zeros(n, bool)

    def best(self, rows: Int64) -> tuple[Int64, Float64]:
        """(each row's best partner by margin or -1, its margin)."""
        self._learn(rows)
        self._learn(self.ids[rows][self.ids[rows] >= 0])  # a margin needs the partner's mean too
        ids, own, other = self.ids[rows], self.means[rows][:, None], self.means[self.ids[rows]]
        usable = (ids >= 0) & np.isfinite(own + other)
        if self.margin == "ratio":
            usable &= own + other > 0
        own, other = np.where(usable, own, 1), np.where(usable, other, 1)
        scores = margin_scores(np.where(usable, self.cosines[rows], 0), own, other, self.margin)
        scores = np.where(usable, scores, -np.inf)
        place = scores.argmax(axis=1)[:, None]
        top = np.take_along_axis(scores, place, axis=1)[:, 0]
        return np.where(np.isfinite(top), np.take_along_axis(ids, place, axis=1)[:, 0], -1), top

    def _learn(self, rows: Int64) -> None:
        """Find the k nearest of rows not yet known, each row itself and its repetitions left out."""
        rows = np.unique(rows[~self.learnt[rows]])
        if not len(rows):
            return
        ids, cosines = self.find(self.unit[rows], self.unit, self.k + _SPARE)
        wrong = (ids == rows[:, None]) | (cosines >= _SAME)
        order = np.argsort(wrong, axis=1, kind="stable")[:, : self.k]
        left = np.take_along_axis(~wrong, order, axis=1)
        width = order.shape[1]
        self.ids[rows, :width] = np.where(left, np.take_along_axis(ids, order, axis=1), -1)
        self.cosines[rows, :width] = np.where(left, np.take_along_axis(cosines, order, axis=1), np.nan)
        found, counts = np.where(left, np.take_along_axis(cosines, order, axis=1), 0), left.sum(axis=1)
        self.means[rows] = np.where(counts > 0, found.sum(axis=1, dtype=np.float64) / np.maximum(1, counts), np.nan)
        self.learnt[rows] = True


def median_gap(candidates: Candidates, source_ids: Int64, target_ids: Int64) -> float | None:
    """Median over mutual pairs of best minus second-best margin; None where there is no second candidate."""
    sides = []
    for scores, rows in ((candidates.forward_scores, source_ids), (candidates.backward_scores, target_ids)):
        if scores.shape[1] < 2 or not len(rows):
            return None
        top = np.partition(scores[rows], -2, axis=1)
        sides.append(top[:, -1] - top[:, -2])
    return float(np.median(np.minimum(*sides)))

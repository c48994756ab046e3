"""How many pairs to trust when there is no gold: a false-discovery estimate from each sentence's second choice.

A sentence without a translation still has a best candidate. What that looks like is seen by taking every sentence's
best candidate away and mining again among the rest: these second choices ("decoys") are wrong for sure, or nearly so.
If D decoys and N real mutual pairs score above t, about pi0 * (D + 1) / N of the pairs are wrong, where pi0 is the
share of sentences that have no translation. This is target-decoy estimation (Elias & Gygi 2007) with the "+1" of
Barber & Candès (2015) and an iterated pi0; docs/mining.md compares it with the truth on real text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.mining.pairs import Float64, Int64
from fairseq_xling.mining.select import Candidates, mutual
from fairseq_xling.neighbours.kernel import Neighbours
from fairseq_xling.neighbours.margin import margin_scores

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Quality:
    """What the scores themselves say of the mined pairs; None where k or a side is too small to tell."""

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
            return f"{head}; too little to estimate how many are right"
        if self.suggested_cap == 0:
            return f"{head}; no cut reaches an estimated precision of {self.target_precision:g}: do not train on these"
        return (
            f"{head}; estimated precision {self.target_precision:g} at {self.suggested_cap} pairs "
            f"(margin >= {self.suggested_threshold:.4f})"
        )


def estimate(neighbours: Neighbours, candidates: Candidates, margin: str, target_precision: float = 0.9) -> Quality:
    """Judge the mutual best pairs of these candidates without gold."""
    pairs = mutual(candidates)
    scores = np.sort(pairs.scores)[::-1]
    smaller = min(len(candidates.forward_ids), len(candidates.backward_ids))
    quantiles = {f"{q:g}": float(np.quantile(scores, q)) for q in _QUANTILES} if len(scores) else {}
    common: dict[str, Any] = {
        "mutual_pairs": len(scores),
        "mutual_rate": len(scores) / smaller,
        "score_quantiles": quantiles,
        "target_precision": target_precision,
    }
    if not len(scores) or min(candidates.forward_ids.shape[1], candidates.backward_ids.shape[1]) < 2:
        return Quality(**common)
    decoys = decoy_scores(neighbours, candidates, margin)
    precision, unmatched = estimated_precision(scores, decoys, smaller)
    trusted = np.flatnonzero(precision >= target_precision)
    cap = int(trusted[-1]) + 1 if len(trusted) else 0
    marks = sorted({n for n in (100, 300, 1000, 3000, 10_000, 100_000, 1_000_000) if n < len(scores)} | {len(scores)})
    return Quality(
        **common,
        median_gap=float(np.median(_gaps(candidates, pairs.source_ids, pairs.target_ids))),
        unmatched_share=unmatched,
        suggested_cap=cap,
        suggested_threshold=float(scores[cap - 1]) if cap else None,
        estimated_precision={str(n): round(float(precision[n - 1]), 4) for n in marks},
    )


def estimated_precision(scores: Float64, decoys: Float64, sentences: int) -> tuple[Float64, float]:
    """(estimated precision of the best 1, 2, … p pairs, pi0); `scores` fall, `decoys` in any order.

    pi0 starts at 1 (nothing has a translation) and is repeated as 1 - estimated right pairs / sentences.
    """
    ranks = np.arange(1, len(scores) + 1)
    worse = np.searchsorted(np.sort(decoys), scores, side="left")
    false_pairs = len(decoys) - worse + 1
    unmatched = 1.0
    for _ in range(100):
        precision = np.clip(1 - unmatched * false_pairs / ranks, 0, 1)
        updated = max(0.0, 1 - float(precision[-1]) * len(scores) / sentences)
        if abs(updated - unmatched) < 1e-6:
            break
        unmatched = updated
    return precision, unmatched


def decoy_scores(neighbours: Neighbours, candidates: Candidates, margin: str) -> Float64:
    """Scores of the mutual pairs that appear when every sentence's best candidate is taken away, from means too."""
    forward_best = candidates.forward_scores.argmax(axis=1)[:, None]
    backward_best = candidates.backward_scores.argmax(axis=1)[:, None]
    source_means = _mean_without(neighbours.forward_cosines, forward_best)
    target_means = _mean_without(neighbours.backward_cosines, backward_best)
    sides = []
    for cosines, ids, best, own, other in (
        (neighbours.forward_cosines, candidates.forward_ids, forward_best, source_means, target_means),
        (neighbours.backward_cosines, candidates.backward_ids, backward_best, target_means, source_means),
    ):
        scored = own[:, None] + other[ids] > 0 if margin == "ratio" else np.ones(ids.shape, bool)
        scores = margin_scores(cosines, np.where(scored, own[:, None], 1), np.where(scored, other[ids], 1), margin)
        scores = np.where(scored, scores, -np.inf)
        np.put_along_axis(scores, best, -np.inf, axis=1)
        sides.append(scores)
    return mutual(Candidates(candidates.forward_ids, sides[0], candidates.backward_ids, sides[1])).scores


def _mean_without(cosines: npt.NDArray[np.float32], best: npt.NDArray[np.intp]) -> Float64:
    """Each row's mean cosine, its best candidate left out."""
    total = cosines.sum(axis=1, dtype=np.float64) - np.take_along_axis(cosines, best, axis=1)[:, 0]
    return total / (cosines.shape[1] - 1)


def _gaps(candidates: Candidates, source_ids: Int64, target_ids: Int64) -> Float64:
    sides = []
    for scores, rows in ((candidates.forward_scores, source_ids), (candidates.backward_scores, target_ids)):
        top = np.partition(scores[rows], -2, axis=1)
        sides.append(top[:, -1] - top[:, -2])
    smaller: Float64 = np.minimum(*sides)
    return smaller

"""BUCC: extract the parallel pairs of two texts, scored by F1 against a set of gold pairs (Zweigenbaum et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.curve import Curve, Float64
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.signatures import signature

IdPair = tuple[str, str]


@dataclass(frozen=True)
class Extraction:
    """The curve of one candidate list, and what was in the list."""

    curve: Curve
    candidate_lines: int
    distinct_pairs: int
    pairs_sharing_a_score: int
    recall_ceiling: float

    @property
    def ignored_duplicates(self) -> int:
        return self.candidate_lines - self.distinct_pairs


def extraction(scores: Sequence[float] | Float64, pairs: Sequence[IdPair], gold: AbstractSet[IdPair]) -> Extraction:
    """Order the distinct pairs by falling score; a pair that occurs again counts once, with its larger score."""
    if not gold:
        raise CorpusError("the gold list is empty, so recall has no meaning. Give the gold pairs of this split.")
    if np.isnan(scores).any():
        raise CorpusError(
            f"candidate {int(np.argmax(np.isnan(scores)))} (from 0) has no number as its score. Mine again."
        )
    best: dict[IdPair, float] = {}
    for score, pair in zip(scores, pairs, strict=True):
        best[pair] = max(float(score), best.get(pair, -np.inf))
    ordered = sorted(best, key=lambda pair: (-best[pair], pair))
    falling = np.array([best[pair] for pair in ordered], np.float64)
    correct = np.cumsum([pair in gold for pair in ordered], dtype=np.int64)
    _, group_sizes = np.unique(falling, return_counts=True)
    return Extraction(
        curve=Curve(falling, correct, correct, len(gold)),
        candidate_lines=len(pairs),
        distinct_pairs=len(ordered),
        pairs_sharing_a_score=int(group_sizes[group_sizes > 1].sum()),
        recall_ceiling=(int(correct[-1]) if len(correct) else 0) / len(gold),
    )


def bucc_scores(
    test: Extraction,
    tuning: Extraction | None = None,
    threshold: float | None = None,
    pair: str = "source-target",
    split: str = "test",
    made: str | None = None,
) -> list[Score]:
    """`bucc.f1.oracle`, its threshold chosen on the test split itself, and `bucc.f1.carried`, chosen elsewhere.

    The carried threshold is the best one of `tuning`, or a given number. `made` is the candidates' own signature.
    """
    listed = {
        "recall_ceiling": test.recall_ceiling,
        "candidate_lines": test.candidate_lines,
        "ignored_duplicates": test.ignored_duplicates,
        "pairs_sharing_a_score": test.pairs_sharing_a_score,
    }
    cuts = [("bucc.f1.oracle", test.curve.best(), "oracle")]
    if tuning is not None:
        cuts.append(("bucc.f1.carried", test.curve.at(tuning.curve.best().threshold), "tuning-split"))
    if threshold is not None:
        cuts.append(("bucc.f1.carried", test.curve.at(threshold), f"given-{threshold:g}"))
    made = made or signature(margin="unknown")
    return [
        Score(name, cut.f1, extended(made, split=split, threshold=source), pair, cut.counts() | listed)
        for name, cut, source in cuts
    ]

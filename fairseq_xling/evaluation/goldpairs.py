"""Mined line pairs against concept numbers: lines of equal concept are translations of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.evaluation.curve import Curve, Cut, Float64, Int64
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.signatures import signature


def gold_curve(
    scores: Float64,
    source_ids: Int64,
    target_ids: Int64,
    source_concepts: Sequence[str],
    target_concepts: Sequence[str],
) -> Curve:
    """Order the pairs by falling score (then ids) and count the right ones.

    A concept with a lines on one side and b on the other is found at most min(a, b) times, which is what one-to-one
    mining can reach; the gold is the sum of these. A pair that occurs again counts once, with its larger score.
    """
    _refuse_foreign_ids(source_ids, len(source_concepts), "source")
    _refuse_foreign_ids(target_ids, len(target_concepts), "target")
    if np.isnan(scores).any():
        raise CorpusError(f"pair {int(np.argmax(np.isnan(scores)))} (from 0) has no number as its score. Mine again.")
    numbers: dict[str, int] = {}
    source_numbers, target_numbers = (
        np.array([numbers.setdefault(concept, len(numbers)) for concept in concepts], np.int64)
        for concepts in (source_concepts, target_concepts)
    )
    shared = np.minimum(*(np.bincount(side, minlength=len(numbers)) for side in (source_numbers, target_numbers)))
    order = np.lexsort((target_ids, source_ids, -scores))
    keys = source_ids[order] * max(len(target_concepts), 1) + target_ids[order]
    _, first = np.unique(keys, return_index=True)
    order = order[np.sort(first)]
    found_concepts = source_numbers[source_ids[order]]
    right = found_concepts == target_numbers[target_ids[order]]
    new = right & (_occurrence(np.where(right, found_concepts, -1)) < shared[found_concepts])
    return Curve(scores[order], np.cumsum(right), np.cumsum(new), int(shared.sum()))


def goldpair_scores(
    curve: Curve,
    thresholds: Sequence[float] = (),
    caps: Sequence[int] = (),
    pair: str = "source-target",
    split: str = "mono",
    made: str | None = None,
) -> list[Score]:
    """`pairs.precision`, `pairs.recall` and `pairs.f1` of all pairs, above each threshold, at each cap, at the best F1.

    A threshold keeps what lies strictly above it, as mining does. `made` is the pairs' own signature.
    """
    if any(cap < 1 for cap in caps):
        raise ConfigError(f"a cap must be at least 1, but is {min(caps)}. Leave it out to score all pairs")
    cuts: list[tuple[str, Cut]] = [("as-mined", curve.first(len(curve.scores)))]
    cuts += [(f"given-{threshold:g}", curve.at(threshold, strict=True)) for threshold in thresholds]
    cuts += [(f"cap-{cap}", curve.first(cap)) for cap in caps]
    cuts.append(("oracle", curve.best()))
    made = made or signature(margin="unknown")
    return [
        Score(f"pairs.{name}", getattr(cut, name), extended(made, split=split, threshold=source), pair, cut.counts())
        for source, cut in cuts
        for name in ("precision", "recall", "f1")
    ]


def _occurrence(values: Int64) -> npt.NDArray[np.int64]:
    """How often each value came before its place."""
    order = np.argsort(values, kind="stable")
    _, starts, counts = np.unique(values[order], return_index=True, return_counts=True)
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - np.repeat(starts, counts)
    return before


def _refuse_foreign_ids(ids: Int64, lines: int, name: str) -> None:
    wrong = np.flatnonzero((ids < 0) | (ids >= lines))
    if len(wrong):
        raise CorpusError(
            f"pair {wrong[0]} (from 0) names {name} line {ids[wrong[0]]}, but the {name} ids have {lines} lines, "
            "counted from 0. Give the ids of the text that was mined."
        )

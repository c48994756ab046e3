"""From neighbours to pairs: the candidates' margins, retrieval, then bound, threshold, floor and cap in that order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.greedy import take_greedily
from fairseq_xling.mining.pairs import Float64, Int64, MinedPairs, canonical_order
from fairseq_xling.neighbours.margin import margin_scores, neighbour_means

if TYPE_CHECKING:
    from fairseq_xling.neighbours.kernel import Neighbours

Array = npt.NDArray[Any]
_PART = 1 << 18  # sentences


@dataclass(frozen=True)
class Candidates:
    """Each sentence's neighbours on the other side with their margins, in neighbour order, both directions."""

    forward_ids: Int64
    forward_scores: Float64
    backward_ids: Int64
    backward_scores: Float64

    def best(self) -> tuple[MinedPairs, MinedPairs]:
        """(each source's best target [n], each target's best source [m]); equal margins: the nearer neighbour."""
        return self._best_of_sources(slice(None)), self._best_of_targets(slice(None))

    def best_in_parts(self, rows: int = _PART) -> Iterator[MinedPairs]:
        """The same, both directions, for `rows` sentences at a time."""
        yield from (self._best_of_sources(slice(i, i + rows)) for i in range(0, len(self.forward_ids), rows))
        yield from (self._best_of_targets(slice(i, i + rows)) for i in range(0, len(self.backward_ids), rows))

    def _best_of_sources(self, rows: slice) -> MinedPairs:
        scores, own, other = _best(self.forward_ids, self.forward_scores, rows)
        return MinedPairs(scores, own, other)

    def _best_of_targets(self, rows: slice) -> MinedPairs:
        scores, own, other = _best(self.backward_ids, self.backward_scores, rows)
        return MinedPairs(scores, other, own)


def _best(ids: Int64, scores: Float64, rows: slice) -> tuple[Float64, Int64, Int64]:
    """(best score, own id, neighbour) of each of some sentences."""
    places = scores[rows].argmax(axis=1)
    at = np.arange(len(places))
    return scores[rows][at, places], at + (rows.start or 0), ids[rows][at, places]


def score_candidates(neighbours: Neighbours, margin: str) -> Candidates:
    """Margins of all neighbours, both directions."""
    source_means = neighbour_means(neighbours.forward_cosines)
    target_means = neighbour_means(neighbours.backward_cosines)
    forward_ids, backward_ids = neighbours.forward_ids, neighbours.backward_ids
    kx, ky = forward_ids.shape[1], backward_ids.shape[1]
    forward = margins_of(
        neighbours.forward_cosines,
        source_means[:, None],
        target_means[forward_ids],
        margin,
        lambda place: (place // kx, int(forward_ids.flat[place])),
    )
    backward = margins_of(
        neighbours.backward_cosines,
        source_means[backward_ids],
        target_means[:, None],
        margin,
        lambda place: (int(backward_ids.flat[place]), place // ky),
    )
    return Candidates(forward_ids, forward, backward_ids, backward)


def margins_of(
    cosines: npt.NDArray[np.float32],
    source_means: Float64,
    target_means: Float64,
    margin: str,
    names: Callable[[int], tuple[int, int]],
) -> Float64:
    """Margins (Artetxe & Schwenk 2019, eq. 2-4) rounded to the 7 decimals that files carry; shapes broadcast.

    Rounding first makes what is written and what is decided the same number. `names` tells the source and target
    row of a flat place, for the error about a ratio whose denominator is not positive.
    """
    if margin == "ratio":
        denominators = np.broadcast_to(source_means + target_means, cosines.shape)
        # Non-negative vectors that share nothing (surface n-grams): 0/0 is the margin of strangers, 0.
        nothing = (cosines == 0) & (denominators == 0)
        wrong = np.flatnonzero((denominators <= 0) & ~nothing)
        if len(wrong):
            source, target = names(int(wrong[0]))
            raise CorpusError(
                f"the ratio margin of source {source} and target {target} (from 0) has a denominator of 0 or less: "
                "the mean cosine of their neighbours is not positive. Use --margin distance."
            )
        source_means = np.where(nothing, 1.0, source_means)
    return np.round(margin_scores(cosines, source_means, target_means, margin), 7)


def select(candidates: Candidates, config: MiningConfig, cap: int | None = None) -> MinedPairs:
    """The pairs that retrieval, bound, threshold, floor and cap leave, best first; `cap` is the suggested one."""
    pairs = _RETRIEVALS[config.retrieval](candidates)
    if config.retrieval != "max":  # which gives them in order, perhaps mapped: from here on, slices copy nothing
        pairs = pairs.take(canonical_order(pairs.scores, pairs.source_ids, pairs.target_ids))
    if config.max_margin is not None:
        pairs = pairs.take(slice(int((pairs.scores > config.max_margin).sum()), None))
    above = int((pairs.scores > config.effective_threshold).sum())
    keep = max(above, min(config.min_count, len(pairs)))
    for most in (config.max_count, cap):
        keep = keep if most is None else min(keep, most)
    return pairs.take(slice(0, keep))


def one_to_one(candidates: Candidates) -> MinedPairs:
    """Retrieval `max`: all best candidates by falling score, a pair kept if neither sentence was taken before.

    In canonical order; the arrays are mapped from temporary files where the candidates are many.
    """
    sides = len(candidates.forward_ids), len(candidates.backward_ids)
    return take_greedily(candidates.best_in_parts(), *sides)


def mutual(candidates: Candidates) -> MinedPairs:
    """Retrieval `intersect`: pairs that name each other as best, by source id."""
    forward, backward = candidates.best()
    return forward.take(backward.source_ids[forward.target_ids] == forward.source_ids)


def everything(candidates: Candidates) -> MinedPairs:
    """Retrieval `all`: every neighbour of every sentence, with direction and its rank by margin from 0."""
    sides = []
    for direction, (ids, scores) in enumerate(
        ((candidates.forward_ids, candidates.forward_scores), (candidates.backward_ids, candidates.backward_scores))
    ):
        order = np.argsort(-scores, axis=1, kind="stable")
        ids, scores = np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)
        own = np.repeat(np.arange(len(ids)), ids.shape[1])
        source, target = (own, ids.ravel()) if direction == 0 else (ids.ravel(), own)
        ranks = np.tile(np.arange(ids.shape[1]), len(ids))
        sides.append(MinedPairs(scores.ravel(), source, target, np.full(ids.size, direction, np.int8), ranks))
    return _joined(*sides)


def _joined(first: MinedPairs, second: MinedPairs) -> MinedPairs:
    def joined(one: Array | None, other: Array | None) -> Array | None:
        return None if one is None or other is None else np.concatenate([one, other])

    return MinedPairs(
        np.concatenate([first.scores, second.scores]),
        np.concatenate([first.source_ids, second.source_ids]),
        np.concatenate([first.target_ids, second.target_ids]),
        joined(first.directions, second.directions),
        joined(first.ranks, second.ranks),
    )


_RETRIEVALS: dict[str, Callable[[Candidates], MinedPairs]] = {
    "max": one_to_one,
    "forward": lambda candidates: candidates.best()[0],
    "backward": lambda candidates: candidates.best()[1],
    "intersect": mutual,
    "all": everything,
}

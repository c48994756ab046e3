"""xSIM: the share of sentences whose best neighbour by margin is not the translation (Heffernan et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.nearest import Int64, TestSet
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.neighbours.margin import margin_scores, neighbour_means

if TYPE_CHECKING:
    from fairseq_xling.neighbours.kernel import Neighbours


def xsim_scores(
    test: TestSet,
    margin: str = "ratio",
    k: int = 4,
    compare: Literal["textual", "index"] | None = None,
) -> list[Score]:
    """The error of both directions.

    Compared textually, so that repeated lines are forgiven, where the texts are known; by index on request.
    """
    compare = compare or ("index" if test.texts is None else "textual")
    made = extended(test.encoder, margin=margin, k=k, compare=compare, split=test.split, threshold=None)
    scores = []
    for direction, answers in enumerate(best_by_margin(test.neighbours(k), margin)):
        errors = int((~test.right(answers, direction, compare == "textual")).sum())
        counts = {"errors": errors, "sentences": test.size}
        scores.append(Score("xsim.error", errors / test.size, made, test.pairs[direction], counts))
    return scores


def best_by_margin(neighbours: Neighbours, margin: str) -> tuple[Int64, Int64]:
    """(each source's best target [n], each target's best source [m]) among their neighbours; ties: the nearer one."""
    source_means = neighbour_means(neighbours.forward_cosines)
    target_means = neighbour_means(neighbours.backward_cosines)
    return (
        _best(neighbours.forward_ids, neighbours.forward_cosines, (source_means, target_means), margin),
        _best(neighbours.backward_ids, neighbours.backward_cosines, (target_means, source_means), margin),
    )


def _best(
    ids: Int64,
    cosines: npt.NDArray[np.float32],
    means: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    margin: str,
) -> Int64:
    own, theirs = means[0][:, None], means[1][ids]
    scores = margin_scores(cosines, own, theirs, margin)
    if margin == "ratio":
        strangers = (cosines == 0) & (own + theirs == 0)  # sparse rows that share nothing with their neighbourhoods
        wrong = np.argwhere((own + theirs <= 0) & ~strangers)
        if len(wrong):
            raise CorpusError(
                f"the ratio margin of row {wrong[0, 0]} (from 0) has a denominator of 0 or less: "
                "the mean cosine of its neighbours is not positive. Use margin distance."
            )
        scores = np.where(strangers, 0.0, scores)
    best: Int64 = np.take_along_axis(ids, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
    return best

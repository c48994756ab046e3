"""Tatoeba accuracy: is the nearest sentence of the other language, by cosine, the translation?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairseq_xling.errors import ConfigError
from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.languages import to_iso


def tatoeba_scores(
    test: TestSet,
    name: str = "tatoeba.accuracy",
    at: Sequence[int] = (1, 5),
    compare: Sequence[str] | None = None,
) -> list[Score]:
    """Both directions' accuracy by index and textually (`.textual`); by index only where the texts are not known.

    `at` 5 (`@5`) counts a translation among the five nearest. Where one language is English, `tatoeba.xtreme` repeats
    the direction English to other, the only one that XTREME (Hu et al. 2020) reports.
    """
    if not at or min(at) < 1:
        raise ConfigError(f"accuracy is taken among at least 1 neighbour, but at {list(at)} is asked for")
    neighbours = test.neighbours(max(at))
    scores = []
    for comparison in compare or (("index",) if test.texts is None else ("index", "textual")):
        textual = comparison == "textual"
        for depth in at:
            full_name = name + ("" if depth == 1 else f"@{depth}") + (".textual" if textual else "")
            made = extended(
                test.encoder, margin="absolute", k=depth, compare=comparison, split=test.split, threshold=None
            )
            directed = []
            for direction, ids in enumerate((neighbours.forward_ids, neighbours.backward_ids)):
                right = int(test.right(ids[:, :depth], direction, textual).any(axis=1).sum())
                counts = {"right": right, "sentences": test.size}
                directed.append(Score(full_name, right / test.size, made, test.pairs[direction], counts))
            scores += directed
            if full_name == "tatoeba.accuracy":
                scores += _xtreme(test, directed)
    return scores


def _xtreme(test: TestSet, directed: list[Score]) -> Iterator[Score]:
    for language, score in zip(test.languages, directed, strict=True):
        if to_iso(language) in ("eng", "en"):
            yield Score("tatoeba.xtreme", score.value, score.signature, score.pair, score.counts)

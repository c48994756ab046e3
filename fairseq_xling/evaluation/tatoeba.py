"""Tatoeba accuracy: is the nearest sentence of the other language, by cosine, the translation?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.evaluation.nearest import Bool, Int64, TestSet
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.evaluation.sharing import shares_no_word
from fairseq_xling.languages import to_iso


def tatoeba_scores(
    test: TestSet,
    name: str = "tatoeba.accuracy",
    at: Sequence[int] = (1, 5),
    compare: Sequence[str] | None = None,
    unshared: bool = False,
) -> list[Score]:
    """Both directions' accuracy by index and textually (`.textual`); by index only where the texts are not known.

    `at` 5 (`@5`) counts a translation among the five nearest. Where one language is English, `tatoeba.xtreme` repeats
    the direction English to other, the only one that XTREME (Hu et al. 2020) reports. `unshared` adds the accuracy
    (`.unshared`) of those sentences only that share no word string with their translation, among all candidates.
    """
    if not at or min(at) < 1:
        raise ConfigError(f"accuracy is taken among at least 1 neighbour, but at {list(at)} is asked for")
    chosen = _unshared(test) if unshared else np.empty(0, np.int64)
    neighbours = test.neighbours(max(at))
    scores = []
    for comparison in compare or (("index",) if test.texts is None else ("index", "textual")):
        textual = comparison == "textual"
        for depth in at:
            full_name = name + ("" if depth == 1 else f"@{depth}") + (".textual" if textual else "")
            made = extended(
                test.encoder, margin="absolute", k=depth, compare=comparison, split=test.split, threshold=None
            )
            answers = (ids[:, :depth] for ids in (neighbours.forward_ids, neighbours.backward_ids))
            right: list[Bool] = [np.any(test.right(found, side, textual), axis=1) for side, found in enumerate(answers)]
            directed = [_accuracy(full_name, some, pair, made) for some, pair in zip(right, test.pairs, strict=True)]
            scores += directed
            if len(chosen):
                only = extended(made, sentences="unshared")
                for some, pair in zip(right, test.pairs, strict=True):
                    scores.append(_accuracy(f"{full_name}.unshared", some[chosen], pair, only, test.size))
            if full_name == "tatoeba.accuracy":
                scores += _xtreme(test, directed)
    return scores


def _accuracy(name: str, right: Bool, pair: str, made: str, of: int | None = None) -> Score:
    counts = {"right": int(right.sum()), "sentences": len(right)} | ({} if of is None else {"of": of})
    return Score(name, counts["right"] / len(right), made, pair, counts)


def _unshared(test: TestSet) -> Int64:
    if test.texts is None:
        raise CorpusError("which sentences share no word with their translation, the texts tell. Give both sides'.")
    return np.flatnonzero(shares_no_word(*test.texts))


def _xtreme(test: TestSet, directed: list[Score]) -> Iterator[Score]:
    for language, score in zip(test.languages, directed, strict=True):
        if to_iso(language) in ("eng", "en"):
            yield Score("tatoeba.xtreme", score.value, score.signature, score.pair, score.counts)

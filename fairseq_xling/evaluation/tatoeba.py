"""Tatoeba accuracy: is the nearest sentence of the other language, by cosine, the translation?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.evaluation.nearest import Bool, Int64, TestSet
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.evaluation.sharing import shares_no_word
from fairseq_xling.evaluation.significance import mcnemar
from fairseq_xling.languages import to_iso


@dataclass(frozen=True)
class Outcomes:
    """Which of the sentences looked up, `right` [n], found their translation; `of` how many there are in all."""

    name: str
    pair: str
    signature: str
    right: Bool
    of: int | None = None

    def score(self, more: Mapping[str, Any] | None = None) -> Score:
        counts: dict[str, Any] = {"right": int(self.right.sum()), "sentences": len(self.right)}
        counts |= ({} if self.of is None else {"of": self.of}) | dict(more or {})
        return Score(self.name, counts["right"] / len(self.right), self.signature, self.pair, counts)


def tatoeba_scores(
    test: TestSet,
    name: str = "tatoeba.accuracy",
    at: Sequence[int] = (1, 5),
    compare: Sequence[str] | None = None,
    unshared: bool = False,
    baseline: TestSet | None = None,
) -> list[Score]:
    """Both directions' accuracy by index and textually (`.textual`); by index only where the texts are not known.

    `at` 5 (`@5`) counts a translation among the five nearest. Where one language is English, `tatoeba.xtreme` repeats
    the direction English to other, the only one that XTREME (Hu et al. 2020) reports. `unshared` adds the accuracy
    (`.unshared`) of those sentences only that share no word string with their translation, among all candidates. The
    counts beside `baseline`, another encoder's vectors of the same sentences, hold McNemar's test against it.
    """
    if not at or min(at) < 1:
        raise ConfigError(f"accuracy is taken among at least 1 neighbour, but at {list(at)} is asked for")
    if baseline is not None and baseline.size != test.size:
        raise CorpusError(f"{test.size} sentences, but {baseline.size} of the baseline. Encode the very same text.")
    compare = compare or (("index",) if test.texts is None else ("index", "textual"))
    english = [pair for pair, code in zip(test.pairs, test.languages, strict=True) if to_iso(code) in ("eng", "en")]
    scores = []
    others = None if baseline is None else outcomes(replace(baseline, texts=test.texts), name, at, compare, unshared)
    for found in outcomes(test, name, at, compare, unshared):
        other = None if others is None else next(others)
        score = found.score() if other is None else found.score(mcnemar(found.right, other.right))
        scores.append(score)
        if score.name == "tatoeba.accuracy" and score.pair in english:
            scores.append(replace(score, name="tatoeba.xtreme"))
    return scores


def outcomes(
    test: TestSet, name: str, at: Sequence[int], compare: Sequence[str], unshared: bool = False
) -> Iterator[Outcomes]:
    """What every sentence found, for each comparison, depth and direction."""
    chosen = _unshared(test) if unshared else np.empty(0, np.int64)
    neighbours = test.neighbours(max(at))
    for comparison in compare:
        textual = comparison == "textual"
        for depth in at:
            full_name = name + ("" if depth == 1 else f"@{depth}") + (".textual" if textual else "")
            made = extended(
                test.encoder, margin="absolute", k=depth, compare=comparison, split=test.split, threshold=None
            )
            answers = (ids[:, :depth] for ids in (neighbours.forward_ids, neighbours.backward_ids))
            right: list[Bool] = [np.any(test.right(found, side, textual), axis=1) for side, found in enumerate(answers)]
            for some, pair in zip(right, test.pairs, strict=True):
                yield Outcomes(full_name, pair, made, some)
            if len(chosen):
                only = extended(made, sentences="unshared")
                for some, pair in zip(right, test.pairs, strict=True):
                    yield Outcomes(f"{full_name}.unshared", pair, only, some[chosen], test.size)


def _unshared(test: TestSet) -> Int64:
    if test.texts is None:
        raise CorpusError("which sentences share no word with their translation, the texts tell. Give both sides'.")
    return np.flatnonzero(shares_no_word(*test.texts))

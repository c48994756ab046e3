from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import surface as reference
from sklearn.feature_extraction.text import CountVectorizer

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.text import ngrams
from fairseq_xling.text.ngrams import Ngrams, collect

LINES = ["Ein Haus", "ein  ΣΊΣΥΦΟΣ\u2028a \u0085 b", "", "a", "ab ab ab", "\u00a0", "İ 𝔘𝔫𝔦 x\ud800y"]
texts = st.lists(st.text(alphabet="aAbBß İ\t\u2028𝔘", max_size=12), min_size=1, max_size=6)


def spelled(fitted: Ngrams, key: int) -> str:
    """The n-gram behind a packed key."""
    bits = len(fitted.alphabet).bit_length()
    characters = []
    while key:
        characters.append(chr(fitted.alphabet[(key & ((1 << bits) - 1)) - 1]))
        key >>= bits
    return "".join(reversed(characters))


def as_counters(fitted: Ngrams, lines: list[str]) -> list[Counter[str]]:
    names = [spelled(fitted, int(key)) for key in fitted.keys]
    matrix = fitted.counts(lines)
    return [
        Counter({names[column]: int(count) for column, count in zip(row.indices, row.data, strict=True)})
        for row in matrix
    ]


def test_counts_are_those_of_the_loop() -> None:
    assert as_counters(collect(LINES), LINES) == [reference.ngrams(line) for line in LINES]


@given(texts, st.sampled_from([(2, 2), (2, 4), (3, 3), (3, 5)]))
def test_any_text_is_counted_as_by_the_loop(lines: list[str], lengths: tuple[int, int]) -> None:
    assert as_counters(collect(lines, *lengths), lines) == [reference.ngrams(line, *lengths) for line in lines]


@given(texts)
def test_lines_with_counts_lines(lines: list[str]) -> None:
    fitted = collect(lines)
    expected = Counter(gram for line in lines for gram in reference.ngrams(line))
    assert {spelled(fitted, int(k)): int(n) for k, n in zip(fitted.keys, fitted.lines_with, strict=True)} == expected


def test_counts_are_those_of_scikit_learn() -> None:
    lines = [line for line in LINES if "\ud800" not in line]
    fitted = collect(lines)
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    theirs = vectorizer.fit_transform(lines)
    columns = [vectorizer.vocabulary_[spelled(fitted, int(key))] for key in fitted.keys]
    assert sorted(columns) == list(range(theirs.shape[1]))
    np.testing.assert_array_equal(fitted.counts(lines).toarray(), theirs.toarray()[:, columns])


def test_unknown_characters_and_ngrams_are_left_out() -> None:
    fitted = collect(["ab"])
    assert as_counters(fitted, ["zz abz"]) == [Counter({" a": 1, "ab": 1, " ab": 1})]


def test_a_small_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LINES * 3
    whole = collect(lines)
    counts = whole.counts(lines).toarray()
    monkeypatch.setattr(ngrams, "_LINES_AT_ONCE", 2)
    pieces = collect(lines)
    np.testing.assert_array_equal(pieces.keys, whole.keys)
    np.testing.assert_array_equal(pieces.lines_with, whole.lines_with)
    np.testing.assert_array_equal(pieces.counts(lines).toarray(), counts)


def test_rare_ngrams_are_dropped_by_minimum_lines() -> None:
    fitted = collect(["ab", "ab c"], minimum_lines=2)
    assert {spelled(fitted, int(key)) for key in fitted.keys} == set(reference.ngrams("ab"))


def test_lines_without_any_character_fit() -> None:
    fitted = collect(["", " "])
    assert fitted.counts(["a", ""]).shape == (2, 0)
    assert fitted.counts([]).shape == (0, 0)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(ConfigError, match="3 faults"):
        collect(["a"], low=5, high=4, minimum_lines=0)


def test_no_lines_and_too_long_ngrams_are_refused() -> None:
    with pytest.raises(CorpusError, match="no lines"):
        collect([])
    with pytest.raises(ConfigError, match="do not fit 64 bits"):
        collect(["abcdefgh"], high=17)

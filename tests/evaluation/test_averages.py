from __future__ import annotations

import pytest

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.averages import XTREME_36, averages
from fairseq_xling.evaluation.score import Score
from fairseq_xling.signatures import signature

MADE = signature(split="test")


def scores(name: str, values: dict[str, float]) -> list[Score]:
    return [Score(name, value, MADE, pair) for pair, value in values.items()]


def test_a_mean_each_way_and_of_both() -> None:
    made = scores("a", {"deu-eng": 0.5, "eng-deu": 0.7, "fra-eng": 0.9, "eng-fra": 0.1, "tur-eng": 0.0, "*": 9.0})
    found = {score.pair: score for score in averages(made, "two", ["deu", "fra"])}
    assert {pair: score.value for pair, score in found.items()} == pytest.approx(
        {"*-eng": 0.7, "eng-*": 0.4, "*": 0.55}
    )
    assert {score.name for score in found.values()} == {"a.two"}
    assert found["*"].counts == {"directions": 4, "languages": 2}
    assert found["*"].signature == MADE


def test_a_score_that_some_languages_lack_has_no_mean() -> None:
    made = scores("a", {"deu-eng": 0.5, "fra-eng": 0.9}) + scores("a.unshared", {"deu-eng": 0.5})
    assert [(s.name, s.pair) for s in averages(made, "two", ["deu", "fra"])] == [("a.two", "*-eng")]


def test_a_missing_language_is_an_error() -> None:
    with pytest.raises(CorpusError, match="average three: 2 of these 3 have no test set: fra, tur"):
        averages(scores("a", {"deu-eng": 0.5}), "three", ["deu", "fra", "tur"])
    with pytest.raises(CorpusError, match="0 of these 0"):
        averages(scores("a", {"deu-eng": 0.5}), "none", [])


def test_xtreme_has_36_languages() -> None:
    assert len(set(XTREME_36)) == 36
    assert "eng" not in XTREME_36

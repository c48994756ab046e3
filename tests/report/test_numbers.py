from __future__ import annotations

import pytest

from fairseq_xling.report.numbers import Scores, languages_in, naming, scores_of, shown
from fairseq_xling.report.reading import Run, Score


def score(pair: str, value: float, name: str = "bleu", made: str = "k:4|xling:0.1.0", number: int = 0) -> Score:
    return Score(number, pair, name, value, "test", made)


def test_means_are_over_directions() -> None:
    scores = Scores([score("aa-bb", 1), score("bb-aa", 4), score("*", 99), score("aa-bb", 7, number=1)])
    assert scores.means("bleu", "test") == [(0, 2.5), (1, 7)]
    assert scores.mean("bleu", "test", 5) is None
    assert scores.values("bleu", "test", 0) == {("aa", "bb"): 1, ("bb", "aa"): 4}


def test_pairs_at_the_best_cut_are_a_score_of_their_own() -> None:
    as_mined, oracle = (f"margin:ratio|threshold:{how}|xling:0.1.0" for how in ("as-mined", "oracle"))
    scores = Scores([score("aa-bb", 0.5, "pairs.f1", as_mined), score("aa-bb", 0.9, "pairs.f1", oracle)])
    assert scores.mean("pairs.f1", "test", 0) == 0.5
    assert scores.mean("pairs.f1.oracle", "test", 0) == 0.9


def test_rows_in_the_pages_order(run: Run) -> None:
    scores = scores_of(run)
    assert [name for name, _ in scores.rows] == [
        "tatoeba.accuracy", "tatoeba.accuracy.unshared", "bleu", "pairs.precision", "pairs.recall",
    ]  # fmt: skip
    assert scores.baseline("tatoeba.accuracy", "test") == 0.5
    assert scores.baseline("bleu", "test") == 1.25
    assert scores.baseline("pairs.recall", "mono") is None


def test_a_baseline_alone_is_a_row() -> None:
    assert Scores([score("aa-bb", 0.5, "surface.accuracy")]).rows == [("surface.accuracy", "test")]


def test_signatures_are_collected() -> None:
    scores = Scores([score("aa-bb", 1), score("bb-aa", 1), score("aa-cc", 1, made="k:5|xling:0.1.0")])
    assert scores.signatures() == [("bleu", "test", ["k:4|xling:0.1.0", "k:5|xling:0.1.0"])]


@pytest.mark.parametrize(
    ("name", "value", "signed", "text"),
    [
        ("tatoeba.accuracy", 0.1234, False, "12.3"),
        ("bleu", 12.34, False, "12.3"),
        ("bleu", 0.04, True, "0.0"),
        ("bleu", 1.0, True, "+1.0"),
        ("pairs.f1", -0.5, True, "\u221250.0"),
        ("bleu", None, False, "\u2013"),
    ],
)
def test_figures(name: str, value: float | None, signed: bool, text: str) -> None:
    assert shown(name, value, signed=signed) == text


def test_an_unknown_score_keeps_its_name() -> None:
    assert naming("new.bleu2").title == "new.bleu2"
    assert not naming("new.bleu2").percent
    assert naming("new.rate").percent


def test_languages_in_order() -> None:
    assert languages_in([{("zz", "bb"): 1.0}, {("bb", "aa"): 1.0}], ["bb", "aa", "cc"]) == ["bb", "aa", "zz"]

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import evaluation as reference

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.bucc import Extraction, bucc_scores, extraction
from fairseq_xling.evaluation.readers import read_candidates, read_gold
from fairseq_xling.signatures import parse_signature

PAIRS = [(a, b) for a in "abc" for b in "xyz"]
listed = st.lists(st.tuples(st.integers(0, 4).map(float), st.sampled_from(PAIRS)), max_size=20)
golds = st.sets(st.sampled_from(PAIRS), min_size=1)


def read_case(oracles: Path, case: str) -> Extraction:
    prefix = "" if case == "main" else f"{case}."
    folder = oracles / "bucc"
    return extraction(*read_candidates(folder / f"{prefix}candidates.tsv"), read_gold(folder / f"{prefix}gold.tsv"))


@pytest.mark.parametrize("case", ["main", "best_at_last", "tie_at_cut", "none_correct"])
def test_oracle_bucc(oracles: Path, case: str) -> None:
    expected = json.loads((oracles / "bucc" / "expected.json").read_text())[case]
    found = read_case(oracles, case)
    best = found.curve.best()
    for name in ("extracted", "correct", "gold"):
        assert getattr(best, name) == expected[name]
    for name in ("threshold", "precision", "recall", "f1"):
        assert getattr(best, name) == (None if expected[name] is None else pytest.approx(expected[name], abs=1e-9))
    assert found.candidate_lines == expected["candidate_lines"]
    assert found.distinct_pairs == expected["distinct_pairs"]
    assert found.pairs_sharing_a_score == expected["pairs_sharing_a_score_with_another"]
    assert found.recall_ceiling == pytest.approx(expected["recall_ceiling"], abs=1e-9)
    fixed = {float(key.rpartition("_")[2]): value for key, value in expected.items() if key.startswith("at_threshold")}
    if "laser_threshold_prf" in expected:
        fixed[expected["laser_threshold"]] = expected["laser_threshold_prf"]
    for threshold, values in fixed.items():
        cut = found.curve.at(threshold)
        for name, value in values.items():
            assert getattr(cut, name) == pytest.approx(value, abs=1e-9)


@given(listed, golds)
def test_the_best_f1_is_that_of_the_loop(
    candidates: list[tuple[float, tuple[str, str]]], gold: set[tuple[str, str]]
) -> None:
    scores, pairs = [score for score, _ in candidates], [pair for _, pair in candidates]
    best = extraction(scores, pairs, gold).curve.best()
    f1, threshold = reference.best_f1(scores, pairs, gold)
    assert best.f1 == pytest.approx(f1, abs=1e-12)
    if threshold is not None:
        below = max((score for score in scores if score < threshold), default=threshold)
        assert best.threshold == pytest.approx((threshold + below) / 2) or best.f1 == pytest.approx(f1, abs=1e-12)


@given(listed, golds, st.floats(-1, 5))
def test_a_threshold_extracts_a_set(
    candidates: list[tuple[float, tuple[str, str]]], gold: set[tuple[str, str]], threshold: float
) -> None:
    found = extraction([score for score, _ in candidates], [pair for _, pair in candidates], gold)
    cut = found.curve.at(threshold)
    extracted = {pair for score, pair in candidates if score >= threshold}
    assert cut.extracted == len(extracted)
    assert (cut.precision, cut.recall, cut.f1) == pytest.approx(
        (
            len(extracted & gold) / max(len(extracted), 1),
            len(extracted & gold) / len(gold),
            reference.prf(extracted, gold)[2],
        )
    )
    assert found.ignored_duplicates == len(candidates) - len({pair for _, pair in candidates})
    assert found.recall_ceiling == len({pair for _, pair in candidates} & gold) / len(gold)


@given(listed, golds, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(
    candidates: list[tuple[float, tuple[str, str]]], gold: set[tuple[str, str]], random: object
) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (
        bucc_scores(extraction([s for s, _ in some], [p for _, p in some], gold), threshold=2.0)
        for some in (candidates, shuffled)
    )
    assert first == second


def test_everything_right_is_perfect() -> None:
    found = extraction([1.0, 2.0], [("a", "x"), ("b", "y")], {("a", "x"), ("b", "y")})
    (oracle,) = bucc_scores(found)
    assert oracle.value == 1
    assert found.recall_ceiling == 1


def test_one_source_may_have_several_gold_targets() -> None:
    gold = {("a", "x"), ("a", "y")}
    assert extraction([2.0, 1.0], [("a", "x"), ("a", "y")], gold).curve.best().recall == 1


def test_a_threshold_is_carried_over_from_the_tuning_split() -> None:
    tuning = extraction([3.0, 2.0, 1.0], [("a", "x"), ("b", "y"), ("c", "z")], {("a", "x"), ("b", "y")})
    test = extraction([2.0, 1.5, 1.4], [("a", "x"), ("b", "y"), ("c", "z")], {("a", "x")})
    oracle, carried, given_threshold = bucc_scores(test, tuning, 1.4, "fur-eng", "test", "margin:ratio|xling:0")
    assert (oracle.value, oracle.counts["threshold"]) == (1.0, 1.75)
    assert (carried.value, carried.counts["threshold"]) == (pytest.approx(2 / 3), 1.5)
    assert (given_threshold.value, given_threshold.counts["threshold"]) == (0.5, 1.4)
    sources = [parse_signature(score.signature)["threshold"] for score in (oracle, carried, given_threshold)]
    assert sources == ["oracle", "tuning-split", "given-1.4"]
    assert {score.name for score in (carried, given_threshold)} == {"bucc.f1.carried"}
    assert all(
        score.signature.startswith("margin:ratio|split:test|") and score.pair == "fur-eng"
        for score in (oracle, carried)
    )


def test_a_tuning_split_with_nothing_right_extracts_nothing() -> None:
    tuning = extraction([3.0], [("a", "x")], {("b", "y")})
    test = extraction([3.0], [("a", "x")], {("a", "x")})
    carried = bucc_scores(test, tuning)[1]
    assert (carried.value, carried.counts["threshold"], carried.counts["extracted"]) == (0, None, 0)


def test_unusable_lists_are_refused() -> None:
    with pytest.raises(CorpusError, match="gold list is empty"):
        extraction([1.0], [("a", "x")], set())
    with pytest.raises(CorpusError, match=r"candidate 1 \(from 0\) has no number"):
        extraction(np.array([1.0, np.nan]), [("a", "x"), ("b", "y")], {("a", "x")})

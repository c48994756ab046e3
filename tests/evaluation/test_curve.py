from __future__ import annotations

import numpy as np
import pytest

from fairseq_xling.evaluation.curve import Curve, Cut


def curve(scores: list[float], right: list[int], gold: int) -> Curve:
    correct = np.cumsum(np.array(right, np.int64))
    return Curve(np.array(scores), correct, correct, gold)


def test_a_cut_never_goes_through_equal_scores() -> None:
    # After 2 pairs precision is 1 and F1 would be highest, but the third pair has the same score.
    found = curve([3, 2, 2, 1], [1, 1, 0, 0], 2).best()
    assert found == Cut(1.5, 2 / 3, 1.0, 0.8, 3, 2, 2)


def test_the_last_score_is_its_own_threshold() -> None:
    assert curve([3, 2], [1, 1], 2).best().threshold == 2


def test_the_higher_score_wins_where_f1_is_equal() -> None:
    # F1 is 2/3 after 1 pair (1/1, 1/2) and after 4 (2/4, 2/2).
    assert curve([4, 3, 2, 1], [1, 0, 0, 1], 2).best().extracted == 1


def test_a_threshold_extracts_what_reaches_it_or_what_exceeds_it() -> None:
    line = curve([3, 2, 2, 1], [1, 0, 1, 0], 4)
    assert [line.at(t).extracted for t in (4, 3, 2.5, 2, 1, 0)] == [0, 1, 1, 3, 4, 4]
    assert [line.at(t, strict=True).extracted for t in (4, 3, 2.5, 2, 1, 0)] == [0, 0, 1, 1, 3, 4]
    assert line.at(2) == Cut(2, 2 / 3, 0.5, pytest.approx(4 / 7), 3, 2, 4)
    assert line.at(None) == Cut(None, 0.0, 0.0, 0.0, 0, 0, 4)


def test_a_count_may_go_through_equal_scores() -> None:
    line = curve([3, 2, 2], [1, 0, 1], 2)
    assert [line.first(count).correct for count in (0, 1, 2, 3, 9)] == [0, 1, 1, 2, 2]


def test_rows_are_the_distinct_scores() -> None:
    line = curve([3, 2, 2, 1], [1, 0, 1, 0], 4)
    assert [(score, cut.extracted, cut.correct) for score, cut in line.rows()] == [(3, 1, 1), (2, 3, 2), (1, 4, 2)]


@pytest.mark.parametrize("line", [curve([], [], 3), curve([2, 1], [0, 0], 3), curve([], [], 0)])
def test_nothing_right_is_zero_everywhere(line: Curve) -> None:
    best = line.best()
    assert (best.threshold, best.f1, best.precision, best.recall, best.extracted) == (None, 0, 0, 0, 0)
    assert line.at(0).f1 == 0

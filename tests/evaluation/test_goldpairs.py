from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import evaluation as reference

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.evaluation.curve import Curve
from fairseq_xling.evaluation.goldpairs import gold_curve, goldpair_scores
from fairseq_xling.signatures import parse_signature

Mined = list[tuple[float, int, int]]


def curve_of(mined: Mined, source: list[str], target: list[str]) -> Curve:
    columns = list(zip(*mined, strict=True)) or [(), (), ()]
    return gold_curve(
        np.array(columns[0], np.float64), np.array(columns[1], np.int64), np.array(columns[2], np.int64), source, target
    )


concepts = st.lists(st.sampled_from("pqrs"), min_size=1, max_size=6)


@given(st.data(), concepts, concepts)
def test_every_cut_is_that_of_the_loop(data: st.DataObject, source: list[str], target: list[str]) -> None:
    mined = data.draw(
        st.lists(
            st.tuples(st.integers(0, 5).map(float), st.integers(0, len(source) - 1), st.integers(0, len(target) - 1)),
            max_size=15,
        )
    )
    line = curve_of(mined, source, target)
    for threshold in range(-1, 7):
        kept = {(i, j) for score, i, j in mined if score > threshold}
        right, finds, most = reference.gold_recall(kept, source, target)
        cut = line.at(threshold, strict=True)
        assert (cut.extracted, cut.correct, cut.gold) == (len(kept), right, most)
        assert cut.precision == (right / len(kept) if kept else 0)
        assert cut.recall == (finds / most if most else 0)
    best = max(slow_f1(threshold, mined, source, target) for threshold in range(-1, 6))
    assert line.best().f1 == pytest.approx(best, abs=1e-12)


def slow_f1(threshold: int, mined: Mined, source: list[str], target: list[str]) -> float:
    kept = {(i, j) for score, i, j in mined if score > threshold}
    right, finds, most = reference.gold_recall(kept, source, target)
    if not right:
        return 0.0
    precision, recall = right / len(kept), finds / most
    return 2 * precision * recall / (precision + recall)


def test_scores_say_which_cut_they_are() -> None:
    mined: Mined = [(1.2, 0, 1), (1.1, 1, 0), (1.0, 2, 2), (0.9, 3, 3)]
    line = curve_of(mined, list("pqrs"), list("qpxr"))
    scores = goldpair_scores(line, [1.0], [1, 9], "fur-eng", "mono", "margin:ratio|threshold:0.5|xling:0")
    found = {(parse_signature(score.signature)["threshold"], score.name): score.value for score in scores}
    assert {key[0] for key in found} == {"as-mined", "given-1", "cap-1", "cap-9", "oracle"}
    assert found["as-mined", "pairs.precision"] == 0.5
    assert found["as-mined", "pairs.recall"] == pytest.approx(2 / 3)
    assert found["given-1", "pairs.precision"] == 1
    assert found["given-1", "pairs.recall"] == pytest.approx(2 / 3)
    assert found["cap-1", "pairs.recall"] == pytest.approx(1 / 3)
    assert found["cap-9", "pairs.precision"] == 0.5
    assert found["oracle", "pairs.f1"] == pytest.approx(0.8)
    assert all(score.signature.startswith("margin:ratio|mined-threshold:0.5|split:mono|") for score in scores)


def test_everything_mined_right_is_perfect_in_any_order() -> None:
    names = [str(i) for i in range(9)]
    order = np.random.default_rng(1).permutation(9)
    line = curve_of([(1.0, i, int(order[i])) for i in range(9)], names, [names[i] for i in np.argsort(order)])
    assert (line.best().f1, line.best().gold) == (1.0, 9)


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_the_order_of_the_target_lines_does_not_matter(seed: int, lines: int) -> None:
    draw = np.random.default_rng(seed)
    source, target = ([str(concept) for concept in draw.integers(lines, size=lines)] for _ in range(2))
    mined: Mined = [
        (float(draw.integers(3)), int(draw.integers(lines)), int(draw.integers(lines))) for _ in range(lines)
    ]
    order = draw.permutation(lines).tolist()
    moved = [(score, i, order[j]) for score, i, j in mined]
    straight, shuffled = (
        curve_of(mined, source, target),
        curve_of(moved, source, [target[order.index(j)] for j in range(lines)]),
    )
    assert list(straight.rows()) == list(shuffled.rows())


def test_nothing_mined_is_zero_and_nothing_shared_too() -> None:
    for line in (curve_of([], ["p"], ["p"]), curve_of([(1.0, 0, 0)], ["p"], ["q"])):
        assert {score.value for score in goldpair_scores(line, [1.0], [1])} == {0.0}


def test_a_repeated_pair_counts_once_with_its_larger_score() -> None:
    line = curve_of([(1.0, 0, 0), (3.0, 0, 0), (2.0, 1, 1)], ["p", "q"], ["p", "x"])
    np.testing.assert_array_equal(line.scores, [3.0, 2.0])


def test_unusable_input_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"pair 1 \(from 0\) names target line 4, but the target ids have 1 lines"):
        curve_of([(1.0, 0, 0), (1.0, 0, 4)], ["p"], ["p"])
    with pytest.raises(CorpusError, match="names source line -1"):
        curve_of([(1.0, -1, 0)], ["p"], ["p"])
    with pytest.raises(CorpusError, match=r"pair 0 \(from 0\) has no number"):
        curve_of([(float("nan"), 0, 0)], ["p"], ["p"])
    with pytest.raises(ConfigError, match="at least 1, but is 0"):
        goldpair_scores(curve_of([], ["p"], ["p"]), caps=[0])

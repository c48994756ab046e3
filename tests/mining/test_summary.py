"""What the person is told."""

from __future__ import annotations

import numpy as np

from fairseq_xling.mining import MiningConfig, mine_pairs
from fairseq_xling.mining.summary import histogram, histogram_lines, summary_lines


def test_histogram_counts_every_score_once():
    scores = np.random.default_rng(0).normal(size=1000)
    steps = histogram(scores, bins=7)
    assert sum(step["count"] for step in steps) == 1000
    inside = [((scores >= step["low"] - 1e-4) & (scores <= step["high"] + 1e-4)).sum() for step in steps]
    assert all(count <= near for count, near in zip([step["count"] for step in steps], inside, strict=True))


def test_one_value_and_none():
    assert sum(step["count"] for step in histogram(np.array([1.06, 1.06]))) == 2
    assert histogram(np.array([])) == []
    assert list(histogram_lines(np.array([]))) == []


def test_the_longest_bar_is_the_fullest_step():
    lines = list(histogram_lines(np.array([1.0] * 9 + [2.0] * 3), bins=2))
    assert [line.count("█") for line in lines] == [40, 13]


def test_summary_ends_with_the_signature():
    x = np.random.default_rng(0).random((30, 4), np.float32)
    pairs = mine_pairs(x, x, MiningConfig(threshold=0))
    lines = list(summary_lines(pairs, "the quality line"))
    assert lines[0].startswith("30 sources, 30 targets: 30 pairs in ")
    assert lines[1] == "the quality line"
    assert lines[-1] == pairs.signature

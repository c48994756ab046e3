from __future__ import annotations

import numpy as np
import pytest

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.layers import layer_curves, layer_scores
from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.score import with_means
from fairseq_xling.evaluation.tatoeba import tatoeba_scores
from fairseq_xling.signatures import parse_signature


def test_each_layer_is_scored_as_by_itself() -> None:
    draw = np.random.default_rng(1)
    source = draw.normal(size=(40, 5)).astype(np.float32)
    noise = draw.normal(size=(40, 5)).astype(np.float32)
    tests = {
        n: TestSet(source, source + noise * scale, languages=("fur", "eng")) for n, scale in ((0, 2), (3, 0.5), (12, 0))
    }
    scores = with_means(layer_scores(tests))
    values = {(score.name, score.pair): score.value for score in scores}
    for number, test in tests.items():
        for expected in tatoeba_scores(test, at=[1]):
            if expected.name == "tatoeba.accuracy":
                assert values[f"tatoeba.accuracy.layer-{number}", expected.pair] == expected.value
    assert values["tatoeba.accuracy.layer-12", "*"] == 1
    assert parse_signature(scores[2].signature)["layer"] == "3"
    curves = layer_curves(scores)
    assert list(curves) == ["fur-eng", "eng-fur", "mean"]
    assert curves["fur-eng"] == [(n, values[f"tatoeba.accuracy.layer-{n}", "fur-eng"]) for n in tests]
    means = {n: values[f"tatoeba.accuracy.layer-{n}", "*"] for n in tests}
    assert dict(curves["mean"]) == pytest.approx(means)


def test_layers_are_of_one_test_set() -> None:
    eye = np.eye(3, dtype=np.float32)
    with pytest.raises(CorpusError, match=r"layers of different test sets: \{0: 3, 1: 2\}"):
        layer_scores({0: TestSet(eye, eye), 1: TestSet(eye[:2], eye[:2])})
    assert layer_scores({}) == []
    assert layer_curves([]) == {}
